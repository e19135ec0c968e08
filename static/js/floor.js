// What calls a person who looks elsewhere: sound, a desktop notification, the title and the icon.

const cards = () => [...document.querySelectorAll(".tool-permission.pending")];
const favicon = document.getElementById("favicon");
const calm = favicon.href;
const title = document.title;
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
    document.getElementById("arrivals").textContent = fresh
      .map((card) => `${card.getAttribute("aria-label")}, ${card.querySelector(".left").textContent}`)
      .join("; ");
    if (wanted() && document.hidden && "Notification" in window && Notification.permission === "granted") {
      const card = fresh[0];
      const note = new Notification(`${card.getAttribute("aria-label")}: allow or deny?`, {
        body: card.querySelector(".purpose").textContent,
        tag: card.id,
      });
      note.onclick = () => window.focus();
    }
  }
}

if (button) say();
look();
document.addEventListener("htmx:after:swap", look);
