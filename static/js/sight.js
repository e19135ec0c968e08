// What of the open request is in sight. Allow says how many values are below the edge. It is disabled while a value that differs
// from the last request is out of sight; where these values need more space than there is, until each has been seen.

const queue = document.getElementById("tool-permissions");
const EDGE = 2; // px
let seen = new Set(); // of the open request: the rows, by their places, that have been in sight
let of = ""; // which request that is

function look() {
  const card = queue.querySelector(':scope > .pending[data-js-open="yes"]');
  const allow = card?.querySelector(".decision .primary");
  const box = card?.querySelector(".arguments-scroll");
  if (!allow?.checkVisibility() || !box) return;
  const rows = [...box.querySelectorAll("tr")].map((row, place) => ({ place, changed: row.matches(".changed"), ...edges(row) }));
  const changed = rows.filter((row) => row.changed);
  if (of !== `${card.id} ${card.dataset.request}`) {
    [of, seen] = [`${card.id} ${card.dataset.request}`, new Set()];
    if (changed.length && box.scrollHeight > box.clientHeight) {
      box.scrollTop = changed.at(-1).end - rows[0].begin - box.clientHeight; // the last change and what is above it
      return look();
    }
  }
  const { top, bottom } = view(card, box);
  for (const row of rows) if (row.begin >= top - EDGE && row.end <= bottom + EDGE) seen.add(row.place);
  // A row that is taller than the box has been seen with its end.
  for (const row of rows) if (row.end - row.begin > bottom - top && row.end <= bottom + EDGE && row.end > top) seen.add(row.place);
  const fit = !changed.length || changed.at(-1).end - changed[0].begin <= bottom - top + EDGE;
  const hidden = changed.filter((row) => (fit ? row.begin < top - EDGE || row.end > bottom + EDGE : !seen.has(row.place)));
  say(card, allow, hidden.length, rows.filter((row) => row.end > bottom + EDGE).length);
}

function edges(row) {
  const { top, bottom } = row.getBoundingClientRect();
  return { begin: top, end: bottom };
}

/** The part of the window in which rows can be seen: inside of their box, below the heading and above the buttons, which stick. */
function view(card, box) {
  const { top, bottom } = box.getBoundingClientRect();
  return {
    top: Math.max(0, top, card.querySelector("header").getBoundingClientRect().bottom),
    bottom: Math.min(innerHeight, bottom, (card.querySelector(".deny[open] > form") ?? card.querySelector(".decision")).getBoundingClientRect().top),
  };
}

function say(card, allow, changes, below) {
  const words = changes ? `${changes} change${changes > 1 ? "s" : ""} not in sight` : below ? `${below} value${below > 1 ? "s" : ""} below` : "";
  const note = allow.querySelector(".unseen-values"); // the first one; another says that the card does not hold all
  if (note && note.textContent !== words) note.textContent = words;
  const unseen = changes ? "yes" : "no";
  if ((card.dataset.jsUnseen ?? "no") === unseen) return;
  card.dataset.jsUnseen = unseen;
  document.dispatchEvent(new Event("queue:seen"));
}

if (queue) {
  for (const type of ["htmx:after:swap", "queue:released", "queue:opened"]) document.addEventListener(type, look);
  addEventListener("scroll", look, { passive: true, capture: true }); // of the window and of the box
  addEventListener("resize", look, { passive: true });
  document.addEventListener("toggle", look, true); // a folded value was opened
  look();
}
