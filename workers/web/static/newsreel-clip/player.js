// A clip that can be watched: the video, a large button before the first play, and then the controls.

import { Captions } from "./captions.js";
import { Controls } from "./controls.js";
import { element, iconButton, relabel } from "./dom.js";
import { Playback, waysToPlay } from "./playback.js";
import { SeekBar } from "./seekbar.js";
import { Storyboard } from "./storyboard.js";
import { clock } from "./words.js";

export class Player {
  #host;
  #stage;
  #words;
  #record;
  #base;
  #video;
  #captions;
  #controls = null;
  #seek = null;
  #playback = null;
  #say;

  /** `say(words)` shows why nothing can be played; called with "" it takes that away. */
  constructor({ host, stage, words, title, say }) {
    [this.#host, this.#stage, this.#words, this.#say] = [host, stage, words, say];
    this.#video = element("video", { playsinline: true, preload: "none", crossorigin: "anonymous", "aria-label": title, tabindex: "-1" });
    this.#captions = new Captions(this.#video, () => this.#controls?.update());
    this.start = iconButton("play", { class: "start", onclick: () => this.play() });
    relabel(this.start, "play", `${words.play}: ${title}`);
    this.length = element("span", { class: "length", "aria-hidden": "true" });
    // Before the first play the whole poster is the button.
    this.start.append(this.length);
    // Sound alone is heard over its poster.
    this.#video.addEventListener("playing", () =>
      this.#stage.classList.add(this.#video.videoWidth ? "has-picture" : "has-sound"),
    );
    this.#video.addEventListener("waiting", () => this.#stage.classList.add("is-waiting"));
    for (const name of ["playing", "seeked", "pause", "error"]) {
      this.#video.addEventListener(name, () => this.#stage.classList.remove("is-waiting"));
    }
    for (const name of ["durationchange", "loadedmetadata"]) this.#video.addEventListener(name, () => this.#measure());
    stage.append(this.#video, this.start);
  }

  /** Somebody is watching: begun, and not at its end. */
  get isWatched() {
    return this.#playback !== null && !this.#video.ended;
  }

  get wasStarted() {
    return this.#playback !== null;
  }

  /** The record to play from; a clip that is being watched goes on with the files it began with. */
  set(record, base) {
    const isNewVersion = this.#record && this.#record.version !== record.version;
    if (isNewVersion && this.isWatched) return;
    if (isNewVersion && this.wasStarted) this.#reset();
    [this.#record, this.#base] = [record, base];
    this.length.textContent = record.source?.duration_s ? clock(record.source.duration_s) : "";
    this.#captions.set(record.captions ?? [], base);
    if (this.#seek) this.#seek.storyboard = this.#storyboard();
    this.#measure();
    this.#controls?.update();
    if (!this.wasStarted) this.#offer();
  }

  play() {
    const ways = waysToPlay(this.#record, this.#base, this.#video);
    const hadFocus = this.start.matches(":focus");
    this.start.hidden = true;
    this.#playback = new Playback(this.#video, ways, () => this.#fail());
    this.#seek = new SeekBar(this.#video, this.#words, this.#storyboard());
    this.#controls = new Controls({
      host: this.#host,
      stage: this.#stage,
      video: this.#video,
      words: this.#words,
      playback: this.#playback,
      captions: this.#captions,
      seek: this.#seek,
    });
    this.#stage.append(this.#controls.root);
    this.#stage.classList.add("is-started");
    this.#measure();
    if (hadFocus) this.#controls.play.focus({ preventScroll: true });
    this.#playback.start();
  }

  end() {
    this.#reset();
    this.#video.remove();
    this.start.remove();
  }

  #offer() {
    const canPlay = waysToPlay(this.#record, this.#base, this.#video).length > 0;
    this.start.hidden = !canPlay;
    this.#say(canPlay ? "" : this.#record.state === "ready" ? this.#words.unplayable : this.#words.later);
  }

  #storyboard() {
    const { storyboard } = this.#record;
    return new Storyboard(storyboard ? new URL(storyboard.vtt, this.#base).href : null);
  }

  // A playlist that still grows tells how much there is; the record knows how much there will be.
  #measure() {
    if (!this.#seek) return;
    const { duration } = this.#video;
    const isGrowing = !Number.isFinite(duration) || this.#record.state === "playable";
    this.#seek.duration = isGrowing ? this.#record.source?.duration_s || duration : duration;
    this.#controls?.update();
  }

  #fail() {
    this.#reset();
    this.#say(this.#words.broken);
    this.start.hidden = false;
  }

  // Back to the poster.
  #reset() {
    this.#playback?.stop();
    this.#controls?.end();
    this.#controls?.root.remove();
    [this.#playback, this.#controls, this.#seek] = [null, null, null];
    this.#stage.classList.remove("is-started", "has-picture", "has-sound", "is-waiting", "is-idle");
  }
}
