// Keeps an open story up to date. The clips' players follow their records, and tell of changes; the article's record is
// asked for by its ETag while it may change. At each change the page is fetched once more, and what looks different is
// exchanged, except for players: they show by themselves what has become of their clip.
"use strict";

(() => {
  const PAUSE_MS = 3000;
  const SLOWEST_MS = 30000;

  const story = () => document.querySelector("[data-story]");
  const figures = (root) => [...root.querySelectorAll("[data-clip]")];

  function isWatched(element) {
    return [...element.querySelectorAll("newsreel-clip")].some((clip) => clip.isWatched);
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

  const recordOf = (figure) => figure.querySelector("newsreel-clip")?.getAttribute("record");

  // The figure to show: the one on the page where nothing changed, or its player goes on; else the new one.
  function chosen(old, fresh) {
    if (old === undefined) return fresh;
    if (old.dataset.view !== fresh.dataset.view) {
      if (!recordOf(old) || recordOf(old) !== recordOf(fresh)) return fresh;
      old.querySelector("figcaption").replaceWith(fresh.querySelector("figcaption"));
      old.dataset.view = fresh.dataset.view;
    }
    copyMarks(fresh, old);
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
  }

  let isBusy = false;
  let isStale = false;

  // One at a time; what changes meanwhile is fetched once afterwards.
  async function refresh() {
    isStale = true;
    if (isBusy) return;
    isBusy = true;
    try {
      while (isStale) {
        isStale = false;
        update(await freshStory());
      }
    } finally {
      isBusy = false;
    }
  }

  // A player has read its clip's record, and it is another one than the page was made of.
  document.addEventListener("newsreel:state", (event) => {
    const figure = event.target.closest("[data-clip]");
    // Without an answer now, the next change brings the news.
    if (figure && figure.dataset.etag !== event.detail.etag) refresh().catch(() => {});
  });

  async function watch() {
    let failures = 0;
    while (story().dataset.final === "false") {
      await new Promise((resolve) => setTimeout(resolve, Math.min(SLOWEST_MS, PAUSE_MS * 2 ** failures)));
      if (document.hidden) continue;
      try {
        if (await hasChanged(story())) await refresh();
        failures = 0;
      } catch {
        // The gateway is away for a moment: ask less often until it is back.
        failures = Math.min(failures + 1, 4);
      }
    }
  }

  watch();
})();
