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

// Times as the person wants to read them: in their zone, or that of the browser, with 12 or 24 hours.
(() => {
  const { ownZone: zone, ownClock: clock } = document.documentElement.dataset;
  const hours = clock === "12" ? { hour12: true } : { hourCycle: "h23" };
  let timeZone = zone;
  try {
    new Intl.DateTimeFormat([], { timeZone });
  } catch {
    timeZone = undefined; // a zone that this browser does not know
  }
  window.shownTime = {
    hours,
    zone: timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    /** 14:05:09 or 2:05:09 PM */
    clock: (at) => at.toLocaleTimeString([], { timeZone, ...hours }),
    /** 14:05 or 2:05 PM */
    minutes: (at) => at.toLocaleTimeString([], { timeZone, hour: "2-digit", minute: "2-digit", ...hours }),
    date: (at, more) => at.toLocaleDateString([], { timeZone, ...more }),
    whole: (at) => at.toLocaleString([], { timeZone, dateStyle: "full", timeStyle: "long", ...hours }),
    year: (at) => at.toLocaleDateString("en", { timeZone, year: "numeric" }),
  };
})();
