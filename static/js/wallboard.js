// The wallboard's controls: filters apply at once, the view is kept in this browser, full screen; and rows that keep their places
// under a person's hand.

const form = document.querySelector(".wall-list .filters");
const FOCUS = "wallboard-focus"; // the control that had focus when its filter was applied

form.addEventListener("change", ({ target }) => {
  sessionStorage.setItem(FOCUS, target.name);
  form.requestSubmit();
});
// What is not set is left out of the address.
form.addEventListener("formdata", ({ formData }) => {
  for (const [name, value] of [...formData]) if (!value.trim()) formData.delete(name);
});
form.elements[sessionStorage.getItem(FOCUS)]?.focus({ preventScroll: true });
sessionStorage.removeItem(FOCUS);

// The view.

const panel = document.getElementById("view");
const fields = (name) => [...panel.querySelectorAll(`input[name=${name}]`)];

function showView() {
  const { density = "comfortable", without = [] } = wallboardView.read();
  for (const one of fields("density")) one.checked = one.value === density;
  for (const one of fields("column")) one.checked = !without.includes(one.value);
}

panel.addEventListener("change", () => {
  const density = fields("density").find((one) => one.checked).value;
  wallboardView.keep(density, fields("column").filter((one) => !one.checked).map((one) => one.value));
});
addEventListener("storage", ({ key }) => {
  if (key !== "wallboard") return;
  wallboardView.apply();
  showView();
});
showView();

// Places: no row moves while a person points at the list or has focus in it, so that nobody opens another interaction than they
// aimed at. A pointer that rests for a while does not count, because that of a wall rests all day.

const RESTS = 10_000; // ms
const list = () => document.querySelector("#interactions .live-list tbody");
const rows = (among) => [...(among?.querySelectorAll(":scope > tr") ?? [])];
let latest = null; // ids in the order that the server sent last, where another one was kept
let moved = -Infinity;

const busy = () => {
  const there = document.querySelector("#interactions .live-list");
  if (!there || document.hidden || performance.now() - moved > RESTS) return false;
  return there.matches(":hover, :focus-within");
};

function gone(row) {
  const left = row.cloneNode(true);
  left.classList.add("gone");
  return left;
}

document.addEventListener("htmx:before:swap", ({ detail: { tasks } }) => {
  for (const { fragment } of tasks) {
    const section = fragment.querySelector?.("#interactions");
    if (!section) continue;
    const coming = new Map(rows(section.querySelector("tbody")).map((row) => [row.id, row]));
    latest = busy() && coming.size ? [...coming.keys()] : null;
    if (!latest) continue;
    const there = rows(list());
    const known = new Set(there.map((row) => row.id));
    const stay = there.map((row) => coming.get(row.id) ?? gone(row));
    section.querySelector("tbody").append(...stay, ...[...coming.values()].filter((row) => !known.has(row.id)));
  }
});

function release() {
  if (!latest || busy()) return;
  const now = new Map(rows(list()).map((row) => [row.id, row]));
  const order = latest.map((id) => now.get(id)).filter(Boolean);
  latest = null;
  for (const row of now.values()) if (!order.includes(row)) row.remove();
  list()?.append(...order);
}

for (const type of ["pointermove", "keydown", "focusin"]) addEventListener(type, () => (moved = performance.now()), { passive: true });
setInterval(release, 500);

// Full screen. The key F does the same (queue.js).

const full = document.querySelector("[data-full-screen]");
const clock = document.querySelector(".wall-clock");
const zone = shownTime.zone.split("/").pop().replaceAll("_", " ");

function tick() {
  const now = new Date(serverTime.now());
  const text = `${shownTime.date(now, { weekday: "long", month: "long", day: "numeric" })} · ${shownTime.minutes(now)} ${zone}`;
  if (clock.textContent !== text) clock.textContent = text;
}

full.hidden = !document.fullscreenEnabled;
full.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()));
document.addEventListener("fullscreenchange", () => {
  full.querySelector("span").textContent = document.fullscreenElement ? "Leave full screen" : "Full screen";
});
tick();
setInterval(tick, 1000);
