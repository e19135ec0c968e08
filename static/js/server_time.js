// The server's time, whatever the clock of the machine shows: the time that came with the page and with each ping, plus what
// performance.now() has counted since, which a change of the clock does not affect.

(() => {
  const KEPT = 6; // of the latest times of the server: a minute of pings
  const offsets = []; // the server's time minus performance.now(), in ms
  let offset = 0;

  /** The server sent a message at `at` (ms since 1970), which arrived at `heard`, by performance.now(). */
  function learn(at, heard = performance.now()) {
    if (!(at > 0)) return;
    offsets.push(at - heard);
    if (offsets.length > KEPT) offsets.shift();
    offset = Math.max(...offsets); // a message can only arrive late, so the largest difference is the best
  }

  // A script may start long after the page has arrived.
  const [page] = performance.getEntriesByType("navigation");
  learn(Date.parse(document.body.dataset.now), page?.responseStart || performance.now());
  window.serverTime = { learn, now: () => performance.now() + offset };
})();
