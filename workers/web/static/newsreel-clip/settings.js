// The panel of choices: captions, sound, quality, speed; each is a group of radio buttons, so keys work as everywhere.

import { element } from "./dom.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
let made = 0;

/** Fill the panel anew. `groups`: [{legend, options: [{label, isOn, choose}]}]; a group without a choice is left out. */
export function fillPanel(panel, groups) {
  const shown = groups.filter((group) => group.options.length > 1);
  panel.replaceChildren(...shown.map(fieldset));
}

function fieldset({ legend, options }) {
  const name = `newsreel-choice-${++made}`;
  const lines = options.map(({ label, language, isOn, choose }) => {
    const radio = element("input", { type: "radio", name, onchange: choose });
    radio.checked = isOn;
    return element("label", {}, radio, element("span", { text: label, lang: language || null }));
  });
  return element("fieldset", {}, element("legend", { text: legend }), ...lines);
}

export function speedGroup(video, words) {
  return {
    legend: words.speed,
    options: SPEEDS.map((speed) => ({
      label: speed === 1 ? words.normal : `${speed}×`,
      isOn: video.playbackRate === speed,
      choose: () => (video.playbackRate = speed),
    })),
  };
}

export function qualityGroup(playback, words) {
  const heights = playback.heights.map((height, number) => ({ height, number }));
  const options = heights
    .sort((one, other) => other.height - one.height)
    .map(({ height, number }) => ({
      label: `${height}p`,
      isOn: playback.height === number,
      choose: () => playback.chooseHeight(number),
    }));
  const automatic = { label: words.automatic, isOn: playback.height === -1, choose: () => playback.chooseHeight(-1) };
  return { legend: words.quality, options: options.length > 1 ? [automatic, ...options] : [] };
}

export function soundGroup(playback, words, languageName) {
  return {
    legend: words.audio,
    options: playback.sounds.map(({ label, language, isOn }, index) => ({
      label: (language && language !== "und" ? languageName(language) : label) || words.track(index + 1),
      isOn,
      choose: () => playback.chooseSound(index),
    })),
  };
}

export function captionsGroup(captions, words) {
  const tracks = captions.tracks.map((track, index) => ({
    label: track.label || track.language,
    language: track.language,
    isOn: captions.shown === index,
    choose: () => captions.show(index),
  }));
  const off = { label: words.off, isOn: captions.shown === -1, choose: () => captions.show(-1) };
  return { legend: words.captions, options: tracks.length ? [off, ...tracks] : [] };
}
