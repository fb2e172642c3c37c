// The component's style, as a sheet that is adopted: no inline style, which a strict policy would refuse.

const CSS_TEXT = `
:host {
  --accent: var(--newsreel-accent, #ff5a5f);
  display: block;
  position: relative;
  color-scheme: dark;
  font: 400 0.9375rem/1.4 var(--newsreel-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif);
  text-align: start;
  -webkit-tap-highlight-color: transparent;
}
:host([hidden]) { display: none; }
:host([fill]), :host([fill]) .stage { width: 100%; height: 100%; }
*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }

.stage {
  position: relative;
  container-type: inline-size;
  width: 100%;
  max-height: 85vh;
  aspect-ratio: 16 / 9;
  overflow: hidden;
  border-radius: var(--newsreel-radius, 0);
  background: #0e0f12;
  color: #ffffff;
  outline: none;
  user-select: none;
  -webkit-user-select: none;
}
:host([fill]) .stage { max-height: none; }
.stage:fullscreen { max-height: none; border-radius: 0; }
.stage.is-idle.is-started { cursor: none; }

.poster, .poster canvas, .poster img, video { position: absolute; inset: 0; width: 100%; height: 100%; }
.poster canvas { object-fit: fill; filter: blur(4px); transform: scale(1.03); }
.poster img, video { display: block; object-fit: contain; }
video { opacity: 0; }
.has-picture video { opacity: 1; background: #000000; }
video::cue { font: 500 1em/1.35 system-ui, "Noto Sans", "Liberation Sans", Arial, sans-serif; background: rgb(0 0 0 / 78%); color: #ffffff; }
.is-started:not(.is-idle) video::-webkit-media-text-track-container { transform: translateY(-5.75rem); }

.message {
  position: absolute;
  inset: 0;
  display: grid;
  place-content: center;
  justify-items: center;
  gap: 0.9rem;
  padding: 1rem;
  text-align: center;
  pointer-events: none;
}
.poster ~ .message { background: rgb(0 0 0 / 66%); }
.status { margin: 0; width: min(34ch, 90cqw); font-size: 1rem; font-weight: 600; text-wrap: balance; }
.is-bad .status::before { content: "!"; display: block; width: 2rem; height: 2rem; margin: 0 auto 0.75rem; border: 2px solid currentColor; border-radius: 50%; font: 700 1.2rem/1.75rem system-ui, sans-serif; color: #ffb3b5; }
/* Its place is kept, so that the words above it stay where they are when it comes. */
progress[hidden] { display: block !important; visibility: hidden; }
progress { appearance: none; width: min(16rem, 60cqw); height: 6px; border: 0; border-radius: 3px; overflow: hidden; background: rgb(255 255 255 / 25%); }
progress::-webkit-progress-bar { background: rgb(255 255 255 / 25%); }
progress::-webkit-progress-value { background: #ffffff; border-radius: 3px; transition: width 0.6s; }
progress::-moz-progress-bar { background: #ffffff; border-radius: 3px; }

button {
  display: grid;
  place-content: center;
  flex: none;
  min-width: 2.5rem;
  min-height: 2.5rem;
  margin: 0;
  padding: 0;
  border: 0;
  border-radius: 6px;
  background: none;
  color: inherit;
  font: inherit;
  cursor: pointer;
}
svg { display: block; width: 1.5rem; height: 1.5rem; fill: currentColor; }
:focus-visible { outline: 3px solid #ffffff; outline-offset: -1px; box-shadow: 0 0 0 5px #0e0f12; }
.stage:focus-visible { outline: none; box-shadow: none; }

.start { position: absolute; inset: 0; width: 100%; border-radius: inherit; }
.start:focus-visible { outline-offset: -6px; box-shadow: inset 0 0 0 8px #0e0f12; }
.start svg {
  width: clamp(3.5rem, 12cqw, 5rem);
  height: clamp(3.5rem, 12cqw, 5rem);
  padding: clamp(0.7rem, 2.4cqw, 1rem);
  border-radius: 50%;
  background: rgb(14 15 18 / 78%);
  box-shadow: 0 0 0 2px rgb(255 255 255 / 85%);
  transition: background-color 0.15s, transform 0.15s;
}
.start:hover svg { background: #b3131f; transform: scale(1.06); }
.length { position: absolute; right: 0.6rem; bottom: 0.6rem; padding: 0.1rem 0.45rem; border-radius: 4px; background: rgb(14 15 18 / 82%); font-size: 0.8125rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.length:empty { display: none; }

.stage::after {
  content: "";
  position: absolute;
  top: calc(50% - 1.5rem);
  left: calc(50% - 1.5rem);
  width: 3rem;
  height: 3rem;
  border: 4px solid rgb(255 255 255 / 30%);
  border-top-color: #ffffff;
  border-radius: 50%;
  pointer-events: none;
  visibility: hidden;
}
.is-started:not(.has-picture, .has-sound)::after, .is-waiting::after { visibility: visible; animation: turn 0.9s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }

.controls { position: absolute; inset: 0; pointer-events: none; transition: opacity 0.25s; }
.bar {
  position: absolute;
  inset: auto 0 0;
  padding: 1.25rem 0.6rem 0.3rem;
  background: linear-gradient(transparent, rgb(0 0 0 / 70%) 1.5rem, rgb(0 0 0 / 88%));
}
.bar > *, .panel { pointer-events: auto; }
.is-idle .controls { opacity: 0; }
.is-idle .bar > * { pointer-events: none; }
.buttons, .side { display: flex; align-items: center; }
.buttons { justify-content: space-between; }
.side { min-width: 0; gap: 0.1rem; }
.buttons button:hover { background: rgb(255 255 255 / 18%); }
.time { padding: 0 0.5rem; font-size: 0.875rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
.cc[aria-pressed="true"] { box-shadow: inset 0 -3px 0 var(--accent); }

input[type="range"] {
  --line: 4px;
  appearance: none;
  width: 100%;
  height: 1.75rem;
  margin: 0;
  border-radius: 6px;
  background: none;
  cursor: pointer;
}
input[type="range"]::-webkit-slider-runnable-track {
  height: var(--line);
  border-radius: 3px;
  background: linear-gradient(to right, var(--accent) var(--played, 0%), rgb(255 255 255 / 60%) 0 var(--loaded, 0%), rgb(255 255 255 / 34%) 0);
}
input[type="range"]::-moz-range-track {
  height: var(--line);
  border-radius: 3px;
  background: linear-gradient(to right, var(--accent) var(--played, 0%), rgb(255 255 255 / 60%) 0 var(--loaded, 0%), rgb(255 255 255 / 34%) 0);
}
input[type="range"]::-webkit-slider-thumb { appearance: none; width: 14px; height: 14px; margin-top: calc((var(--line) - 14px) / 2); border-radius: 50%; background: #ffffff; }
input[type="range"]::-moz-range-thumb { width: 14px; height: 14px; border: 0; border-radius: 50%; background: #ffffff; }
.seek:hover, .seek:focus-visible { --line: 6px !important; }
.volume { --accent: #ffffff; width: 5rem !important; }

.seek-row { position: relative; display: flex; margin: 0 0.3rem; }
.preview {
  position: absolute;
  bottom: calc(100% + 0.4rem);
  left: 0;
  display: grid;
  justify-items: center;
  width: max-content;
  overflow: hidden;
  border: 2px solid #ffffff;
  border-radius: 6px;
  background: #0e0f12;
  transform: translateX(-50%);
  pointer-events: none;
}
.tile { background-repeat: no-repeat; }
.tile-time { padding: 0.1rem 0.5rem; font-size: 0.8125rem; font-weight: 600; font-variant-numeric: tabular-nums; }

.panel {
  position: absolute;
  right: 0.6rem;
  bottom: 3.2rem;
  z-index: 1;
  display: flex;
  flex-wrap: wrap;
  gap: 0.25rem 1.25rem;
  max-width: calc(100% - 1.2rem);
  max-height: calc(100% - 3.8rem);
  overflow-y: auto;
  padding: 0.6rem 0.9rem 0.8rem;
  border-radius: 8px;
  background: #1b1d22;
  box-shadow: 0 0 0 1px rgb(255 255 255 / 22%), 0 8px 24px rgb(0 0 0 / 50%);
}
fieldset { min-width: 7rem; margin: 0; padding: 0; border: 0; }
legend { padding: 0.2rem 0; font-size: 0.8125rem; font-weight: 600; color: #b9bec8; }
label { display: flex; align-items: center; gap: 0.5rem; min-height: 1.875rem; cursor: pointer; }
input[type="radio"] { flex: none; width: 1.125rem; height: 1.125rem; margin: 0; accent-color: var(--accent); }

@media (pointer: coarse) {
  button { min-width: 2.75rem; min-height: 2.75rem; }
  label { min-height: 2.5rem; }
  .volume { display: none; }
}
@container (max-width: 30rem) {
  .volume, .pip { display: none; }
  .time { padding: 0 0.25rem; font-size: 0.8125rem; }
}
@container (max-width: 17rem) {
  .time { display: none; }
}
@media (prefers-reduced-motion: reduce) {
  .controls, .start svg, progress::-webkit-progress-value { transition: none; }
  .start:hover svg { transform: none; }
  .is-started:not(.has-picture, .has-sound)::after, .is-waiting::after { animation-duration: 3s; }
}
@media (forced-colors: active) {
  .start svg, .preview, .panel { border: 1px solid CanvasText; }
  input[type="range"] { appearance: auto; }
}
@media print { .controls, .start { display: none; } }
`;

let sheet = null;

/** The sheet; all clips of a page share one. */
export function style() {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS_TEXT);
  }
  return sheet;
}
