// ThumbHash (https://evanw.github.io/thumbhash/): paints a picture's gist, which is at hand before the picture is.

/** Paint the opaque picture of a hash in base64 on a new canvas of at most 32 × 32 pixels. */
export function thumbhashCanvas(base64) {
  const hash = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const header = hash[0] | (hash[1] << 8) | (hash[2] << 16);
  const rest = hash[3] | (hash[4] << 8);
  const isLandscape = rest >> 15;
  const sides = [rest & 7, (header >> 23) & 1 ? 5 : 7];
  const across = Math.max(3, isLandscape ? sides[1] : sides[0]);
  const down = Math.max(3, isLandscape ? sides[0] : sides[1]);
  let nibble = 0;
  const terms = (columns, rows, scale) => {
    const found = [];
    for (let y = 0; y < rows; y++) {
      for (let x = y ? 0 : 1; x * rows < columns * (rows - y); x++) {
        const value = (hash[5 + (nibble >> 1)] >> ((nibble & 1) << 2)) & 15;
        nibble++;
        found.push([x, y, (value / 7.5 - 1) * scale]);
      }
    }
    return found;
  };
  const light = [(header & 63) / 63, terms(across, down, ((header >> 18) & 31) / 31)];
  // Colours are kept weaker than they are, and are given a quarter more back.
  const yellowBlue = [((header >> 6) & 63) / 31.5 - 1, terms(3, 3, (((rest >> 3) & 63) / 63) * 1.25)];
  const redGreen = [((header >> 12) & 63) / 31.5 - 1, terms(3, 3, (((rest >> 9) & 63) / 63) * 1.25)];

  const ratio = across / down;
  const width = Math.round(ratio > 1 ? 32 : 32 * ratio);
  const height = Math.round(ratio > 1 ? 32 / ratio : 32);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  const wave = (count, place, side) => Math.cos((Math.PI / side) * (place + 0.5) * count);
  const sum = ([constant, waves], x, y) =>
    waves.reduce((total, [cx, cy, value]) => total + value * wave(cx, x, width) * wave(cy, y, height) * 2, constant);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [l, p, q] = [light, yellowBlue, redGreen].map((channel) => sum(channel, x, y));
      const blue = l - (2 / 3) * p;
      const red = (3 * l - blue + q) / 2;
      picture.data.set([red, red - q, blue].map((value) => Math.round(255 * value)).concat(255), (y * width + x) * 4);
    }
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}
