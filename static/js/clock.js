// Times on the page, in the viewer's time zone. Elapsed and remaining time are computed here, by the server's time.

// Seconds without a metric. An admin may change them while the page is open, and the line of the connection then says so.
const stale = () => Number(document.getElementById("connection")?.dataset.stale ?? document.body.dataset.stale);
const slow = { amber: 8 * 60, red: 15 * 60 }; // seconds of an interaction's duration
const vanish = 60; // seconds that an answered permission stays
const two = (n) => String(n).padStart(2, "0");

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const h = Math.floor(s / 3600);
  return h ? `${h}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

const { clock } = shownTime;
// A time that does not count is written when it comes to the page: a transcript has thousands.
const still = ["clock", "date"];
const counting = `time[data-kind]:not(${still.map((kind) => `[data-kind="${kind}"]`).join(", ")})`;
const date = (at, now) =>
  shownTime.date(at, { month: "short", day: "numeric", ...(shownTime.year(new Date(now)) !== shownTime.year(at) && { year: "numeric" }) });
const write = {
  clock,
  elapsed: (at, now) => span((now - at) / 1000),
  silence: (at, now) => span((now - at) / 1000),
  left: (at, now) => (at > now ? `${span((at - now) / 1000)} left` : "expired"),
  effect: (at, now) => (at > now ? `takes effect in ${span((at - now) / 1000 + 0.5)}` : "takes effect"),
  day: (at, now) => (now - at < 12 * 3600e3 ? "" : `${date(at, now)}, `) + shownTime.minutes(at),
  date: (at, now) => `${date(at, now)}, ${clock(at)}`,
  heard(at, now) {
    const s = Math.floor((now - at) / 1000);
    if (s >= stale()) return `silent for ${s < 120 ? `${s} s` : span(s)}`;
    return write.ago(at, now);
  },
  ago(at, now) {
    const s = Math.floor((now - at) / 1000);
    return s < 3 ? "just now" : `${s < 120 ? `${s} s` : span(s)} ago`;
  },
};

function set(node, name, value) {
  if (node.dataset[name] !== value) node.dataset[name] = value;
}

function show(time, now) {
  const { kind } = time.dataset;
  const at = new Date(time.dateTime);
  const text = write[kind](at, now);
  if (time.textContent !== text) time.textContent = text;
  const seconds = (now - at) / 1000;
  if (kind === "elapsed") set(time, "jsUrgency", seconds > slow.red ? "red" : seconds > slow.amber ? "amber" : "calm");
}

/** Write the times that count. */
function tick() {
  const now = serverTime.now();
  const silence = stale() * 1000;
  for (const time of document.querySelectorAll(counting)) show(time, now);
  for (const bar of document.querySelectorAll(".time-left")) {
    const from = new Date(bar.dataset.from);
    const until = new Date(bar.dataset.until);
    bar.value = Math.max(0, (until - now) / (until - from));
    const left = (until - now) / 1000;
    set(bar.parentElement, "jsUrgency", left < 30 ? "red" : left < 120 ? "amber" : "calm");
  }
  // On the floor and the wallboard the server says who is silent.
  for (const one of document.querySelectorAll("#interaction[data-heard]"))
    set(one, "jsStale", now - new Date(one.dataset.heard) >= silence ? "yes" : "no");
  for (const one of document.querySelectorAll("[data-answered]")) {
    const { answered, runBy } = one.dataset;
    const notRun = runBy !== undefined && now >= new Date(runBy);
    set(one, "jsGone", now - new Date(notRun ? runBy : answered) >= vanish * 1000 ? "yes" : "no");
    if (!runBy) continue;
    const waited = one.dataset.jsRun === "waits";
    set(one, "jsRun", notRun ? "not" : "waits");
    if (waited && notRun) document.getElementById("announcement").textContent = one.querySelector(".answer").innerText;
  }
}

// The full date with its time zone, as a tooltip.
addEventListener("pointerover", ({ target }) => {
  const time = target.closest?.("time[datetime]");
  if (time) time.title = shownTime.whole(new Date(time.dateTime));
});
const zone = document.querySelector("[data-zone]");
if (zone) {
  zone.textContent = `Times in ${shownTime.zone}`;
  zone.parentElement.hidden = false;
}

for (const time of document.querySelectorAll("time[data-kind]")) show(time, serverTime.now());
new MutationObserver((changes) => {
  const now = serverTime.now();
  for (const { type, target, addedNodes } of changes) {
    if (type === "attributes" && target.matches("time[data-kind]")) show(target, now);
    for (const node of addedNodes) {
      if (node.matches?.("time[data-kind]")) show(node, now);
      for (const time of node.querySelectorAll?.("time[data-kind]") ?? []) show(time, now);
    }
  }
}).observe(document.body, { subtree: true, childList: true, attributeFilter: ["datetime", "data-kind"] });
tick();
setInterval(tick, 250); // often enough that a displayed second is less than a quarter of a second late
document.addEventListener("htmx:after:swap", tick);
