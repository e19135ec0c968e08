// The queue of tool permissions does not move under a person's hand: no card changes its place while a pointer is over the
// queue or focus is in it. Only a person selects a card, and the keys decide the selected one alone, and only while it is open.
// Which request is open: open_request.js.

const queue = document.getElementById("tool-permissions");
const cards = (among = queue) => [...among.querySelectorAll(":scope > .tool-permission")];
const find = (id) => (id ? document.getElementById(id) : null);
let selected = null; // the id of the card that a person selected
let latest = null; // the queue as the server sent it last, where another order was kept
let focused = null; // the id of the card that had focus before a swap
let decided = null; // the id of the card whose reply the person waits for

const KEPT = 200; // removed cards whose places are kept, at most, because a pointer may stay on a page all day

// What a press of the pointer gives focus to, without anything to type or to press.
const POINTED = ":is(.tool-permission, .arguments-scroll, .opener, pre):not(:focus-visible)";
const busy = () => !document.hidden && queue.matches(":hover, :focus-within") && queue.children.length < KEPT;

let byFinger = false; // a finger leaves no pointer behind, although the browser says so until the next tap

/** Whether nobody looks at a request: no pointer is over the queue, and focus is on an answered line at most. */
const nobody = () => (byFinger || !queue.matches(":hover")) && !document.activeElement.closest?.("#tool-permissions .pending, #tool-permissions .held");

function select(id) {
  selected = id;
  for (const card of cards()) {
    const is = card.id === id ? "yes" : "no";
    if (card.dataset.jsSelected !== is) card.dataset.jsSelected = is;
  }
}

// Places. The content of a swap is reordered before htmx morphs the page.

const rank = (card) => Number(card.dataset.rank);

/** The newer of two versions of a card, because a stream and the reply to a click may overtake each other. */
function newer(card) {
  const there = find(card.id);
  if (there && rank(card) < rank(there)) card.replaceWith(there.cloneNode(true));
}

/** A line keeps its height exactly, because the words of an answer may need more than a request did. */
function keepHeight(card) {
  const height = `${card.getBoundingClientRect().height}px`;
  card.style.minHeight ||= height;
  if (card.matches('.pending[data-js-open="no"]')) card.style.maxHeight ||= height;
}

function freeHeight(card) {
  card.style.removeProperty("min-height");
  card.style.removeProperty("max-height");
}

/** A card that is no longer on the page. Its rank is kept, because an older version of it may still arrive. */
function gone(card) {
  const left = card.cloneNode(true);
  if (!left.matches(".pending, .held")) return left;
  left.className = "tool-permission absent";
  const line = document.createElement("p");
  line.className = "answer";
  line.textContent = `${card.getAttribute("aria-label")}: not on this page any more`;
  left.replaceChildren(line);
  return left;
}

/** Give a new queue the order of the one on the page: removed cards keep their places, new ones go to the end. */
function keepPlaces(section) {
  const coming = new Map(cards(section).map((card) => [card.id, card]));
  const stay = cards().map((card) => coming.get(card.id) ?? gone(card));
  const arrived = [...coming.values()].filter((card) => !find(card.id));
  // The request of an agent that asks rarely is among the first, and is not folded although its place is at the end.
  const first = cards(section).filter((card) => card.matches(".pending")).slice(0, openRequest.most);
  for (const card of arrived) if (first.includes(card)) card.dataset.jsFirst = "yes";
  const quiet = section.querySelector(":scope > .all-quiet");
  if (!queue.querySelector(":scope > .all-quiet")) quiet?.remove();
  else if (!quiet) section.firstElementChild.after(queue.querySelector(":scope > .all-quiet").cloneNode(true));
  section.hidden = false;
  section.append(...stay, ...arrived);
}

document.addEventListener("htmx:before:swap", ({ detail: { tasks } }) => {
  if (!queue) return;
  focused = document.activeElement.closest?.(".tool-permission")?.id ?? null;
  // A card that becomes a line keeps its height. It is set before the swap, because the browser would scroll to compensate for
  // a shorter page even if the height returned at once.
  if (busy()) for (const card of cards()) keepHeight(card);
  for (const { fragment } of tasks) {
    for (const card of fragment.querySelectorAll?.(".tool-permission") ?? []) newer(card);
    const section = fragment.querySelector?.("#tool-permissions");
    if (!section) continue;
    latest = busy() ? section.cloneNode(true) : null;
    if (latest) keepPlaces(section);
  }
});

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (!queue) return;
  // A card that htmx moved has lost its focus. It gets it back before anything is decided about the queue.
  if (focused && document.activeElement === document.body) find(focused)?.focus({ preventScroll: true });
  if (busy()) for (const card of queue.querySelectorAll(":scope > .pending")) freeHeight(card);
  else release();
  offerToGiver();
  select(find(selected) ? selected : null);
  keepFocus(ctx);
  if (nobody()) openRequest.next();
  openRequest.show();
});

/** Sort the queue as the server sent it last, and remove cards that have left, once nobody is at it. */
function release() {
  select(null);
  for (const card of cards()) {
    freeHeight(card);
    delete card.dataset.jsFirst;
  }
  if (latest) sort();
  openRequest.next();
}

function sort() {
  const order = [...latest.children].slice(1).map((one) => find(one.id) ?? one);
  for (const one of [...queue.children].slice(1)) if (!order.includes(one)) one.remove();
  order.forEach((one, at) => queue.children[at + 1] !== one && queue.insertBefore(one, queue.children[at + 1] ?? null));
  queue.hidden = latest.hidden;
  latest = null;
  openRequest.show();
  document.dispatchEvent(new Event("queue:released"));
}

/** After pointer and focus have moved. Focus left by a press of the pointer leaves with the pointer. */
function leave({ type }) {
  setTimeout(() => {
    const at = document.activeElement;
    if (type === "pointerleave" && queue.contains(at) && at.matches(POINTED)) at.blur();
    if (!busy()) release();
    else if (!queue.matches(":hover")) select(at.closest(".tool-permission")?.id ?? selected);
  });
}

/** Only the person who gave a held allow can take it back; the server checks the same. */
function offerToGiver() {
  for (const form of queue.querySelectorAll("[data-held-by]")) form.hidden = form.dataset.heldBy !== document.body.dataset.viewer;
}

// Focus and announcements.

function keepFocus(ctx) {
  const card = find(decided);
  const replied = card && ctx.target === card;
  if (!card || !(replied || !card.matches(".pending"))) return;
  decided = null;
  document.getElementById("announcement").textContent = card.querySelector(".answer")?.innerText ?? "Not decided";
  // Who has gone on to another request meanwhile stays there.
  const at = document.activeElement;
  if (at !== document.body && !card.contains(at) && !at.closest("dialog")) return;
  openRequest.open(card.id, { answered: !card.matches(".pending"), pressed: false });
  card.focus({ preventScroll: true });
}

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  const from = ctx.sourceElement;
  const card = from.closest?.(".tool-permission") ?? find(from.dataset?.card);
  if (!card) return;
  decided = card.id;
  card.focus({ preventScroll: true }); // its buttons are disabled until the reply, and would lose focus
});
// The result of a revocation, also where the stream was faster than the reply and has removed the line.
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
  if (!ctx.sourceElement.matches?.(".approval form") || ctx.response?.status !== 200) return;
  document.getElementById("announcement").textContent = new DOMParser().parseFromString(ctx.text, "text/html").body.textContent;
});
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const line = find(ctx.target?.id);
  if (line?.matches(".approval")) line.focus({ preventScroll: true });
});
document.addEventListener("htmx:error", () => (decided = null));
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (!ctx.text?.includes('class="tool-permission ')) decided = null; // otherwise it brings the card as it is
});

// The selection: by J and K, by focus, or by a pointer that was moved. A page that moves under a resting pointer causes the
// same events, with the same coordinates on the screen.

let pointer = null;

function pointed(event) {
  byFinger = event.pointerType === "touch";
  const itself = pointer?.x !== event.screenX || pointer.y !== event.screenY;
  pointer = { x: event.screenX, y: event.screenY };
  if (itself || event.type === "pointerdown") select(event.target.closest?.("#tool-permissions > .tool-permission")?.id ?? selected);
}

if (queue) {
  for (const type of ["pointermove", "pointerdown"]) addEventListener(type, pointed, { passive: true });
  queue.addEventListener("click", ({ target }) => {
    const card = target.closest("#tool-permissions > .pending");
    if (!card || openRequest.is(card.id)) return;
    openRequest.open(card.id);
    select(card.id);
  });
  openRequest.next();
  queue.addEventListener("pointerleave", leave);
  queue.addEventListener("focusin", ({ target }) => select(target.closest(".tool-permission")?.id ?? selected));
  queue.addEventListener("focusout", leave);
  offerToGiver();
}

function move(step) {
  const all = cards();
  const at = all.findIndex((card) => card.id === selected);
  const after = step > 0 || at < 0 ? all.slice(at + 1) : all.slice(0, at).reverse();
  const waits = (card) => card.matches(".pending, .held");
  const next = after.find(waits) ?? (step > 0 ? all.find(waits) : null) ?? all[at]; // after the last one comes the first
  if (next) openRequest.open(next.id);
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}

// Keys by their place on the keyboard, so that they work in every layout. Single characters can be switched off, or
// need Shift (WCAG 2.1.4).

const press = (key) => (openRequest.is(selected) ? find(selected).querySelector(`[data-key=${key}]`) : null);
const keys = {
  KeyJ: () => move(1),
  KeyK: () => move(-1),
  KeyA() {
    const allow = press("a");
    if (allow && !sight.isShown(allow)) find(selected).scrollIntoView({ block: "nearest" });
    else allow?.click();
  },
  KeyD() {
    const opener = press("d");
    if (!opener || opener.closest("[data-js-dead=yes]")) return;
    opener.parentElement.open = true;
    opener.parentElement.querySelector("input[name=reason]").focus();
  },
  KeyO: () => press("o")?.click(),
  KeyF: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
};

const choice = document.getElementById("keys");
const mode = () => localStorage.getItem("keys") ?? "plain";

function sayKeys() {
  choice.value = mode();
  document.documentElement.dataset.jsKeys = mode();
}

choice?.addEventListener("change", () => {
  localStorage.setItem("keys", choice.value);
  sayKeys();
});
addEventListener("storage", ({ key }) => key === "keys" && sayKeys());
if (choice) sayKeys();

function action(event) {
  if (mode() === "off" || event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return null;
  if (event.key === "?") return () => document.getElementById("shortcuts").togglePopover();
  return event.shiftKey === (mode() === "shift") ? keys[event.code] : null;
}

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    const deny = event.target.closest?.(".deny[open]");
    if (deny) {
      deny.open = false;
      deny.closest(".tool-permission").focus({ preventScroll: true });
    } else if (queue?.contains(event.target)) event.target.blur();
    return;
  }
  if (event.target.matches("input, select, textarea, [contenteditable]")) return;
  const does = action(event);
  if (!does) return;
  event.preventDefault();
  does();
});
