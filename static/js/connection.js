// One stream per browser and page, however many tabs, because a browser opens six connections per server.
// The tab that holds a Web Lock reads the stream and passes it on over a BroadcastChannel. A page is live only
// while it has heard from the server within the last 25 s, whatever its socket reports.
// After 25 s of silence (the server pings every 10 s) a page says stale since when, and opens another stream. A worker keeps
// the time, because a browser slows the timers of hidden pages down. A leading tab that is silent for 25 s loses the lock,
// and its later messages are ignored by their lower term. At most four pages of a browser have a stream; further ones reload
// every five seconds. A machine that slept, or whose clock was set ahead, opens another stream at once.

const live = document.getElementById("live");
const line = () => document.getElementById("connection");
const channel = new BroadcastChannel(live.dataset.channel);
const SLOTS = 4; // streams per browser; further pages reload every few seconds
const LOOK = 5_000; // ms between two attempts
const SILENCE = 25_000; // ms without a message; the server pings every 10 s
const GREETING = 5_000; // ms within which the leading tab has to answer a new tab
const LOOK_TIMEOUT = 10_000; // ms for a reload of the page
const TICK = 1_000; // ms between two checks
const BEHIND = 1_000; // ms after which a message counts as one of a backlog
const SLEPT = 5_000; // ms that the machine's clock is ahead of performance.now(): it slept, or the clock was set
const WOKEN = 3_000; // ms within which a page has to hear from the server after that

// By performance.now():
let heard = performance.now(); // the last message of the server
let seen = heard; // the last message of the leading tab
let tried = heard; // the last attempt to get another stream or to lead
let told = 0; // our last message to the other tabs
let paused = null; // since when the stream waits to reconnect
let started = false;
let ticked = { at: heard, wall: Date.now() };

let standing = "following"; // "waiting": holds the lock, but no slot is free; "leading"; "stopped" by the server
let term = 0; // number of the leading tab; later ones are higher
let office = null; // not null while this tab holds the lock
let answered = false; // whether a leading tab is known
let since = null; // stale since this time of the server; null while it is not
let stream = null; // htmx's connection
let asking = false; // whether the first request of a stream is under way
let looking = null; // the reload that is under way
let asked = -Infinity; // when the other tabs were last asked for their state

function say(state, text) {
  if (line() && line().textContent !== text) {
    line().dataset.state = state;
    line().textContent = text;
  }
  document.dispatchEvent(new Event("connection:changed"));
}

function lost() {
  const silent = performance.now() - heard;
  since ??= serverTime.now() - (silent >= SILENCE ? silent : 0);
  say("reconnecting", `Reconnecting, stale since ${shownTime.clock(new Date(since))}`);
  if (standing === "leading") tell({ lost: true });
}

function leave() {
  if (standing === "leading") tell({ left: true });
  location.reload(); // leads to the sign-in page, and from there back to this one
}

function lead(how) {
  standing = how;
  live.dataset.leads = how === "leading" ? "yes" : "no"; // signals.js gives signals in the leading tab
}

/** Tell the other tabs something. Each message shows that this tab works, and when it last heard from the server. */
function tell(what) {
  if (!navigator.locks) return; // every tab has its own stream
  told = performance.now();
  channel.postMessage({ term, sent: Date.now(), heard: Date.now() - (told - heard), ...what });
}

/** A time of the machine's clock, which all tabs share, in terms of performance.now(). */
const ago = (wall) => performance.now() - Math.max(0, Date.now() - wall);

const apply = (text) => htmx.swap({ sourceElement: live, target: live, swap: "none", text });

// The newest version of each region, for new tabs and for this tab when it has a backlog. Kept as it was sent,
// because the page itself may lag behind.
const newest = new Map();
const backlog = new Map();

function remember(among, text) {
  for (const [partial, region] of text.matchAll(/<hx-partial hx-target="#([\w-]+)"[^]*?<\/hx-partial>/g)) {
    for (const [older, was] of among) if (older === region || was.includes(` data-of="${region}">`)) among.delete(older);
    among.set(region, partial); // a part follows its region, and is dropped with it
  }
}

/** A stream begins with all regions, including the connection line. With that, the page is live again. */
const begins = (text) => text.includes('hx-target="#connection"');

function flush() {
  if (!backlog.size) return;
  const text = [...backlog.values()].join("");
  backlog.clear();
  if (begins(text) && performance.now() - heard < SILENCE) since = null;
  apply(text);
}

const soon = new MessageChannel(); // runs after the messages that have arrived; a timer would be slow in a hidden page
soon.port1.onmessage = flush;

function receive(text, behind) {
  remember(backlog, text);
  if (!behind) soon.port2.postMessage(0);
}

channel.onmessage = ({ data }) => {
  if (data.hello) return greet();
  if (data.left) return location.reload();
  if (!(data.term >= term)) return; // from a tab that was suspended while another took the lead
  if (standing !== "following") {
    if (data.term === term) return;
    resign();
  }
  term = data.term;
  answered = true;
  seen = Math.max(seen, ago(data.sent));
  heard = Math.max(heard, ago(data.heard));
  if (data.stop) lead("stopped");
  else if (data.look) look();
  else if (data.lost) lost();
  else if (data.ping) serverTime.learn(Date.parse(data.ping), ago(data.heard));
  if (data.text) receive(data.text, performance.now() - ago(data.sent) > BEHIND);
  else if (since !== null && !data.lost && !data.look) hello();
};

function hello() {
  if (performance.now() - asked < TICK) return; // every tab receives each answer
  asked = performance.now();
  channel.postMessage({ hello: true });
}

function greet() {
  if (standing === "stopped") location.reload(); // another tab of this page opened, so this one starts again
  else if (standing === "waiting") tell({ look: true });
  else if (standing === "leading") tell(since !== null ? { lost: true } : newest.size ? { text: [...newest.values()].join("") } : {});
}

// The stream, while this tab leads.

live.addEventListener("htmx:sse:before:connection", (event) => {
  if (standing !== "leading") return event.preventDefault();
  if (event.detail.connection.attempt === 0) return;
  paused = performance.now();
  lost();
});
live.addEventListener("htmx:sse:after:connection", ({ detail }) => {
  stream = detail.connection;
  paused = null;
  if (standing !== "leading") stream.abortController.abort();
});
live.addEventListener("htmx:sse:error", ({ detail }) => {
  if ([403, 404].includes(detail.status)) leave(); // the rows are gone or belong to another supervisor; the page says so
  else if (standing === "leading") lost();
});
live.addEventListener("htmx:sse:before:message", ({ detail: { message } }) => {
  if (standing !== "leading") return;
  if (message.event === "ping") {
    heard = performance.now();
    serverTime.learn(Date.parse(message.data), heard);
    tell({ ping: message.data });
  } else if (!message.event && message.data.includes("<hx-partial ")) { // a page of a proxy is ignored
    heard = performance.now();
    if (begins(message.data)) since = null;
    remember(newest, message.data);
    tell({ text: message.data });
  }
});
live.addEventListener("stop", () => {
  tell({ stop: true });
  lead("stopped"); // the connection line says so
  leaveSlot?.();
  leaveSlot = null;
});
live.addEventListener("htmx:sse:close", (event) => {
  stream = null;
  if (event.detail.reason === "message") leave(); // signed out
});

/** Open a stream. htmx reopens one that ends, but does not try again when the first request fails. */
function connect() {
  if (asking || stream || looking) return;
  asking = true;
  live.dispatchEvent(new CustomEvent("lead"));
}

live.addEventListener("htmx:finally:request", () => (asking = false));

/** Close the stream; htmx reopens it. */
const renew = () => stream?.reader?.cancel();

// The leading tab.

const never = () => new Promise(() => {});
let queued = null; // ends our wait for the lock
let leaveSlot = null;

/** The function that releases the slot again, or null when another page has it. */
const free = (name) =>
  new Promise((got) =>
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (!lock) return got(null);
      return new Promise(got);
    }),
  );

/** The function that releases the slot that was free, or null when this tab stopped leading meanwhile. */
async function slot(mine) {
  for (;;) {
    for (let n = 0; n < SLOTS; n++) {
      const leave = mine === office ? await free(`floorwalker-slot-${n}`) : null;
      if (leave && mine === office) return leave;
      leave?.();
    }
    if (mine !== office) return null;
    tell({ look: true });
    await look();
    await new Promise((done) => setTimeout(done, LOOK));
  }
}

async function hold() {
  const mine = (office = {});
  term = Math.max(Date.now(), term + 1);
  lead("waiting");
  const leave = await slot(mine);
  if (!leave) return;
  leaveSlot = leave;
  lead("leading");
  tried = performance.now();
  tell({});
  connect();
  await never();
}

/** Try to lead: wait for the lock, or take it from a tab that does not respond. */
async function stand(steal) {
  let held = false;
  const hand = () => {
    held = true;
    return hold();
  };
  queued?.abort();
  queued = steal ? null : new AbortController();
  try {
    await navigator.locks.request(live.dataset.channel, steal ? { steal } : { signal: queued.signal }, hand);
  } catch {
    if (!held) return; // we no longer wait for it
    resign(); // another tab has taken it
    stand(false);
  }
}

function resign() {
  if (!office) return;
  office = null;
  lead("following");
  seen = tried = performance.now();
  answered = false;
  leaveSlot?.();
  leaveSlot = null;
  renew();
  channel.postMessage({ hello: true });
}

let looked = false; // whether the reload under way has brought the page

const look = () => (looking ??= lookOnce().finally(() => (looking = null)));

async function lookOnce() {
  looked = false;
  const how = { source: live, target: "#main", select: "#main", swap: "outerMorph", timeout: LOOK_TIMEOUT };
  await htmx.ajax("GET", location.href, how);
  if (!looked) return; // the connection line says so
  since = null;
  heard = performance.now();
  say("looking", "Many live pages are open: this one looks again every 5 s");
}

// Only a reload is answered with a page, which may also be a page of a proxy.
live.addEventListener("htmx:after:request", (event) => {
  const { text, response } = event.detail.ctx;
  if (looking && text.includes('id="live"')) {
    looked = true;
    return serverTime.learn(Date.parse(text.match(/data-now="([^"]+)"/)?.[1]));
  }
  event.preventDefault();
  if (response.headers.has("hx-redirect") || [403, 404].includes(response.status)) leave(); // signed out, or gone
  else failed(event);
});

function failed({ detail: { ctx } }) {
  if (ctx?.sourceElement !== live) return;
  lost();
}

document.addEventListener("htmx:error", failed);
document.addEventListener("htmx:response:error", failed);

/** Every second: find out what has been silent for too long, and act on it. */
function watch() {
  const now = performance.now();
  if (now - ticked.at < TICK / 2) return; // one of several ticks that waited for a busy script
  const slept = Date.now() - ticked.wall - (now - ticked.at) > SLEPT;
  ticked = { at: now, wall: Date.now() };
  flush();
  document.dispatchEvent(new Event("connection:tick"));
  if (!started || standing === "stopped") return;
  if (slept) {
    heard = Math.min(heard, now - SILENCE + WOKEN);
    seen = tried = now;
  }
  if (now - heard >= SILENCE) lost();
  if (office && now - told >= LOOK) tell(since === null ? {} : { lost: true });
  if (standing === "leading") {
    if (slept || now - Math.max(heard, tried) >= SILENCE) {
      tried = now;
      renew();
    }
    connect();
    if (paused !== null && now - paused >= LOOK) stream?.delayCanceller?.(); // its timer is slow in a hidden page
  } else if (standing === "following") {
    if (slept) hello();
    if (now - Math.max(seen, tried) < (answered ? SILENCE : GREETING)) return;
    tried = now;
    stand(true);
  }
}

// From both, because a worker may fail to start.
new Worker(live.dataset.ticks).onmessage = watch;
setInterval(watch, TICK);

// After htmx has processed the page.
if (document.readyState !== "complete") await new Promise((done) => document.addEventListener("DOMContentLoaded", () => setTimeout(done), { once: true }));
tried = seen = performance.now();
started = true;
if (navigator.locks) {
  channel.postMessage({ hello: true });
  stand(false);
} else {
  lead("leading");
  connect();
}
