// A card's buttons and keys do nothing for 700 ms after the card appeared, after its buttons moved on the screen other than by
// scrolling, or after its request changed, so that nobody decides what they cannot have seen. Browsers protect their own
// prompts in the same way: Firefox delays the buttons of security dialogs (security.dialog_enable_delay), Chromium ignores
// presses within a double click after a move (InputEventActivationProtector).

const DEAD = 700; // ms
const NEAR = 1; // px that do not count as a move: fractions at other zoom levels
const queue = document.getElementById("tool-permissions");
const known = new Map(); // card's id → its request, the places of its controls, and until when it is disabled
const fresh = new Map(); // a control that appeared on a known card → until when it is disabled
let timer = 0;
let scrolled = { x: 0, y: 0, height: 0, tall: 0 }; // what the first measurement replaces

const CARD = ".tool-permission, .standing-approval"; // the form of a standing approval is disabled at first, like a card
const cards = () => document.querySelectorAll("#tool-permissions .tool-permission:is(.pending, .held), #dialog form.standing-approval");
const controls = (card) => [...card.querySelectorAll(".decision :is(button, summary)")].filter((one) => one.checkVisibility());

function place() {
  const { scrollX, scrollY } = window;
  return { x: scrollX, y: scrollY, height: document.documentElement.scrollHeight, tall: innerHeight };
}

// How far the person scrolled. A browser that scrolls back because the page became shorter does not count.
function ownScroll(now) {
  const clamped = now.height < scrolled.height && now.y + now.tall >= now.height - NEAR;
  return clamped ? { x: 0, y: 0 } : { x: now.x - scrolled.x, y: now.y - scrolled.y };
}

/** The place of a control; in a dialog relative to its content, so that scrolling inside moves nothing. */
function spot(control, dialog) {
  const { left, top } = control.getBoundingClientRect();
  return { left: left + (dialog?.scrollLeft ?? 0), top: top + (dialog?.scrollTop ?? 0) };
}

const still = (was, is) => Math.abs(was - is) <= NEAR;

function moved(was, is, own) {
  const there = still(was.left, is.left) && still(was.top, is.top);
  return !there && !(still(was.left, is.left + own.x) && still(was.top, is.top + own.y));
}

/** Find the place of every control. What is new or has moved is disabled from now on. */
function measure() {
  if (!known.size && !cards().length) return; // reading a place lays out the page
  const now = performance.now();
  const at = place();
  const own = ownScroll(at);
  const present = new Set();
  scrolled = at;
  for (const card of cards()) {
    present.add(card.id);
    const asks = `${card.dataset.request} ${card.dataset.rank} ${card.dataset.jsOpen}`;
    const places = new Map(controls(card).map((one) => [one, spot(one, card.closest("dialog"))]));
    const was = known.get(card.id);
    let until = was?.until ?? 0;
    if (!was || was.asks !== asks) until = now + DEAD;
    else {
      for (const [one, rect] of places) {
        const before = was.places.get(one);
        if (!before) fresh.set(one, now + DEAD);
        else if (moved(before, rect, own)) until = now + DEAD;
      }
    }
    known.set(card.id, { asks, places, until });
  }
  for (const id of known.keys()) if (!present.has(id)) known.delete(id);
  show(now);
}

/** Disable all cards from now on, because the page became visible or an overlay closed. */
function startAll() {
  const until = performance.now() + DEAD;
  for (const card of known.values()) card.until = until;
  measure();
}

/** The card of the request that a control decides; a dialog was opened from one. */
function cardOf(control) {
  const one = control.closest(CARD);
  return document.getElementById(one?.dataset.card) ?? one;
}

// What nobody has had in sight, or differs from the last request and is out of sight, is not allowed (sight.js).
const isUnseen = (control) => control.matches(".primary") && cardOf(control)?.dataset.jsUnseen === "yes";
const isDead = (card) => (known.get(card.id)?.until ?? Infinity) > performance.now();
const isFresh = (control) => (fresh.get(control) ?? 0) > performance.now();

// Disabled controls look disabled and tell assistive technology. They keep their focus, which `disabled` would remove.
function show(now) {
  let next = Infinity;
  for (const [one, until] of fresh) {
    if (until <= now || !one.isConnected) fresh.delete(one);
    else next = Math.min(next, until);
  }
  for (const card of cards()) {
    const until = known.get(card.id)?.until ?? Infinity;
    const dead = until > now;
    if (dead) next = Math.min(next, until);
    const word = dead ? "yes" : "no";
    if (card.dataset.jsDead !== word) card.dataset.jsDead = word;
    if (card.dataset.card) card.dataset.jsUnseen = cardOf(card).dataset.jsUnseen ?? "no";
    for (const one of controls(card)) {
      const off = dead || fresh.has(one) || isUnseen(one);
      const named = one.matches("summary") ? one.parentElement : one; // a summary has no role that can be disabled, but its group has
      if (off !== (named.getAttribute("aria-disabled") === "true")) {
        if (off) named.setAttribute("aria-disabled", "true");
        else named.removeAttribute("aria-disabled");
      }
    }
  }
  clearTimeout(timer);
  if (next < Infinity) timer = setTimeout(() => show(performance.now()), Math.max(1, next - now));
}

/** A key that is held down repeats its press, and a space presses when it is released. */
function refuseKey(event) {
  // In a field, Enter presses the button of its form.
  if (event.repeat && event.key === "Enter" && event.target.closest?.(CARD)) event.preventDefault();
  const control = event.target.closest?.(".decision :is(button, summary)");
  if (!control || !["Enter", " "].includes(event.key)) return;
  measure();
  sight.look();
  if (event.repeat || isFresh(control) || isUnseen(control) || isDead(control.closest(CARD))) event.preventDefault();
}

let pressedDead = false; // a press that began on a disabled control has no effect, however late it ends

function refuse(event) {
  const control = event.target.closest?.(".decision :is(button, summary, a)");
  const card = control?.closest(CARD);
  if (!card) {
    if (event.type === "pointerdown") pressedDead = false;
    return;
  }
  measure(); // detects moves from any cause
  sight.look();
  if (control.matches("a")) {
    // A link decides nothing and is never disabled. But a double click on a line was not meant for what opened under its second click.
    if (event.type === "pointerdown") pressedDead = false;
    else if (event.detail > 1 && isDead(card)) stop(event);
    return;
  }
  // Enter in the field for the reason presses the form's button, wherever it is.
  const typed = event.detail === 0 && document.activeElement?.matches("input:not([type=radio], [type=checkbox])") && control.form === document.activeElement.form;
  const dead = isDead(card) || isUnseen(control) || (!typed && isFresh(control));
  if (event.type === "pointerdown") pressedDead = dead;
  else if (dead || (pressedDead && event.detail > 0)) stop(event);
}

function stop(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

if (queue) {
  addEventListener("pointerdown", refuse, true);
  addEventListener("click", refuse, true);
  addEventListener("keydown", refuseKey, true);
  for (const type of ["htmx:after:swap", "queue:released", "queue:opened", "dialog:changed"]) document.addEventListener(type, measure);
  addEventListener("scroll", measure, { passive: true });
  addEventListener("resize", measure);
  document.addEventListener("toggle", measure, true); // a denial opens above the buttons, which moves nothing
  document.addEventListener("queue:seen", () => show(performance.now()));
  document.addEventListener("visibilitychange", () => document.hidden || startAll());
  document.addEventListener("queue:uncovered", startAll);
  // An element that changes its size moves what follows it.
  const sizes = new ResizeObserver(measure);
  const watch = () => {
    for (const one of [document.body, document.getElementById("main"), ...document.querySelectorAll("#main > *, .floor > *, .tool-permission, .standing-approval, .decision")]) sizes.observe(one);
  };
  document.addEventListener("htmx:after:swap", watch);
  watch();
  measure();
  document.documentElement.dataset.jsGuarded = "yes"; // until now the style sheet has disabled new buttons
}
