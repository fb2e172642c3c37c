// Captions: the record's WebVTT files as tracks of the video; one is shown at a time, or none.

import { element } from "./dom.js";

export class Captions {
  #video;
  #changed;
  #last = 0;
  #elements = [];
  #forced = [];
  #mark = "[]";

  /** `changed` is called whenever another track is shown. */
  constructor(video, changed) {
    this.#video = video;
    this.#changed = changed;
    // An HLS playlist may name the same captions again; shown twice they would cover each other.
    video.textTracks.addEventListener("addtrack", () => this.#apply(this.shown));
  }

  /** The record's captions on the video; those that are there already stay as they are. */
  set(captions, base) {
    const mark = JSON.stringify([captions, base]);
    if (mark === this.#mark) return;
    this.#mark = mark;
    for (const each of [...this.#elements, ...this.#forced]) each.remove();
    // Forced ones are shown while no others are, and are no choice.
    const chosen = captions.filter((caption) => !caption.is_forced);
    this.#elements = chosen.map((caption) => track(caption, base));
    this.#forced = captions.filter((caption) => caption.is_forced).map((caption) => track(caption, base));
    this.#video.append(...this.#elements, ...this.#forced);
    const isUsual = chosen.findIndex((caption) => caption.is_default);
    this.#last = Math.max(0, isUsual);
    this.#apply(isUsual);
  }

  get tracks() {
    return this.#elements.map((each) => each.track);
  }

  /** The number of the track that is shown, or -1. */
  get shown() {
    return this.tracks.findIndex((track) => track.mode === "showing");
  }

  show(number) {
    if (number >= 0) this.#last = number;
    this.#apply(number);
    this.#changed();
  }

  /** Hide what is shown, or show what was shown last. */
  toggle() {
    if (this.tracks.length) this.show(this.shown === -1 ? Math.min(this.#last, this.tracks.length - 1) : -1);
  }

  #apply(number) {
    const wanted = number >= 0 ? [this.tracks[number]] : this.#forced.map((each) => each.track);
    for (const each of this.#video.textTracks) each.mode = wanted.includes(each) ? "showing" : "disabled";
  }
}

function track(caption, base) {
  return element("track", {
    kind: caption.kind,
    src: new URL(caption.url, base).href,
    srclang: caption.language ?? "und",
    label: caption.label,
  });
}
