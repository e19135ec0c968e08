// Calls a person who looks elsewhere: sound, desktop notification, title and icon. What calls is read from the page: a new request,
// half of its time, its last 30 s, an agent that became critical, one that has been silent for a minute. What sounds and what
// notifies is the choice of the person (/account); in their quiet hours only title and icon tell.
//
// Nothing calls twice: each signal has a key, and of all tabs of a browser the first to note it in localStorage, under a lock, gives
// it. The leading tab goes first; the others wait a moment, and do it if its sound is blocked. What was there when the page opened
// does not call. A tab reports what it has given, so that it is not sent by web push too (server/accounts/jobs.py): what it has
// played, what it has shown as a notification, and what is there while somebody looks at it.

const live = document.getElementById("live");
const favicon = document.getElementById("favicon");
const calm = favicon.href;
const title = document.title;
const viewer = document.body.dataset.viewer;
const KEPT = 300; // signals that the browser remembers
const ELSEWHERE = 300; // ms within which the tab with focus goes first
const FOLLOWS = 1_500; // ms that the other tabs leave to the leading one, whose machine may be busy
const FRESH = 600_000; // ms after which the choices are read again
const ANSWER = 5_000; // ms that this may take
const SOON = 700; // ms for which a signal waits for them
const ENDING = 30_000; // ms
const SILENT = 1000 * Math.max(60, Number(document.body.dataset.stale)); // ms; a server may tell of silence later than that
const REPORTED = 50; // signals in one report
const URGENCY = ["ending", "half", "critical", "silent", "request"]; // most urgent first
const TOLD = { ending: "30 s left", half: "Half its time", critical: "Critical", silent: "Silent" };
const QUESTION = {
  request: (name) => `${name}: allow or deny?`,
  half: (name) => `${name}: half of its time is over`,
  ending: (name) => `${name}: 30 seconds left`,
  critical: (name) => `${name} became critical`,
  silent: (name) => `${name} has been silent for a minute`,
};

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const leads = () => live.dataset.leads === "yes";
const looking = () => !document.hidden && document.hasFocus();

// What calls now.

/** Of a request only the most urgent: { signal, id, since, key, name, body, tag }. */
function ofRequest(card, now) {
  const { from, until } = card.querySelector(".time-left").dataset;
  const [begins, ends] = [Date.parse(from), Date.parse(until)];
  const signal = now >= ends - ENDING ? "ending" : now >= (begins + ends) / 2 ? "half" : "request";
  const id = card.id.replace("tool-permission-", "");
  // One that was allowed and taken back is new again, but its time is not.
  const key = `${signal} ${id} ${signal === "request" ? card.dataset.rank : ""}`;
  return { signal, id, since: from, key, name: card.getAttribute("aria-label"), body: card.querySelector(".purpose")?.textContent, tag: card.id };
}

function ofAgent(card, now) {
  const { state, since, interaction: id } = card.dataset;
  if (state === "silent" && now - Date.parse(since) < SILENT) return null;
  return { signal: state, id, since, key: `${state} ${id} ${since}`, name: card.querySelector("h3").textContent.trim(), tag: id };
}

function present() {
  const now = serverTime.now();
  return [
    ...[...document.querySelectorAll(".tool-permission.pending")].map((card) => ofRequest(card, now)),
    ...[...document.querySelectorAll("#agents .card[data-since]")].map((card) => ofAgent(card, now)),
  ].filter(Boolean);
}

// What the person has chosen.

const kept = `signals:${viewer}`;
let choices = JSON.parse(localStorage.getItem(kept)); // what they were when a page was open last
let read = -Infinity;
const channel = new BroadcastChannel("floorwalker-signals"); // the account page says that they were changed

async function readChoices() {
  read = performance.now();
  try {
    const answer = await fetch("/account/signals", { redirect: "error", signal: AbortSignal.timeout(ANSWER) });
    if (!answer.ok) throw new Error(answer.status);
    choices = await answer.json();
    localStorage.setItem(kept, JSON.stringify(choices));
    if (choices.push) await push.renew(choices).catch(() => null);
  } catch {
    // Everything calls, because to be called in vain is better than not to be called.
    choices ??= { sounds: URGENCY, notifications: URGENCY, quiet: null, push: false };
  }
}

let reading = readChoices();
channel.onmessage = () => (reading = readChoices());

function quiet() {
  const hours = choices.quiet;
  if (!hours) return false;
  const how = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  let clock;
  try {
    clock = new Intl.DateTimeFormat("en-GB", { ...how, timeZone: hours.zone }).format(serverTime.now());
  } catch {
    clock = new Intl.DateTimeFormat("en-GB", how).format(serverTime.now()); // a zone that this browser does not know
  }
  return hours.from < hours.until ? clock >= hours.from && clock < hours.until : clock >= hours.from || clock < hours.until;
}

// Giving a signal.

/** Of these signals, those that no tab of the browser has given yet in this way; this tab gives them now. */
async function first(way, signals) {
  const take = () => {
    const done = JSON.parse(localStorage.getItem(way) ?? "[]");
    const fresh = signals.filter(({ key }) => !done.includes(key));
    if (fresh.length) localStorage.setItem(way, JSON.stringify([...done, ...fresh.map(({ key }) => key)].slice(-KEPT)));
    return fresh;
  };
  return navigator.locks ? navigator.locks.request("floorwalker-signals", take) : take();
}

const urgent = (signals) => signals.toSorted((one, other) => URGENCY.indexOf(one.signal) - URGENCY.indexOf(other.signal));
let missed = []; // while the sound was blocked

async function ring(signals) {
  if (!sounds.wanted() || !signals.length) return;
  if (!leads()) await wait(FOLLOWS);
  if (sounds.state() === "blocked") return void missed.push(...signals); // another tab may play it
  const rung = urgent(await first("rung", signals));
  if (!rung.length) return;
  sounds.play(rung[0].signal);
  report(rung);
}

async function notify(signals) {
  const may = sounds.wanted() && "Notification" in window && Notification.permission === "granted";
  if (!looking()) await wait(leads() ? ELSEWHERE : FOLLOWS);
  const told = urgent(await first("told", signals));
  const [most, ...others] = told;
  if (!most || looking() || !may) return;
  const more = others.length ? `And ${others.length} more` : "";
  const what = { body: [most.body, more].filter(Boolean).join(" · "), tag: most.tag, renotify: true };
  try {
    new Notification(QUESTION[most.signal](most.name), what).onclick = () => window.focus();
  } catch {
    // Chromium on Android shows notifications of a service worker only.
    const worker = await navigator.serviceWorker?.getRegistration("/");
    if (!worker) return;
    await worker.showNotification(QUESTION[most.signal](most.name), what);
  }
  report(told);
}

const reported = new Set(); // keys

/** Tell the server that these signals have been given here. */
async function report(signals) {
  const given = signals.filter(({ key }) => !reported.has(key));
  for (const { key } of given) reported.add(key);
  if (!given.length) return;
  await reading;
  if (!choices.push) return;
  const lines = given.map(({ signal, id, since }) => `${signal} ${id} ${since}`);
  for (let from = 0; from < lines.length; from += REPORTED) {
    const body = new URLSearchParams({ given: lines.slice(from, from + REPORTED).join("\n") });
    await fetch("/account/signals/given", { method: "POST", body, keepalive: true }).catch(() => null);
  }
}

async function give(fresh) {
  if (!choices) await reading;
  if (performance.now() - read > FRESH) await Promise.race([(reading = readChoices()), wait(SOON)]); // another browser may have changed them
  if (quiet()) return;
  ring(fresh.filter(({ signal }) => choices.sounds.includes(signal)));
  notify(fresh.filter(({ signal }) => choices.notifications.includes(signal)));
}

// The page.

let known = null; // keys of what has called, or was there when the page opened

function look() {
  const all = present();
  tell(all);
  const opened = known === null;
  known ??= new Set();
  const fresh = all.filter(({ key }) => !known.has(key));
  for (const { key } of fresh) known.add(key);
  if (looking()) report(all); // also what was there before they came
  if (opened || !fresh.length) return;
  const said = fresh.filter(({ id }) => document.getElementById(`tool-permission-${id}`));
  if (said.length)
    document.getElementById("arrivals").textContent = said
      .map(({ id, name }) => `${name}, ${document.querySelector(`#tool-permission-${id} .left`)?.textContent ?? ""}`)
      .join("; ");
  give(fresh);
}

function tell(all) {
  const pending = Number(document.getElementById("pending-count")?.dataset.waiting ?? 0);
  const state = document.getElementById("connection")?.dataset.state;
  const stale = ["stale", "reconnecting", "stopped"].includes(state);
  const [most] = urgent(all.filter(({ signal }) => TOLD[signal]));
  const same = all.filter(({ signal }) => signal === most?.signal);
  const whose = ["critical", "silent"].includes(most?.signal) ? `: ${most.name}${same.length > 1 ? ` +${same.length - 1}` : ""}` : "";
  const text = [stale ? "Stale · " : "", pending ? `(${pending}) ` : "", most ? `${TOLD[most.signal]}${whose} · ` : "", title].join("");
  if (document.title !== text) document.title = text;
  const icon = stale ? favicon.dataset.stale : most ? favicon.dataset[most.signal] : pending ? favicon.dataset.waiting : calm;
  if (favicon.getAttribute("href") !== icon) favicon.setAttribute("href", icon);
}

// The control of sound and notifications.

const control = document.querySelector("[data-sound]");
const words = { on: "Sound on", off: "Sound off", blocked: "Sound blocked until you click or press a key" };

function say() {
  const state = sounds.state();
  control.hidden = false;
  control.dataset.state = state;
  const refused = sounds.wanted() && "Notification" in window && Notification.permission === "denied";
  control.querySelector("[data-says]").textContent = words[state] + (state === "on" ? control.dataset.only : "") + (refused ? ", notifications blocked" : "");
  control.querySelector("[data-switch]").textContent = sounds.wanted() ? "Turn off" : "Turn on";
  control.querySelector("[data-test]").hidden = !sounds.wanted();
}

async function changed() {
  say();
  if (sounds.state() !== "on" || !missed.length) return;
  const still = missed.filter(({ key }) => present().some((one) => one.key === key));
  missed = [];
  await ring(still);
}

if (control) {
  control.querySelector("[data-switch]").addEventListener("click", async () => {
    sounds.want(!sounds.wanted());
    if (sounds.wanted()) await sounds.resume();
    say();
    if (!sounds.wanted()) return;
    sounds.play("request");
    if ("Notification" in window && Notification.permission === "default") await Notification.requestPermission();
    if ("serviceWorker" in navigator) navigator.serviceWorker.register("/service-worker.js").catch(() => null);
    say();
  });
  control.querySelector("[data-test]").addEventListener("click", async () => {
    await sounds.resume();
    sounds.play("request");
  });
  document.addEventListener("sounds:changed", changed);
  addEventListener("storage", ({ key }) => key === "sound" && say());
  say();
}
look();
for (const event of ["htmx:after:swap", "connection:changed", "connection:tick"]) document.addEventListener(event, look);
