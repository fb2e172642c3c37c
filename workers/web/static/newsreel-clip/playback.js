// What the browser plays a clip with: its own HLS, hls.js where the page brings it (`window.Hls`), or the MP4. DASH needs
// a player as well and would show the same segments as HLS.

const HLS_TYPE = "application/vnd.apple.mpegurl";

/** The ways to play the record's clip in this browser, the best first: [{kind: "native" | "hls.js" | "mp4", url}]. */
export function waysToPlay(record, base, video) {
  const ways = [];
  const hls = record.hls && new URL(record.hls, base).href;
  if (hls && video.canPlayType(HLS_TYPE)) ways.push({ kind: "native", url: hls });
  if (hls && window.Hls?.isSupported()) ways.push({ kind: "hls.js", url: hls });
  // A clip that is only heard has a file of sound in the MP4's place.
  const file = record.mp4?.length ? rightSize(record.mp4, video) : record.audio?.[0];
  if (file) ways.push({ kind: "mp4", url: new URL(file.url, base).href });
  return ways;
}

// The smallest MP4 that fills the box on this screen, since one of them can't adapt later; else the largest.
function rightSize(files, video) {
  const wanted = video.clientHeight * Math.min(2, window.devicePixelRatio || 1);
  const bySize = [...files].sort((one, other) => one.height - other.height);
  return bySize.find((file) => file.height >= wanted) ?? bySize.at(-1);
}

/** One clip on one `<video>`. Nothing is fetched before `start`; a way that fails gives its place to the next one. */
export class Playback {
  #video;
  #ways;
  #hls = null;
  #failed;

  /** `failed` is called when no way is left. */
  constructor(video, ways, failed) {
    this.#video = video;
    this.#ways = [...ways];
    this.#failed = failed;
    video.addEventListener("error", () => this.#next());
  }

  /** How it is being played, or null before the start. */
  kind = null;

  start() {
    this.#open(this.#ways[0]);
    // The promise is rejected when a way fails; the next one is then tried, and starts by itself.
    this.#video.play().catch(() => {});
  }

  stop() {
    this.#ways = [];
    this.#close();
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  /** The sound programmes to choose from: [{label, language, isOn}]; empty where the browser shows none. */
  get sounds() {
    if (this.#hls) {
      return this.#hls.audioTracks.map((track, index) => ({
        label: track.name,
        language: track.lang,
        isOn: index === this.#hls.audioTrack,
      }));
    }
    return [...(this.#video.audioTracks ?? [])].map((track) => ({
      label: track.label,
      language: track.language,
      isOn: track.enabled,
    }));
  }

  chooseSound(wanted) {
    if (this.#hls) this.#hls.audioTrack = wanted;
    else [...this.#video.audioTracks].forEach((track, index) => (track.enabled = index === wanted));
  }

  /** The picture's heights to choose from, as hls.js numbers them; empty without one and where the browser decides. */
  get heights() {
    const levels = this.#hls?.levels ?? [];
    return levels.every((level) => level.height) ? levels.map((level) => level.height) : [];
  }

  /** The number of the chosen height, -1 for the player's own choice. */
  get height() {
    return this.#hls?.manualLevel ?? -1;
  }

  chooseHeight(number) {
    this.#hls.nextLevel = number;
  }

  #open(way) {
    this.kind = way.kind;
    if (way.kind !== "hls.js") {
      this.#video.src = way.url;
      return;
    }
    const { Events } = window.Hls;
    // Levels larger than the box cost bytes that nobody sees.
    this.#hls = new window.Hls({ capLevelToPlayerSize: true });
    this.#hls.on(Events.ERROR, (_, fault) => fault.fatal && this.#next());
    for (const event of [Events.MANIFEST_PARSED, Events.AUDIO_TRACKS_UPDATED]) {
      this.#hls.on(event, () => this.#video.dispatchEvent(new Event("choices")));
    }
    this.#hls.loadSource(way.url);
    this.#hls.attachMedia(this.#video);
  }

  #next() {
    if (this.#ways.length === 0) return;
    const timeS = this.#video.currentTime;
    this.#ways.shift();
    this.#close();
    if (this.#ways.length === 0) {
      this.#failed();
      return;
    }
    this.#open(this.#ways[0]);
    if (timeS) this.#video.currentTime = timeS;
    this.#video.play().catch(() => {});
  }

  #close() {
    this.#hls?.destroy();
    this.#hls = null;
  }
}
