// Alerts for a person who looks elsewhere: sound, desktop notification, title and icon.

const cards = () => [...document.querySelectorAll(".tool-permission.pending")];
const favicon = document.getElementById("favicon");
const calm = favicon.href;
const title = document.title;
const KEPT = 100; // alerts that the browser remembers
const ELSEWHERE = 300; // ms within which the tab with focus alerts first

// Sound and desktop notifications are asked for once, on a click, and kept for this browser. A browser plays nothing before
// the first click or key in a page. Until then the sound is blocked, and the control says so.
const control = document.querySelector("[data-sound]");
const wanted = () => localStorage.getItem("sound") === "on";
let audio = null;
let missed = []; // alerts while the sound was blocked

function open() {
  audio ??= new AudioContext();
  audio.onstatechange ??= heard;
  return audio;
}

async function heard() {
  say();
  if (audio.state !== "running") return;
  const still = missed.filter((call) => known.has(call));
  missed = [];
  await ring(still);
}

/** on, off, or blocked by the browser. */
function state() {
  if (!wanted()) return "off";
  return open().state === "running" ? "on" : "blocked";
}

const words = { on: "Sound on", off: "Sound off", blocked: "Sound blocked until you click or press a key" };

function say() {
  control.hidden = false;
  control.dataset.state = state();
  const refused = wanted() && "Notification" in window && Notification.permission === "denied";
  control.querySelector("[data-says]").textContent = words[state()] + (refused ? ", notifications blocked" : "");
  control.querySelector("[data-switch]").textContent = wanted() ? "Turn off" : "Turn on";
  control.querySelector("[data-test]").hidden = !wanted();
}

function play() {
  const at = open().currentTime;
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

/** Of these alerts, those that no tab of the browser has given yet; this tab gives them now. */
async function first(what, calls) {
  const take = () => {
    const done = JSON.parse(localStorage.getItem(what) ?? "[]");
    const fresh = calls.filter((call) => !done.includes(call));
    if (fresh.length) localStorage.setItem(what, JSON.stringify([...done, ...fresh].slice(-KEPT)));
    return fresh;
  };
  return navigator.locks ? navigator.locks.request("floorwalker-call", take) : take();
}

async function ring(calls) {
  if (!wanted() || !calls.length) return;
  if (state() === "blocked") missed.push(...calls); // another tab may play it
  else if ((await first("rung", calls)).length) play();
}

async function tell(all) {
  const may = wanted() && "Notification" in window && Notification.permission === "granted";
  const looking = () => !document.hidden && document.hasFocus();
  if (!looking()) await new Promise((done) => setTimeout(done, ELSEWHERE));
  const [call] = await first("told", all.map(name));
  if (!call || looking() || !may) return;
  const card = all.find((one) => name(one) === call);
  const note = new Notification(`${card.getAttribute("aria-label")}: allow or deny?`, {
    body: card.querySelector(".purpose")?.textContent,
    tag: card.id,
  });
  note.onclick = () => window.focus();
}

const name = (card) => `${card.id} ${card.dataset.rank}`;
let known = new Set(cards().map(name));

function look() {
  const all = cards();
  const pending = Number(document.getElementById("pending-count")?.dataset.waiting ?? 0);
  const live = document.getElementById("connection")?.dataset.state;
  const stale = ["stale", "reconnecting", "stopped"].includes(live);
  const text = (stale ? "Stale · " : "") + (pending ? `(${pending}) ${title}` : title);
  if (document.title !== text) document.title = text;
  const icon = stale ? favicon.dataset.stale : pending ? favicon.dataset.waiting : calm;
  if (favicon.getAttribute("href") !== icon) favicon.setAttribute("href", icon);
  const fresh = all.filter((card) => !known.has(name(card)));
  known = new Set(all.map(name));
  if (!fresh.length) return;
  document.getElementById("arrivals").textContent = fresh
    .map((card) => `${card.getAttribute("aria-label")}, ${card.querySelector(".left").textContent}`)
    .join("; ");
  ring(fresh.map(name));
  tell(fresh);
}

if (control) {
  control.querySelector("[data-switch]").addEventListener("click", async () => {
    localStorage.setItem("sound", wanted() ? "off" : "on");
    if (wanted()) await open().resume();
    say();
    if (wanted()) play();
    if (wanted() && "Notification" in window && Notification.permission === "default") await Notification.requestPermission();
    say();
  });
  control.querySelector("[data-test]").addEventListener("click", async () => {
    await open().resume();
    play();
  });
  for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, () => wanted() && open().resume(), true);
  addEventListener("storage", ({ key }) => key === "sound" && say());
  say();
}
look();
document.addEventListener("htmx:after:swap", look);
document.addEventListener("connection:changed", look);
