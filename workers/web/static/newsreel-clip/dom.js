// Elements without markup in strings: nothing that a record holds can become an element, and no policy forbids it.

/** An element with these properties (`class`, `text`, `on…` handlers, else attributes; false and null are left out). */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === false || value === null || value === undefined) continue;
    if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = {
  play: "M8 5v14l11-7z",
  pause: "M7 5h3.5v14H7zM13.5 5H17v14h-3.5z",
  replay: "M12 5V1.5L6.5 6.5 12 11.5V8a5.5 5.5 0 1 1-5.5 5.5h-2.5A8 8 0 1 0 12 5z",
  sound: "M4 9v6h4l5 4.5v-15L8 9zM15.5 8a5 5 0 0 1 0 8v-2.2a3 3 0 0 0 0-3.6zM15.5 3.8a8.7 8.7 0 0 1 0 16.4v-2.1a6.7 6.7 0 0 0 0-12.2z",
  muted: "M4 9v6h4l5 4.5v-15L8 9zM21.5 9.9 20.1 8.5 18 10.6l-2.1-2.1-1.4 1.4L16.6 12l-2.1 2.1 1.4 1.4L18 13.4l2.1 2.1 1.4-1.4L19.4 12z",
  captions: "M4.5 5h15A1.5 1.5 0 0 1 21 6.5v11a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 17.5v-11A1.5 1.5 0 0 1 4.5 5zM5 7v10h14V7zM6.5 12.5h5V14.5h-5zM13 12.5h4.5V14.5H13zM6.5 9h3v2h-3zM11 9h6.5v2H11z",
  settings: "M13.9 3l.4 2.3a7 7 0 0 1 1.7 1l2.2-.8 1.9 3.3-1.8 1.5a7 7 0 0 1 0 2l1.8 1.5-1.9 3.3-2.2-.8a7 7 0 0 1-1.7 1l-.4 2.3h-3.8l-.4-2.3a7 7 0 0 1-1.7-1l-2.2.8-1.9-3.3 1.8-1.5a7 7 0 0 1 0-2L3.9 8.8l1.9-3.3 2.2.8a7 7 0 0 1 1.7-1l.4-2.3zM12 8.6a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4z",
  pip: "M3 5h18v14H3zM5 7v10h14V7zM11.5 11.5H18V16h-6.5z",
  fullscreen: "M4 4h6v2H6v4H4zM14 4h6v6h-2V6h-4zM4 14h2v4h4v2H4zM18 14h2v6h-6v-2h4z",
  window: "M8 4h2v6H4V8h4zM14 4h2v4h4v2h-6zM4 14h6v6H8v-4H4zM14 14h6v2h-4v4h-2z",
};

/** A sign of 24 units a side; the button that it stands on has the words. */
export function icon(name) {
  const sign = document.createElementNS(SVG, "svg");
  sign.setAttribute("viewBox", "0 0 24 24");
  sign.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name]);
  path.setAttribute("fill-rule", "evenodd");
  sign.append(path);
  return sign;
}

/** A button of one sign. */
export function iconButton(name, properties) {
  return element("button", { type: "button", ...properties }, icon(name));
}

/** Another sign and other words on the same button; a screen reader hears the words. */
export function relabel(button, name, label) {
  if (button.dataset.icon !== name) button.replaceChildren(icon(name));
  button.dataset.icon = name;
  button.setAttribute("aria-label", label);
  button.title = label;
}
