// The poster: first its gist, then the picture in the best format and size that the browser takes.

import { element } from "./dom.js";
import { thumbhashCanvas } from "./thumbhash.js";

/** A `<picture>` of the record's poster over its gist; `alt` says what it shows, `width` is the box's in CSS pixels. */
export function posterOf(poster, base, alt, width) {
  const sizes = `${Math.max(1, Math.ceil(width))}px`;
  const types = [...new Set((poster.sources ?? []).map((source) => source.type))];
  const sources = types.map((type) => {
    const ofType = poster.sources.filter((source) => source.type === type);
    const srcset = ofType.map((source) => `${new URL(source.url, base).href} ${source.width}w`).join(", ");
    return element("source", { type, srcset, sizes });
  });
  const picture = element("img", { alt, decoding: "async", draggable: "false", src: new URL(poster.url, base).href });
  return element("div", { class: "poster" }, gistOf(poster.thumbhash), element("picture", {}, ...sources, picture));
}

function gistOf(hash) {
  if (!hash) return null;
  try {
    return thumbhashCanvas(hash);
  } catch {
    // Only a gist: whatever is wrong with it, the picture itself follows.
    return null;
  }
}
