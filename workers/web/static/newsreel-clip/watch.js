// Follows a record until it can't change any more. The browser's cache asks with If-None-Match, so an unchanged record
// costs a 304.

const BUSY_MS = 2000;
const SLOWEST_MS = 30000;
const FINAL = new Set(["ready", "failed", "withdrawn"]);

/** The version in work: `next` where there is one, else the record's own. */
export function work(record) {
  return record.next ?? record;
}

/**
 * Asks for the record at once, and again while it is not final; every 2 s while it changes, less and less often while it
 * doesn't or can't be had, never while the page is hidden. `tell(record, etag)` is called for each change; `record` is
 * null while there is none (404). Returns a function that ends it.
 */
export function watch(url, tell) {
  let pauseMs = BUSY_MS;
  let body;
  let isFinal = false;
  let isAsking = false;
  let timer = 0;
  const ended = new AbortController();

  async function ask() {
    isAsking = true;
    try {
      // To our own site what its reader gave the browser goes along (a read token); to others nothing ever does.
      const answer = await fetch(url, { cache: "no-cache", credentials: "same-origin", signal: ended.signal });
      if (!answer.ok && answer.status !== 404) throw new Error(`${url}: ${answer.status}`);
      const text = answer.ok ? await answer.text() : null;
      if (text === body) {
        pauseMs = Math.min(SLOWEST_MS, pauseMs * 1.3);
      } else {
        const record = text === null ? null : JSON.parse(text);
        [body, pauseMs] = [text, BUSY_MS];
        isFinal = record !== null && FINAL.has(work(record).state);
        tell(record, (answer.headers.get("ETag") ?? "").replace(/^W\/|"/g, ""));
      }
    } catch {
      // The host is away for a moment, or its answer was cut short: ask less often until it is back.
      pauseMs = Math.min(SLOWEST_MS, pauseMs * 2);
    }
    isAsking = false;
    plan();
  }

  function plan() {
    clearTimeout(timer);
    if (!isFinal && !document.hidden && !ended.signal.aborted) timer = setTimeout(ask, pauseMs);
  }

  // Somebody comes back to the page: what is shown may be old, even what was final (a clip can be replaced).
  function shown() {
    if (document.hidden) clearTimeout(timer);
    else if (!isAsking) ask();
  }

  document.addEventListener("visibilitychange", shown);
  ended.signal.addEventListener("abort", () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", shown);
  });
  ask();
  return () => ended.abort();
}
