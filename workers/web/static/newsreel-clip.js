// <newsreel-clip record="…/clip.json">: a clip wherever it is shown, from the upload to the player, without a reload.
//
// Attributes: `record`, the address of the clip's record; `label`, what the clip is called (else the record's name);
// `width` and `height`, which fix the box's shape (else it is the clip's own); `fill`, to take the size of the element
// around it; `lang`, the language of its words (vi or en). What stands inside it is for browsers that don't know it.
// It tells each change of the record by the event `newsreel:state`, whose detail is {state, progress, record, etag}.

import { element } from "./newsreel-clip/dom.js";
import { Player } from "./newsreel-clip/player.js";
import { posterOf } from "./newsreel-clip/poster.js";
import { style } from "./newsreel-clip/style.js";
import { watch, work } from "./newsreel-clip/watch.js";
import { wordsFor } from "./newsreel-clip/words.js";

const WATCHABLE = new Set(["playable", "ready"]);
// Near enough to be seen soon.
const NEAR = "600px";

class NewsreelClip extends HTMLElement {
  static observedAttributes = ["record", "width", "height"];

  #stage;
  #status;
  #meter;
  #message;
  #words;
  #player = null;
  #poster = null;
  #posterUrl = "";
  #record = null;
  #near = null;
  #unwatch = null;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style()];
    this.#status = element("p", { class: "status" });
    this.#meter = element("progress", { max: 100, value: 0, hidden: true });
    this.#message = element("div", { class: "message", role: "status", hidden: true }, this.#status, this.#meter);
    this.#stage = element("div", { class: "stage", role: "region", tabindex: "-1" }, this.#message);
    root.append(this.#stage);
  }

  connectedCallback() {
    // What was there for browsers without this element would load, and could even play, unseen.
    this.replaceChildren();
    this.#words = wordsFor(this);
    this.#meter.setAttribute("aria-label", this.#words.prepared);
    this.#shape();
    this.#near = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && this.#begin(),
      { rootMargin: NEAR },
    );
    this.#near.observe(this);
  }

  disconnectedCallback() {
    this.#near.disconnect();
    this.#unwatch?.();
    this.#unwatch = null;
    this.#clear();
  }

  attributeChangedCallback(name, before, after) {
    if (!this.isConnected || before === after) return;
    if (name === "record" && this.#unwatch) {
      this.#unwatch();
      this.#clear();
      this.#begin();
    }
    this.#shape();
  }

  /** The record as it was last read, or null. */
  get record() {
    return this.#record;
  }

  /** Somebody has begun to watch the clip, and has not come to its end. */
  get isWatched() {
    return this.#player?.isWatched ?? false;
  }

  get #base() {
    return new URL(this.getAttribute("record"), document.baseURI).href;
  }

  get #title() {
    return this.getAttribute("label") || this.#record?.name || this.#words.player;
  }

  #begin() {
    this.#near.disconnect();
    if (this.getAttribute("record")) this.#unwatch = watch(this.#base, (record, etag) => this.#show(record, etag));
  }

  #clear() {
    this.#player?.end();
    this.#poster?.remove();
    [this.#player, this.#poster, this.#posterUrl, this.#record] = [null, null, "", null];
  }

  #show(record, etag) {
    const isWatchable = record !== null && WATCHABLE.has(record.state);
    this.#record = record;
    this.#stage.setAttribute("aria-label", `${this.#words.player}: ${this.#title}`);
    this.#shape();
    this.#showPoster(record?.state === "withdrawn" ? null : record?.poster);
    if (isWatchable) {
      this.#say("");
      this.#player ??= new Player({
        host: this,
        stage: this.#stage,
        words: this.#words,
        title: this.#title,
        say: (words) => this.#say(words),
      });
      this.#player.set(record, this.#base);
    } else {
      this.#player?.end();
      this.#player = null;
      this.#tell(record);
    }
    const now = record && work(record);
    const detail = { state: now?.state ?? "missing", progress: now?.progress ?? 0, record, etag };
    this.dispatchEvent(new CustomEvent("newsreel:state", { bubbles: true, composed: true, detail }));
  }

  #tell(record) {
    const words = this.#words;
    if (record === null) return this.#say(words.missing);
    const percent = Math.floor((record.progress ?? 0) * 100);
    const told = {
      received: record.retry_at ? words.again : words.received,
      processing: words.processing(percent),
      failed: words.failed,
      withdrawn: words.withdrawn,
    };
    const isBad = record.state === "failed" || record.state === "withdrawn";
    return this.#say(told[record.state] ?? words.received, record.state === "processing" ? percent : null, isBad);
  }

  #say(words, percent = null, isBad = false) {
    this.#message.hidden = !words;
    this.#message.classList.toggle("is-bad", isBad);
    if (this.#status.textContent !== words) this.#status.textContent = words;
    this.#meter.hidden = percent === null;
    this.#meter.value = percent ?? 0;
  }

  #showPoster(poster) {
    const url = poster ? new URL(poster.url, this.#base).href : "";
    // More sizes and formats of a picture that is shown already are no reason to fetch it again.
    if (url === this.#posterUrl) return;
    this.#poster?.remove();
    this.#posterUrl = url;
    this.#poster = poster ? posterOf(poster, this.#base, this.#words.posterOf(this.#title), this.clientWidth) : null;
    if (this.#poster) this.#stage.prepend(this.#poster);
  }

  // The box has its shape before the clip is there, so that nothing around it moves.
  #shape() {
    const record = this.#record;
    const own = record?.renditions?.[0] ?? record?.mp4?.[0] ?? record?.source?.video ?? record?.poster;
    const width = Number(this.getAttribute("width")) || own?.width || 16;
    const height = Number(this.getAttribute("height")) || own?.height || 9;
    this.#stage.style.aspectRatio = `${width} / ${height}`;
  }
}

// A page may bring the script twice.
if (!customElements.get("newsreel-clip")) customElements.define("newsreel-clip", NewsreelClip);
