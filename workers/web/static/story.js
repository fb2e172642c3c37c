// Keeps an open story up to date. While a record may still change it is asked for by its ETag; when one has changed, the
// page is fetched once more and the figures that look different are exchanged, except for one that is being watched.
"use strict";

(() => {
  const BUSY_MS = 2000;
  const IDLE_MS = 5000;
  const SLOWEST_MS = 30000;

  const story = () => document.querySelector("[data-story]");
  const figures = (root) => [...root.querySelectorAll("[data-clip]")];

  function isWatched(element) {
    return [...element.querySelectorAll("video")].some((video) => !video.paused || video.currentTime > 0);
  }

  // Records that may change: those of clips in work, and the article's while it waits for any of its clips.
  function unsettled() {
    return [story(), ...figures(story())].filter((each) => each.dataset.record && each.dataset.final === "false");
  }

  async function hasChanged(element) {
    const answer = await fetch(element.dataset.record, { cache: "no-cache" });
    if (!answer.ok) throw new Error(`${element.dataset.record}: ${answer.status}`);
    // A CDN that compresses marks the tag as weak.
    return answer.headers.get("ETag")?.replace(/^W\//, "") !== `"${element.dataset.etag}"`;
  }

  async function freshStory() {
    const answer = await fetch(location.pathname, { cache: "no-cache" });
    if (!answer.ok) throw new Error(`${location.pathname}: ${answer.status}`);
    return new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-story]");
  }

  function copyMarks(from, to) {
    for (const name of ["record", "etag", "final"]) to.dataset[name] = from.dataset[name];
  }

  // The figure to show: the one on the page where nothing changed, or somebody watches; else the new one.
  function chosen(old, fresh) {
    if (old === undefined) return fresh;
    if (old.dataset.view === fresh.dataset.view) {
      copyMarks(fresh, old);
      return old;
    }
    if (!isWatched(old) || !fresh.querySelector("video")) return fresh;
    copyMarks(fresh, old);
    old.dataset.view = fresh.dataset.view;
    old.querySelector("figcaption").replaceWith(fresh.querySelector("figcaption"));
    return old;
  }

  function updateClips(place, freshPlace) {
    const old = new Map(figures(place).map((figure) => [figure.dataset.clip, figure]));
    const wanted = figures(freshPlace).map((fresh) => chosen(old.get(fresh.dataset.clip), fresh));
    for (const figure of old.values()) {
      if (!wanted.includes(figure)) figure.remove();
    }
    // Only what is out of place is moved: moving a video stops it.
    wanted.forEach((figure, index) => {
      if (place.children[index] !== figure) place.insertBefore(figure, place.children[index] ?? null);
    });
  }

  function update(fresh) {
    const shown = story();
    if (shown.dataset.view !== fresh.dataset.view) {
      // The text itself changed. A clip that is being watched is worth more than the new wording.
      if (isWatched(shown)) return;
      shown.replaceWith(fresh);
      tendPlayers();
      return;
    }
    copyMarks(fresh, shown);
    for (const id of ["story-state", "story-notes"]) {
      const place = document.getElementById(id);
      const freshPlace = fresh.querySelector(`#${id}`);
      if (place.outerHTML !== freshPlace.outerHTML) place.replaceWith(freshPlace);
    }
    for (const freshPlace of fresh.querySelectorAll(".clips")) {
      updateClips(document.getElementById(freshPlace.id), freshPlace);
    }
    tendPlayers();
  }

  function tendPlayers() {
    for (const video of document.querySelectorAll("video:not([data-tended])")) {
      video.dataset.tended = "";
      markUnplayable(video);
      startOnClick(video);
    }
  }

  // A browser without HLS finds nothing to play while only HLS is there; say so in place of a dead player.
  function markUnplayable(video) {
    const mark = () => {
      const isDead = video.networkState === HTMLMediaElement.NETWORK_NO_SOURCE;
      video.closest("figure")?.classList.toggle("is-unplayable", isDead);
    };
    // A player that has just come onto the page is still choosing; what it ends with is known a moment later.
    setTimeout(mark);
    video.addEventListener("suspend", mark);
    video.querySelector("source:last-of-type").addEventListener("error", () => setTimeout(mark));
  }

  // Before its first play the whole poster is the button; Chromium by itself would take only its small one.
  function startOnClick(video) {
    const stage = video.closest(".stage");
    stage.classList.toggle("is-fresh", !isWatched(stage));
    video.addEventListener("play", () => stage.classList.remove("is-fresh"), { once: true });
    video.addEventListener("click", () => {
      // Where the browser has started it already, by the same click, it is no longer paused.
      if (video.paused && stage.classList.contains("is-fresh")) video.play().catch(() => {});
    });
  }

  async function watch() {
    let failures = 0;
    for (;;) {
      const records = unsettled();
      if (records.length === 0) return;
      const isBusy = figures(story()).some((figure) => figure.dataset.final === "false");
      const pause = Math.min(SLOWEST_MS, (isBusy ? BUSY_MS : IDLE_MS) * 2 ** failures);
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (document.hidden) continue;
      try {
        const changes = await Promise.all(records.map(hasChanged));
        if (changes.some(Boolean)) update(await freshStory());
        failures = 0;
      } catch {
        // The gateway is away for a moment: ask less often until it is back.
        failures = Math.min(failures + 1, 4);
      }
    }
  }

  tendPlayers();
  watch();
})();
