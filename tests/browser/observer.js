// Watches a live page from outside the product: when each card last changed under a person's hand, and what was pressed.
// Loaded before every script of the page, so that it sees a press before the page does.
(() => {
  const cards = new Map(); // id → { since, asks, boxes }
  const presses = []; // { card, key, age, marked, at }
  let scroll = { x: 0, y: 0, height: 0 };
  let own = null; // the card that a person marked last, by what this observer itself saw
  let pointer = null;

  function look() {
    const now = performance.now();
    const at = { x: scrollX, y: scrollY, height: document.documentElement.scrollHeight };
    const clamped = at.height < scroll.height && at.y + innerHeight >= at.height - 1;
    const [dx, dy] = clamped ? [0, 0] : [at.x - scroll.x, at.y - scroll.y];
    scroll = at;
    const present = new Set();
    for (const card of document.querySelectorAll("#tool-permissions > .tool-permission.pending")) {
      present.add(card.id);
      const button = card.querySelector(".decision .primary");
      if (!button) continue;
      const { left, top } = button.getBoundingClientRect();
      const asks = [card.querySelector("h3"), card.querySelector(".purpose"), card.querySelector(".arguments")].map((one) => one?.textContent).join("|");
      const was = cards.get(card.id);
      const still = was && Math.abs(left - was.left) <= 1 && Math.abs(top - was.top) <= 1;
      const scrolled = was && Math.abs(left + dx - was.left) <= 1 && Math.abs(top + dy - was.top) <= 1;
      const since = was && was.asks === asks && (still || scrolled) ? was.since : now;
      cards.set(card.id, { since, asks, left, top });
    }
    for (const id of cards.keys()) if (!present.has(id)) cards.delete(id);
  }

  const age = (id) => (cards.has(id) ? performance.now() - cards.get(id).since : null);
  const cardAt = (node) => node.closest?.("#tool-permissions > .tool-permission")?.id ?? null;

  addEventListener("click", (event) => {
    const button = event.target.closest?.(".decision button");
    if (!button || !event.isTrusted) return;
    look();
    presses.push({ card: cardAt(button), key: false, age: age(cardAt(button)), at: performance.now() });
  }, true);
  addEventListener("keydown", (event) => {
    if (event.code !== "KeyA" || event.repeat || event.target.matches("input, select")) return;
    look();
    const marked = document.querySelector("[data-js-marked=yes]")?.id ?? null;
    presses.push({ card: marked, key: true, age: age(marked), marked: own, at: performance.now() });
  }, true);
  addEventListener("pointermove", (event) => {
    if (pointer && pointer.x === event.screenX && pointer.y === event.screenY) return;
    pointer = { x: event.screenX, y: event.screenY };
    own = cardAt(event.target) ?? own;
  }, true);
  addEventListener("pointerdown", (event) => (own = cardAt(event.target) ?? own), true);
  addEventListener("focusin", (event) => (own = cardAt(event.target) ?? own), true);

  const frame = () => (look(), requestAnimationFrame(frame));
  requestAnimationFrame(frame);
  document.addEventListener("DOMContentLoaded", () => new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributeFilter: ["style", "hidden", "open"] }));
  window.observed = { presses, age, cards };
})();
