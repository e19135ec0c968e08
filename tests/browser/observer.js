// Watches a live page from outside the product: when each card last changed under a person's pointer, and what was pressed.
// Loaded before every script of the page, so that it sees a press before the page does. It looks at what a person can see:
// once a frame, and at each press; what a script moves and puts back within a frame was never there.
(() => {
  const cards = new Map(); // id → { since, before, asks, left, top }
  const presses = []; // { card, key, age, oldest, selected, at }
  const changes = []; // what happened to which card, and between which two looks
  let looked = 0; // when it looked last: what it sees changed may have changed at any time since
  let scroll = { x: 0, y: 0, height: 0 };
  let own = null; // the card that a person selected last, by what this observer itself saw
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
      const button = card.querySelector(".decision .primary"); // or the link to a page that shows all of the request
      if (!button) continue;
      const { left, top } = button.getBoundingClientRect();
      const asks = [card.querySelector("h3"), card.querySelector(".purpose"), card.querySelector(".arguments")].map((one) => one?.textContent).join("|");
      const was = cards.get(card.id);
      const still = was && Math.abs(left - was.left) <= 1 && Math.abs(top - was.top) <= 1;
      const scrolled = was && Math.abs(left + dx - was.left) <= 1 && Math.abs(top + dy - was.top) <= 1;
      const same = was && was.asks === asks && (still || scrolled);
      if (!same) changes.push({ card: card.id, at: now, after: looked, why: !was ? "new" : was.asks !== asks ? "asks" : `moved ${left - was.left} ${top - was.top}`, dx, dy });
      cards.set(card.id, { since: same ? was.since : now, before: same ? was.before : looked, asks, left, top });
    }
    looked = now;
    for (const id of cards.keys()) if (!present.has(id)) cards.delete(id);
  }

  // How long a card has been what and where it is: at least, and at most.
  const age = (id) => (cards.has(id) && offers(id) ? performance.now() - cards.get(id).since : null);
  const oldest = (id) => (cards.has(id) ? performance.now() - cards.get(id).before : null);
  // Whether a press has to count: the request is open, it is allowed here, and its button says nothing of changes that are out of sight.
  function offers(id) {
    const button = document.getElementById(id)?.querySelector(".decision button.primary");
    return Boolean(button?.checkVisibility()) && !button.textContent.includes("unseen");
  }
  // What the page itself says of the card, to be read when a press did not count.
  const told = (id) => id && JSON.stringify({ ...document.getElementById(id)?.dataset, off: document.getElementById(id)?.querySelector(".decision .primary")?.ariaDisabled, line: document.getElementById("connection")?.textContent });
  const cardAt = (node) => node.closest?.("#tool-permissions > .tool-permission")?.id ?? null;

  addEventListener("click", (event) => {
    const button = event.target.closest?.(".decision button");
    if (!button || !event.isTrusted) return;
    look();
    presses.push({ card: cardAt(button), key: false, age: age(cardAt(button)), oldest: oldest(cardAt(button)), at: performance.now(), told: told(cardAt(button)) });
  }, true);
  addEventListener("keydown", (event) => {
    if (event.code !== "KeyA" || event.repeat || event.target.matches("input, select")) return;
    look();
    const selected = document.querySelector("[data-js-selected=yes]")?.id ?? null;
    presses.push({ card: selected, key: true, age: age(selected), oldest: oldest(selected), selected: own, at: performance.now(), told: told(selected) });
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
  window.observed = { presses, age, cards, changes };
})();
