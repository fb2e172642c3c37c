// The storyboard: WebVTT cues whose text is a sheet's address with the tile's place on it (`#xywh=`, W3C Media Fragments).

const CUE = /(?:(\d+):)?(\d{2}):(\d{2}\.\d{3})\s+-->\s+(?:(\d+):)?(\d{2}):(\d{2}\.\d{3})[^\n]*\n([^\n]+)#xywh=(\d+),(\d+),(\d+),(\d+)/g;

/** The tiles of a storyboard: [{startS, endS, url, x, y, width, height}]; addresses are relative to the VTT's. */
export function readStoryboard(text, url) {
  return [...text.replace(/\r\n?/g, "\n").matchAll(CUE)].map((cue) => {
    const time = (at) => Number(cue[at] ?? 0) * 3600 + Number(cue[at + 1]) * 60 + Number(cue[at + 2]);
    const [x, y, width, height] = cue.slice(8, 12).map(Number);
    return { startS: time(1), endS: time(4), url: new URL(cue[7], url).href, x, y, width, height };
  });
}

/** A storyboard that is fetched when it is first wanted; without one, or where it can't be had, there are no tiles. */
export class Storyboard {
  #url;
  #tiles = null;

  constructor(url) {
    this.#url = url;
  }

  /** The tile shown at that time, or null. */
  async tileAt(timeS) {
    this.#tiles ??= this.#fetch();
    const tiles = await this.#tiles;
    return tiles.findLast((tile) => tile.startS <= timeS) ?? tiles[0] ?? null;
  }

  async #fetch() {
    if (!this.#url) return [];
    try {
      const answer = await fetch(this.#url, { credentials: "same-origin" });
      return answer.ok ? readStoryboard(await answer.text(), this.#url) : [];
    } catch {
      return [];
    }
  }
}
