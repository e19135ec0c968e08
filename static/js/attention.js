// Reports once that a person has a request before their eyes: it is open, at least half of it is in the window, the page is visible,
// and all this for 300 ms. A second report says that its arguments were opened. The server keeps the first; without scripts
// nothing is known, and nothing is counted.

const queue = document.getElementById("tool-permissions");
const LOOKED = 300; // ms
const BETWEEN = 1000; // ms between two reports
const told = new Map(); // card's id and request → whether the arguments were opened, as reported
let looking = null; // { key, since, timer }
let free = 0; // when the next report may be sent

const current = () => queue.querySelector(':scope > .pending[data-js-open="yes"]');
const keyOf = (card) => `${card.id} ${card.dataset.request}`;

function inSight(card) {
  const { top, bottom } = card.getBoundingClientRect();
  const shown = Math.min(bottom, innerHeight) - Math.max(top, 0);
  return shown >= Math.min(bottom - top, innerHeight) / 2;
}

/** Whether a folded value is open, the list of arguments was scrolled to its end, or the request has a page of its own. */
function opened(card) {
  if (queue.matches("[data-alone]")) return true;
  const box = card.querySelector(".arguments-scroll");
  const scrolled = box && box.scrollTop > 0 && box.scrollTop + box.clientHeight >= box.scrollHeight - 2;
  return Boolean(card.querySelector(".arguments details[open]")) || Boolean(scrolled);
}

function look() {
  const card = document.hidden ? null : current();
  if (!card || !inSight(card)) {
    clearTimeout(looking?.timer);
    looking = null;
    return;
  }
  const key = keyOf(card);
  if (looking?.key !== key) {
    clearTimeout(looking?.timer);
    looking = { key, since: performance.now(), timer: setTimeout(look, LOOKED) };
    return;
  }
  if (performance.now() - looking.since < LOOKED) return;
  if (told.get(key) === undefined || (!told.get(key) && opened(card))) report(card, key);
}

async function report(card, key) {
  const wait = free - performance.now();
  if (wait > 0) return void setTimeout(look, wait);
  free = performance.now() + BETWEEN;
  const open = opened(card);
  const before = told.get(key);
  told.set(key, open);
  const body = new URLSearchParams({
    arguments_digest: card.querySelector("[name=arguments_digest]")?.value ?? "",
    ago: String(Math.min(599_999, Math.round(performance.now() - looking.since))),
    opened: open ? "yes" : "no",
  });
  const path = `${card.id.replace("tool-permission-", "/tool-permissions/")}/seen`;
  const answer = await fetch(path, { method: "POST", body, keepalive: true }).catch(() => null);
  if (answer && answer.status < 500) return;
  if (before === undefined) told.delete(key); // it is reported again with the next look
  else told.set(key, before);
}

if (queue) {
  for (const type of ["htmx:after:swap", "queue:opened", "queue:released", "visibilitychange"]) document.addEventListener(type, look);
  addEventListener("scroll", look, { passive: true, capture: true });
  addEventListener("resize", look, { passive: true });
  document.addEventListener("toggle", look, true);
  look();
}
