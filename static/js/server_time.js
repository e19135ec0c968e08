// The server's time, on a machine whose own clock may be wrong, or is set while the page is open: what the server said with
// the page and with each ping, and what performance.now() has counted since, which no change of the clock moves.

(() => {
  const KEPT = 6; // of what the server said last: a minute of pings
  const offsets = []; // the server's time less performance.now(), in ms
  let offset = 0;

  /** The server's time was `at` (ms since 1970) when it sent what has arrived at `heard`, by performance.now(). */
  function learn(at, heard = performance.now()) {
    if (!(at > 0)) return;
    offsets.push(at - heard);
    if (offsets.length > KEPT) offsets.shift();
    offset = Math.max(...offsets); // on its way it can only have become older
  }

  // A script may start long after the page has arrived.
  const [page] = performance.getEntriesByType("navigation");
  learn(Date.parse(document.body.dataset.now), page?.responseStart || performance.now());
  window.serverTime = { learn, now: () => performance.now() + offset };
})();
