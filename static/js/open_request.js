// One request of the queue is open, the others are lines: only what is open can be decided. A person opens another one by a
// click, Enter, or J and K. By itself a request opens only where none is open and nobody is at the queue; after a request that
// somebody else decided, only when another one has arrived or its line has gone.

window.openRequest = (() => {
  const queue = document.getElementById("tool-permissions");
  const cards = () => (queue ? [...queue.querySelectorAll(":scope > .tool-permission")] : []);
  const SHOWN = 8; // requests; more are folded
  const SOON = 60_000; // ms left, below which a request is never folded
  let opened = null; // the id of the open request, or of the one that was open until it was answered
  let mine = false; // whether this person answered it
  let unfolded = false;
  let known = new Set(); // the ids of the cards at the last look

  const isOpen = (id) => id !== null && id === opened;

  /** Open this request; `answered`: this person has answered it; `pressed`: a person opens it, so its heading stays under the pointer. */
  function open(id, { answered = false, pressed = true } = {}) {
    const card = document.getElementById(id);
    const before = card?.getBoundingClientRect();
    const changes = opened !== id;
    opened = id;
    mine = answered;
    if (!changes) return;
    for (const one of cards()) for (const kept of ["min-height", "max-height"]) one.style.removeProperty(kept);
    show({ pressed: true });
    const after = card?.getBoundingClientRect();
    if (pressed && after && after.left === before.left && after.top !== before.top) scrollBy({ top: after.top - before.top, behavior: "instant" });
    document.dispatchEvent(new Event("queue:opened"));
  }

  /** Open the first request where none is open. */
  function openNext() {
    const there = document.getElementById(opened);
    const waits = there?.matches(".pending");
    const line = there && there.dataset.jsGone !== "yes" && !there.matches(".absent");
    const arrived = cards().some((card) => card.matches(".pending") && !known.has(card.id));
    if (waits || (line && !mine && !arrived)) return;
    const first = cards().find((card) => card.matches(".pending"));
    if (first) open(first.id, { pressed: false });
  }

  const set = (node, name, value) => node.dataset[name] !== value && (node.dataset[name] = value);

  /**
   * Fold all but the open request, and those that are too many; not one that the server has among the first (data-js-first).
   * What stands above a hand is folded and unfolded by this person alone, who opens a request.
   */
  function show({ pressed = false } = {}) {
    let waiting = 0;
    let folded = 0;
    const all = cards();
    const hand = pressed || document.hidden ? -1 : all.findLastIndex((card) => card.matches(":hover, :focus-within"));
    for (const [place, card] of all.entries()) {
      const is = card.id === opened;
      set(card, "jsOpen", is ? "yes" : "no");
      card.querySelector(".opener")?.setAttribute("aria-expanded", is ? "true" : "false");
      if (!card.matches(".pending")) continue;
      waiting += 1;
      const soon = new Date(card.querySelector(".time-left").dataset.until) - serverTime.now() < SOON;
      const may = waiting > SHOWN && !unfolded && !is && !soon && card.dataset.jsFirst !== "yes" && !card.contains(document.activeElement);
      const hides = place < hand && card.dataset.jsFolded ? card.dataset.jsFolded === "yes" : may;
      folded += hides ? 1 : 0;
      set(card, "jsFolded", hides ? "yes" : "no");
    }
    known = new Set(all.map((card) => card.id));
    if (waiting <= SHOWN) unfolded = false;
    offer(folded);
  }

  const more = document.createElement("button");
  more.type = "button";
  more.className = "fold";
  more.addEventListener("click", () => {
    unfolded = true;
    const first = cards().find((card) => card.dataset.jsFolded === "yes");
    show({ pressed: true });
    first?.querySelector(".opener")?.focus({ preventScroll: true });
    document.dispatchEvent(new Event("queue:opened"));
  });

  /** The button below the queue that shows the folded ones. */
  function offer(folded) {
    if (!folded) return more.remove();
    const text = `${folded} more, show`;
    if (more.textContent !== text) more.textContent = text;
    if (queue.lastElementChild !== more) queue.append(more);
  }

  if (queue) setInterval(() => document.hidden || show(), 1000); // a request whose time runs out comes out of the fold

  return { is: isOpen, open, next: openNext, show, most: SHOWN };
})();
