// The bar of controls over the picture, and the keys. What can't work in this browser or for this clip isn't shown.

import { element, iconButton, relabel } from "./dom.js";
import { captionsGroup, fillPanel, qualityGroup, soundGroup, speedGroup } from "./settings.js";
import { clock, languageName } from "./words.js";

const HIDE_AFTER_MS = 3000;
const STEP_S = 5;
const LEAP_S = 10;
const LOUDER = 0.1;

export class Controls {
  #host;
  #stage;
  #video;
  #words;
  #playback;
  #captions;
  #seek;
  #hiding = 0;
  #ended = new AbortController();

  /** `parts`: {host, stage, video, words, playback, captions, seek}; the bar is `root`. */
  constructor(parts) {
    const { host, stage, video, words, playback, captions, seek } = parts;
    [this.#host, this.#stage, this.#video, this.#words] = [host, stage, video, words];
    [this.#playback, this.#captions, this.#seek] = [playback, captions, seek];

    this.play = iconButton("pause", { class: "play", onclick: () => this.#toggle() });
    this.mute = iconButton("sound", { onclick: () => this.#toggleSound() });
    this.volume = element("input", { type: "range", class: "volume", min: 0, max: 1, step: 0.05, "aria-label": words.volume });
    this.volume.addEventListener("input", () => this.#setVolume(Number(this.volume.value)));
    this.time = element("span", { class: "time" });
    this.cc = iconButton("captions", { class: "cc", "aria-pressed": "false", onclick: () => captions.toggle() });
    this.gear = iconButton("settings", { "aria-expanded": "false", "aria-haspopup": "dialog", onclick: () => this.#openPanel(this.panel.hidden) });
    this.pip = iconButton("pip", { class: "pip", onclick: () => this.#togglePip() });
    this.full = iconButton("fullscreen", { onclick: () => this.#toggleFullscreen() });
    this.panel = element("div", { class: "panel", role: "dialog", "aria-label": words.settings, hidden: true });
    this.pip.hidden = !document.pictureInPictureEnabled;
    this.full.hidden = !(document.fullscreenEnabled || video.webkitEnterFullscreen);
    relabel(this.cc, "captions", words.captions);
    relabel(this.gear, "settings", words.settings);
    const right = element("div", { class: "side" }, this.cc, this.gear, this.pip, this.full);
    const left = element("div", { class: "side" }, this.play, this.mute, this.volume, this.time);
    const bar = element("div", { class: "bar" }, seek.root, element("div", { class: "buttons" }, left, right));
    this.root = element("div", { class: "controls" }, bar, this.panel);
    this.#listen();
    this.update();
  }

  /** Show everything as it now is. */
  update() {
    const [video, words] = [this.#video, this.#words];
    const [sign, label] = video.ended ? ["replay", words.replay] : video.paused ? ["play", words.play] : ["pause", words.pause];
    relabel(this.play, sign, label);
    const isSilent = video.muted || video.volume === 0;
    relabel(this.mute, isSilent ? "muted" : "sound", isSilent ? words.unmute : words.mute);
    this.volume.value = isSilent ? 0 : video.volume;
    this.volume.setAttribute("aria-valuetext", `${Math.round(this.volume.value * 100)} %`);
    this.volume.style.setProperty("--played", `${this.volume.value * 100}%`);
    const time = `${clock(video.currentTime)} / ${clock(this.#seek.duration)}`;
    if (this.time.textContent !== time) this.time.textContent = time;
    this.cc.hidden = this.#captions.tracks.length === 0;
    this.cc.setAttribute("aria-pressed", String(this.#captions.shown !== -1));
    const isPip = this.#stage.getRootNode().pictureInPictureElement === video;
    relabel(this.pip, "pip", isPip ? words.leavePip : words.pip);
    const isFull = this.#isFullscreen();
    relabel(this.full, isFull ? "window" : "fullscreen", isFull ? words.leaveFullscreen : words.fullscreen);
    this.#seek.update();
  }

  end() {
    clearTimeout(this.#hiding);
    this.#ended.abort();
  }

  /** Show the bar, and hide it again when nobody does anything and the clip runs. */
  wake() {
    this.#stage.classList.remove("is-idle");
    clearTimeout(this.#hiding);
    this.#hiding = setTimeout(() => {
      // Who came by keyboard must go on seeing where he is.
      const isInUse = !this.panel.hidden || this.root.querySelector(":focus-visible");
      this.#stage.classList.toggle("is-idle", !this.#video.paused && !isInUse);
    }, HIDE_AFTER_MS);
  }

  #listen() {
    const { signal } = this.#ended;
    const events = "play pause ended timeupdate progress volumechange seeking seeked enterpictureinpicture leavepictureinpicture";
    for (const name of events.split(" ")) this.#video.addEventListener(name, () => this.update(), { signal });
    for (const name of ["play", "pause", "ended"]) this.#video.addEventListener(name, () => this.wake(), { signal });
    document.addEventListener("fullscreenchange", () => this.update(), { signal });
    this.#stage.addEventListener("pointermove", () => this.wake(), { signal });
    this.#stage.addEventListener("focusin", () => this.wake(), { signal });
    this.#stage.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.#video.addEventListener("choices", () => this.panel.hidden || this.#fill(), { signal });
    this.#video.addEventListener("click", (event) => this.#click(event), { signal });
    this.#video.addEventListener("dblclick", () => this.#toggleFullscreen(), { signal });
  }

  // A finger shows and hides the bar; a mouse, over which the bar is shown already, plays and pauses.
  #click(event) {
    this.#stage.focus({ preventScroll: true });
    if (!this.panel.hidden) this.#openPanel(false);
    else if (event.pointerType !== "touch") this.#toggle();
    else if (this.#video.paused || this.#stage.classList.contains("is-idle")) this.wake();
    else this.#stage.classList.add("is-idle");
  }

  #toggle() {
    if (this.#video.paused) this.#video.play().catch(() => {});
    else this.#video.pause();
  }

  #toggleSound() {
    this.#video.muted = !(this.#video.muted || this.#video.volume === 0);
    if (!this.#video.muted && this.#video.volume === 0) this.#video.volume = 0.5;
  }

  #setVolume(volume) {
    this.#video.volume = Math.max(0, Math.min(1, volume));
    this.#video.muted = this.#video.volume === 0;
  }

  async #togglePip() {
    try {
      const isThere = this.#stage.getRootNode().pictureInPictureElement === this.#video;
      await (isThere ? document.exitPictureInPicture() : this.#video.requestPictureInPicture());
    } catch {
      // Refused: by the reader, or by the page that holds the frame.
    }
  }

  #isFullscreen() {
    return this.#stage.getRootNode().fullscreenElement === this.#stage;
  }

  async #toggleFullscreen() {
    try {
      if (this.#isFullscreen()) await document.exitFullscreen();
      else if (this.#stage.requestFullscreen) await this.#stage.requestFullscreen();
      else this.#video.webkitEnterFullscreen();
    } catch {
      // Refused, as above.
    }
  }

  #fill() {
    const [words, host] = [this.#words, this.#host];
    fillPanel(this.panel, [
      captionsGroup(this.#captions, words),
      soundGroup(this.#playback, words, (tag) => languageName(tag, host)),
      qualityGroup(this.#playback, words),
      speedGroup(this.#video, words),
    ]);
  }

  #openPanel(isWanted) {
    if (isWanted) this.#fill();
    this.panel.hidden = !isWanted;
    this.gear.setAttribute("aria-expanded", String(isWanted));
    if (isWanted) this.panel.querySelector(":checked, input")?.focus();
    else this.gear.focus({ preventScroll: true });
    this.wake();
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    const { target, key } = event;
    if (key === "Escape" && !this.panel.hidden) {
      this.#openPanel(false);
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    // Inside the panel, on the volume and on a button the browser has uses of its own for some keys.
    if (this.panel.contains(target)) return;
    if (target === this.volume && /^(Arrow|Home|End|Page)/.test(key)) return;
    if (target.localName === "button" && (key === " " || key === "Enter")) return;
    if (this.#act(key.length === 1 ? key.toLowerCase() : key)) {
      event.preventDefault();
      this.wake();
    }
  }

  #act(key) {
    const [video, seek] = [this.#video, this.#seek];
    if (/^\d$/.test(key)) {
      seek.go((seek.duration * Number(key)) / 10);
      return true;
    }
    const acts = {
      " ": () => this.#toggle(),
      k: () => this.#toggle(),
      j: () => seek.go(video.currentTime - LEAP_S),
      l: () => seek.go(video.currentTime + LEAP_S),
      ArrowLeft: () => seek.go(video.currentTime - STEP_S),
      ArrowRight: () => seek.go(video.currentTime + STEP_S),
      ArrowUp: () => this.#setVolume(video.volume + LOUDER),
      ArrowDown: () => this.#setVolume(video.volume - LOUDER),
      Home: () => seek.go(0),
      End: () => seek.go(seek.duration),
      m: () => this.#toggleSound(),
      f: () => this.#toggleFullscreen(),
      c: () => this.#captions.toggle(),
    };
    acts[key]?.();
    return key in acts;
  }
}
