// Times on the page: the viewer's own clock, elapsed and remaining time, counted here and not sent every second.

const two = (n) => String(n).padStart(2, "0");

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const h = Math.floor(s / 3600);
  return h ? `${h}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

const write = {
  clock: (at) => at.toLocaleTimeString([], { hour12: false }),
  elapsed: (at, now) => span((now - at) / 1000),
  ago: (at, now) => {
    const s = Math.floor((now - at) / 1000);
    return s < 3 ? "just now" : s < 60 ? `${s} s ago` : `${span(s)} ago`;
  },
  left: (at, now) => (at > now ? `${span((at - now) / 1000)} left` : "expired"),
};

function tick() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time")) {
    const kind = Object.keys(write).find((name) => name in time.dataset);
    if (!kind) continue;
    const at = new Date(time.dateTime);
    const text = write[kind](at, now);
    if (time.textContent !== text) time.textContent = text;
    if (kind === "left") {
      const left = (at - now) / 1000;
      time.closest("article").dataset.urgency = left < 30 ? "red" : left < 120 ? "amber" : "calm";
    }
  }
}

tick();
setInterval(tick, 1000);
document.addEventListener("htmx:after:swap", tick);
