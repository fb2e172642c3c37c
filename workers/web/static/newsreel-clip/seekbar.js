// The seek bar: a native slider, whose place and words screen readers know, with the storyboard's tile above it.

import { element } from "./dom.js";
import { clock, spoken } from "./words.js";

const THUMB_PX = 14;

export class SeekBar {
  #video;
  #words;
  #durationS = 0;
  #storyboard;
  #isDragged = false;
  #shownAtS = null;

  /** `storyboard` gives the tiles. */
  constructor(video, words, storyboard) {
    this.#video = video;
    this.#words = words;
    this.#storyboard = storyboard;
    this.slider = element("input", { type: "range", class: "seek", min: 0, max: 0, step: "any", "aria-label": words.seek });
    this.slider.value = 0;
    this.tile = element("div", { class: "tile" });
    this.time = element("span", { class: "tile-time" });
    this.preview = element("div", { class: "preview", hidden: true, "aria-hidden": "true" }, this.tile, this.time);
    this.root = element("div", { class: "seek-row" }, this.preview, this.slider);
    this.slider.addEventListener("pointermove", (event) => this.#show(this.#timeUnder(event)));
    this.slider.addEventListener("pointerleave", () => this.#isDragged || this.hide());
    this.slider.addEventListener("pointerdown", () => (this.#isDragged = true));
    this.slider.addEventListener("pointercancel", () => this.#release());
    this.slider.addEventListener("input", () => {
      const timeS = Number(this.slider.value);
      video.currentTime = this.#reachable(timeS);
      this.#paint(timeS);
      this.#show(timeS);
    });
    this.slider.addEventListener("change", () => this.#release());
    this.slider.addEventListener("blur", () => this.hide());
  }

  /** How long the clip is: what the video says, and while it is still growing what the record says. */
  set duration(timeS) {
    this.#durationS = timeS || 0;
    this.slider.max = this.#durationS;
    this.update();
  }

  get duration() {
    return this.#durationS;
  }

  set storyboard(storyboard) {
    this.#storyboard = storyboard;
  }

  /** Show where the video is. */
  update() {
    if (this.#isDragged) return;
    this.slider.value = this.#video.currentTime;
    this.#paint(this.#video.currentTime);
  }

  /** Go there, and show the tile of that place for who steps with keys. */
  go(timeS) {
    this.#video.currentTime = this.#reachable(timeS);
    this.update();
    if (this.slider.matches(":focus")) this.#show(this.#video.currentTime);
  }

  hide() {
    this.#shownAtS = null;
    this.preview.hidden = true;
  }

  // Of a clip that is still being prepared, only the part that is there can be gone to.
  #reachable(timeS) {
    const { seekable } = this.#video;
    const last = seekable.length ? seekable.end(seekable.length - 1) : this.#durationS;
    return Math.max(0, Math.min(timeS, Number.isFinite(last) && last > 0 ? last : this.#durationS));
  }

  #release() {
    this.#isDragged = false;
    this.hide();
  }

  #paint(timeS) {
    const part = this.#durationS ? Math.min(1, timeS / this.#durationS) : 0;
    this.slider.style.setProperty("--played", `${part * 100}%`);
    const { buffered } = this.#video;
    const loadedS = buffered.length ? buffered.end(buffered.length - 1) : 0;
    this.slider.style.setProperty("--loaded", `${this.#durationS ? Math.min(100, (loadedS / this.#durationS) * 100) : 0}%`);
    const said = this.#words.of(spoken(timeS, this.#words), spoken(this.#durationS, this.#words));
    if (this.slider.getAttribute("aria-valuetext") !== said) this.slider.setAttribute("aria-valuetext", said);
  }

  #timeUnder(event) {
    const box = this.slider.getBoundingClientRect();
    const part = (event.clientX - box.left - THUMB_PX / 2) / (box.width - THUMB_PX);
    return Math.max(0, Math.min(1, part)) * this.#durationS;
  }

  async #show(timeS) {
    this.#shownAtS = timeS;
    const tile = await this.#storyboard.tileAt(timeS);
    // The pointer has moved on, or left, while the storyboard was being fetched.
    if (this.#shownAtS !== timeS) return;
    this.time.textContent = clock(timeS);
    this.tile.hidden = tile === null;
    if (tile) {
      Object.assign(this.tile.style, {
        width: `${tile.width}px`,
        height: `${tile.height}px`,
        backgroundImage: `url("${tile.url}")`,
        backgroundPosition: `-${tile.x}px -${tile.y}px`,
      });
    }
    this.preview.hidden = false;
    // Above its place on the bar, but never over the edge.
    const room = this.slider.clientWidth;
    const half = this.preview.offsetWidth / 2;
    const place = THUMB_PX / 2 + (this.#durationS ? timeS / this.#durationS : 0) * (room - THUMB_PX);
    this.preview.style.left = `${Math.max(half, Math.min(room - half, place))}px`;
  }
}
