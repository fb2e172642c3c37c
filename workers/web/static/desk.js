// Keeps the desk up to date. Changes come as server-sent events; what a worker's progress changes is asked for every two
// seconds, of the stories in work alone. Each time the server's own card takes the place of the one on the page, so
// nothing is worded or laid out here. Without this script the page asks for itself every half minute.

const TICK_MS = 2000;
const SETTLE_MS = 250;
const AGAIN_MS = 5000;

const board = document.getElementById("board");
const announcer = document.getElementById("announce");
const on = document.getElementById("live-on");
const lost = document.getElementById("live-lost");

const cards = () => [...board.querySelectorAll("[data-card]")];
const cardOf = (id) => cards().find((card) => card.dataset.card === id);
const parsed = (html, what) => new DOMParser().parseFromString(html, "text/html").querySelector(what);

function addressOf(path) {
  // The page's own day and filter decide what is shown; what was said after a click is over.
  const asked = new URLSearchParams(location.search);
  asked.delete("done");
  asked.delete("lang");
  const query = asked.toString();
  return query ? `${path}?${query}` : path;
}

function exchange(old, fresh) {
  const held = document.activeElement;
  const key = old.contains(held) ? held.dataset.focus : undefined;
  const isSelf = held === old;
  const open = new Set([...old.querySelectorAll("details[open]")].map((each) => each.dataset.focus));
  for (const each of fresh.querySelectorAll("details")) each.open = open.has(each.dataset.focus);
  old.replaceWith(fresh);
  if (key === undefined && !isSelf) return;
  // A button that is gone leaves its reader at the card, not at the top of the page.
  const same = [...fresh.querySelectorAll("[data-focus]")].find((each) => each.dataset.focus === key);
  (same ?? fresh).focus({ preventScroll: true });
}

function kinds(card) {
  return new Map([...card.querySelectorAll("[data-reference]")].map((row) => [row.dataset.reference, row]));
}

function announce(old, fresh) {
  const said = [];
  if (old?.dataset.said !== fresh.dataset.said) said.push(fresh.dataset.said);
  const before = old ? kinds(old) : new Map();
  for (const [reference, row] of kinds(fresh)) {
    const was = before.get(reference);
    if (was && was.dataset.kind !== row.dataset.kind) {
      said.push(`${reference}: ${row.querySelector(".state").textContent}`);
    }
  }
  if (said.length) announcer.textContent = said.join(". ");
}

function place(fresh) {
  const section = board.querySelector(`section[data-section="${fresh.dataset.section}"]`);
  const behind = [...section.querySelectorAll("[data-card]")].find((card) => card.dataset.order < fresh.dataset.order);
  section.insertBefore(fresh, behind ?? null);
}

function remove(card) {
  const isHeld = card.contains(document.activeElement);
  const next = card.nextElementSibling ?? card.previousElementSibling;
  card.remove();
  if (isHeld && next?.dataset.card) next.focus({ preventScroll: true });
}

// A card is asked for once at a time; who asks meanwhile is answered by one more question.
const asking = new Map();

async function refresh(id) {
  if (asking.has(id)) {
    asking.set(id, true);
    return;
  }
  asking.set(id, false);
  try {
    const answer = await fetch(addressOf(`/desk/stories/${encodeURIComponent(id)}`), { cache: "no-cache" });
    if (!answer.ok) return;
    const old = cardOf(id);
    if (answer.status === 204) {
      if (old) remove(old);
      return;
    }
    const fresh = parsed(await answer.text(), "[data-card]");
    if (!fresh || old?.dataset.view === fresh.dataset.view) return;
    announce(old, fresh);
    if (old && old.dataset.section === fresh.dataset.section) exchange(old, fresh);
    else {
      old?.remove();
      place(fresh);
    }
  } catch {
    // The next event, or the next tick, asks again.
  } finally {
    const isAgain = asking.get(id);
    asking.delete(id);
    if (isAgain) refresh(id);
  }
}

async function refreshSummary() {
  try {
    const answer = await fetch(addressOf("/desk/summary"), { cache: "no-cache" });
    const fresh = answer.ok ? parsed(await answer.text(), "#summary") : null;
    if (fresh) exchange(document.getElementById("summary"), fresh);
  } catch {
    // The next change asks again.
  }
}

const due = new Set();
let settling = 0;

function note(ids) {
  for (const id of ids) due.add(id);
  clearTimeout(settling);
  settling = setTimeout(async () => {
    const now = [...due];
    due.clear();
    await Promise.all(now.map(refresh));
    await refreshSummary();
  }, SETTLE_MS);
}

function show(isLive) {
  on.hidden = !isLive;
  lost.hidden = isLive;
}

// The last change that the page knows of: a new connection begins there, the first one where the page was made.
let known = Number(board.dataset.known);

function listen() {
  const source = new EventSource(`/api/v1/changes?after=${known}`);
  source.addEventListener("open", () => {
    const wasLost = !lost.hidden;
    show(true);
    if (wasLost) note(cards().map((card) => card.dataset.card));
  });
  source.addEventListener("change", (event) => {
    known = Number(event.lastEventId);
    const change = JSON.parse(event.data);
    note(change.kind === "article" ? [change.name] : change.links);
  });
  source.addEventListener("error", () => {
    show(false);
    // The browser comes back by itself, unless it was refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
  });
}

setInterval(() => {
  if (document.hidden) return;
  for (const card of cards()) if (card.dataset.work === "true") refresh(card.dataset.card);
}, TICK_MS);

listen();
