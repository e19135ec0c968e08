// The floor's keys, the mark on one tool permission, and what calls a person who looks elsewhere.

const cards = () => [...document.querySelectorAll(".tool-permission.pending")];
const favicon = document.getElementById("favicon");
const calm = favicon.href;
const title = document.title;
let marked = null;

function mark(id, look = true) {
  marked = id;
  for (const card of document.querySelectorAll(".tool-permission")) {
    const is = card.id === id;
    if (is !== (card.dataset.jsMarked === "yes")) card.dataset.jsMarked = is ? "yes" : "no";
    if (is && look) card.scrollIntoView({ block: "nearest" });
  }
}

function move(step) {
  const all = cards();
  if (!all.length) return;
  const at = all.findIndex((card) => card.id === marked);
  mark(all[Math.max(0, Math.min(all.length - 1, at + step))].id);
}

const press = (key) => document.getElementById(marked)?.querySelector(`[data-key=${key}]`);
const keys = {
  j: () => move(1),
  k: () => move(-1),
  a: () => press("a")?.click(),
  d() {
    const opener = press("d");
    if (!opener) return;
    opener.parentElement.open = true;
    opener.parentElement.querySelector("input[name=reason]").focus();
  },
  o: () => press("o")?.click(),
  f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  "?": () => document.getElementById("shortcuts").togglePopover(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest?.(".deny")) {
    event.target.closest(".deny").open = false;
    event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches("input, select, textarea, [contenteditable]")) return;
  const does = keys[event.key.toLowerCase()];
  if (!does) return;
  event.preventDefault();
  does();
});

// Sound and a desktop notification: asked for once, on a click, kept for this browser.
const button = document.querySelector("[data-sound]");
let audio = null;
const wanted = () => localStorage.getItem("sound") === "on";

function say() {
  button.hidden = false;
  button.textContent = wanted() ? "Sound on" : "Sound off";
  button.setAttribute("aria-pressed", String(wanted()));
}

function ring() {
  if (!wanted()) return;
  audio ??= new AudioContext();
  const at = audio.currentTime;
  for (const [start, pitch] of [[0, 660], [0.16, 880]]) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.12, at + start);
    volume.gain.exponentialRampToValueAtTime(0.001, at + start + 0.15);
    tone.connect(volume).connect(audio.destination);
    tone.start(at + start);
    tone.stop(at + start + 0.15);
  }
}

button?.addEventListener("click", async () => {
  localStorage.setItem("sound", wanted() ? "off" : "on");
  say();
  ring();
  if (wanted() && "Notification" in window && Notification.permission === "default") await Notification.requestPermission();
});

let known = new Set(cards().map((card) => card.id));

function look() {
  const all = cards();
  const pending = Number(document.getElementById("pending-count")?.textContent ?? 0);
  const text = pending ? `(${pending}) ${title}` : title;
  if (document.title !== text) document.title = text;
  const icon = pending ? favicon.dataset.waiting : calm;
  if (favicon.getAttribute("href") !== icon) favicon.setAttribute("href", icon);
  const fresh = all.filter((card) => !known.has(card.id));
  known = new Set(all.map((card) => card.id));
  if (fresh.length) {
    ring();
    if (wanted() && document.hidden && "Notification" in window && Notification.permission === "granted") {
      const card = fresh[0];
      const note = new Notification(`${card.querySelector("h3").textContent}: allow or deny?`, {
        body: card.querySelector(".purpose").textContent,
        tag: card.id,
      });
      note.onclick = () => window.focus();
    }
  }
  if (!all.some((card) => card.id === marked)) mark(all[0]?.id ?? null, false);
  else mark(marked, false);
}

if (button) say();
look();
document.addEventListener("htmx:after:swap", look);
