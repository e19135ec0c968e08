// What of the open request is in sight. Allow says how many values are below the edge. It is disabled
// - while its button is in sight and no value has been, as where a request opens at the lower edge of the window;
// - while a value that differs from the last request is out of sight; where these values need more space than there is, until each
//   has been seen.
// A request that opens where it is disabled is scrolled into sight, unless somebody is typing or has a pointer on another request.

window.sight = (() => {
  const queue = document.getElementById("tool-permissions");
  const EDGE = 2; // px
  const LINE = 12; // px of a row, below which nobody can read what it says
  const SHOWN = 96; // px of the values that are scrolled into sight at least: three rows
  let seen = new Set(); // of the open request: the rows, by their places, that have been in sight
  let some = false; // whether a part of any row has been
  let of = ""; // which request that is

  const current = () => queue.querySelector(':scope > .pending[data-js-open="yes"]');
  const foot = (card) => card.querySelector(".deny[open] > form") ?? card.querySelector(".decision");

  function edges(row) {
    const { top, bottom } = row.getBoundingClientRect();
    return { begin: top, end: bottom };
  }

  /** The part of the window in which rows can be seen: inside of their box, below the heading and above the buttons, which stick. */
  function view(card, box) {
    const { top, bottom } = box.getBoundingClientRect();
    return {
      top: Math.max(0, top, card.querySelector("header").getBoundingClientRect().bottom),
      bottom: Math.min(innerHeight, bottom, foot(card).getBoundingClientRect().top),
    };
  }

  /** Whether a part of this button is in the window. */
  function isShown(button) {
    const { top, bottom } = button.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  }

  function look() {
    const card = current();
    const allow = card?.querySelector(".decision .primary");
    const box = card?.querySelector(".arguments-scroll");
    if (!allow?.checkVisibility()) return;
    if (!box) return say(card, allow, false, ""); // no arguments
    const rows = [...box.querySelectorAll("tr")].map((row, place) => ({ place, changed: row.matches(".changed"), ...edges(row) }));
    const changed = rows.filter((row) => row.changed);
    if (of !== `${card.id} ${card.dataset.request}`) {
      [of, seen, some] = [`${card.id} ${card.dataset.request}`, new Set(), false];
      if (changed.length && box.scrollHeight > box.clientHeight) {
        box.scrollTop = changed.at(-1).end - rows[0].begin - box.clientHeight; // the last change and what is above it
        return look();
      }
    }
    const { top, bottom } = view(card, box);
    for (const row of rows) if (row.begin >= top - EDGE && row.end <= bottom + EDGE) seen.add(row.place);
    some ||= rows.some((row) => Math.min(row.end, bottom) - Math.max(row.begin, top) >= Math.min(LINE, row.end - row.begin));
    // A row that is taller than the box has been seen with its end.
    for (const row of rows) if (row.end - row.begin > bottom - top && row.end <= bottom + EDGE && row.end > top) seen.add(row.place);
    const fit = !changed.length || changed.at(-1).end - changed[0].begin <= bottom - top + EDGE;
    const hidden = changed.filter((row) => (fit ? row.begin < top - EDGE || row.end > bottom + EDGE : !seen.has(row.place)));
    const below = rows.filter((row) => row.end > bottom + EDGE);
    if (hidden.length) say(card, allow, true, count(hidden, "change", "unseen"));
    else if (some || !isShown(allow)) say(card, allow, false, count(below, "value", "below"));
    else say(card, allow, true, count(rows, "value", "unseen"));
  }

  const count = ({ length }, what, where) => (length ? `${length} ${what}${length > 1 ? "s" : ""} ${where}` : "");

  function say(card, allow, hides, words) {
    const note = allow.querySelector(".unseen-values"); // the first one; another says that the card does not hold all
    if (note && note.textContent !== words) note.textContent = words;
    const unseen = hides ? "yes" : "no";
    if ((card.dataset.jsUnseen ?? "no") === unseen) return;
    card.dataset.jsUnseen = unseen;
    document.dispatchEvent(new Event("queue:seen"));
  }

  /** Scroll a request that has just opened, and that cannot be allowed where it stands, into sight. */
  function bring() {
    look();
    if (queue.matches("[data-alone]")) return; // its page shows nothing else
    const card = current();
    if (card?.dataset.jsUnseen !== "yes" || !isShown(card.querySelector(".decision .primary"))) return;
    const over = queue.querySelector(":scope > .tool-permission:hover");
    if ((over && over !== card) || document.querySelector("dialog[open]") || document.activeElement.matches("input, select, textarea")) return;
    const { top, bottom } = card.getBoundingClientRect();
    const box = card.querySelector(".arguments-scroll").getBoundingClientRect();
    const { top: buttons, bottom: end } = foot(card).getBoundingClientRect();
    const whole = Math.min(bottom - end, top); // all of the card, or its beginning
    const values = Math.min(SHOWN, box.height) + box.top - buttons;
    scrollBy({ top: Math.max(whole, values), behavior: "instant" });
    look();
  }

  if (queue) {
    for (const type of ["htmx:after:swap", "queue:released"]) document.addEventListener(type, look);
    document.addEventListener("queue:opened", bring);
    addEventListener("scroll", look, { passive: true, capture: true }); // of the window and of the box
    addEventListener("resize", look, { passive: true });
    document.addEventListener("toggle", look, true); // a folded value was opened
    bring();
  }

  return { look, isShown };
})();
