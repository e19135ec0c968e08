// One stream a browser and page, however many tabs: a browser opens six connections to a server and no more.
// The tab that holds the lock reads the stream and tells the others. The line at the top says honestly how it is: no page is
// live that has had no sign of the server for 25 s, whatever its socket believes.

const live = document.getElementById("live");
const line = () => document.getElementById("connection");
const channel = new BroadcastChannel(live.dataset.channel);
const SLOTS = 4; // streams at most in one browser; further pages look again every few seconds
const LOOK = 5_000; // ms between two tries
const SILENCE = 25_000; // ms without a sign; the server pings each 10 s
const GREETING = 5_000; // ms that the leading tab has to answer one that has just come
const PATIENCE = 10_000; // ms that a look may take
const TICK = 1_000; // ms between two looks at all this
const BEHIND = 1_000; // ms after which a message is one of many that waited for this tab
const SLEPT = 5_000; // ms that this machine's clock is ahead of what performance.now() counted: it slept, or was set
const WOKEN = 3_000; // ms in which a page that slept has to hear of the server again

// By performance.now():
let heard = performance.now(); // the last sign of the server
let seen = heard; // the last sign of the leading tab
let tried = heard; // another stream, or another leading tab, was asked for
let told = 0; // we have told the other tabs anything
let paused = null; // the stream is waiting to connect again
let started = false;
let ticked = { at: heard, wall: Date.now() };

let standing = "following"; // "waiting": it holds the lock, and no slot is free; "leading"; "stopped" by the server
let term = 0; // of the leading tab; a later one has a higher number
let office = null; // while this tab holds the lock
let answered = false; // whether a leading tab is known
let since = null; // stale since, by the server's clock; null while it is not
let stream = null; // htmx's connection
let asking = false; // for the first one of a stream
let looking = null; // the look under way
let asked = -Infinity; // the other tabs were asked for the newest

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
  say("reconnecting", `Reconnecting, stale since ${new Date(since).toLocaleTimeString([], { hour12: false })}`);
  if (standing === "leading") tell({ lost: true });
}

function leave() {
  if (standing === "leading") tell({ left: true });
  location.reload(); // leads to the sign-in page, and from there back to this one
}

/** Tell the other tabs; each message says that this one lives, and when it last heard of the server. */
function tell(what) {
  if (!navigator.locks) return; // every tab has its own stream
  told = performance.now();
  channel.postMessage({ term, sent: Date.now(), heard: Date.now() - (told - heard), ...what });
}

/** A time of this machine's clock, which all tabs share, by performance.now(). */
const ago = (wall) => performance.now() - Math.max(0, Date.now() - wall);

const apply = (text) => htmx.swap({ sourceElement: live, target: live, swap: "none", text });

// The newest of each region, for a tab that has just come, and for this one when many messages waited for it. As they were
// sent, and not from the page: that may lag.
const newest = new Map();
const backlog = new Map();

function remember(among, text) {
  for (const [partial, region] of text.matchAll(/<hx-partial hx-target="#([\w-]+)"[^]*?<\/hx-partial>/g)) {
    for (const [older, was] of among) if (older === region || was.includes(` data-of="${region}">`)) among.delete(older);
    among.set(region, partial); // a part of a region after it, and gone with it
  }
}

/** A stream begins with a snapshot, and in it the connection's own line: with that, the page is live again. */
const begins = (text) => text.includes('hx-target="#connection"');

function flush() {
  if (!backlog.size) return;
  const text = [...backlog.values()].join("");
  backlog.clear();
  if (begins(text) && performance.now() - heard < SILENCE) since = null;
  apply(text);
}

const soon = new MessageChannel(); // after what has come by now; a timer would be slowed down in a hidden page
soon.port1.onmessage = flush;

function receive(text, behind) {
  remember(backlog, text);
  if (!behind) soon.port2.postMessage(0);
}

channel.onmessage = ({ data }) => {
  if (data.hello) return greet();
  if (data.left) return location.reload();
  if (!(data.term >= term)) return; // from a tab that stood still while another took the lead
  if (standing !== "following") {
    if (data.term === term) return;
    resign();
  }
  term = data.term;
  answered = true;
  seen = Math.max(seen, ago(data.sent));
  heard = Math.max(heard, ago(data.heard));
  if (data.stop) standing = "stopped";
  else if (data.look) look();
  else if (data.lost) lost();
  else if (data.ping) serverTime.learn(Date.parse(data.ping), ago(data.heard));
  if (data.text) receive(data.text, performance.now() - ago(data.sent) > BEHIND);
  else if (since !== null && !data.lost && !data.look) hello();
};

function hello() {
  if (performance.now() - asked < TICK) return; // each answer goes to every tab
  asked = performance.now();
  channel.postMessage({ hello: true });
}

function greet() {
  if (standing === "stopped") location.reload(); // another tab of this page opened: this one starts again
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
  if ([403, 404].includes(detail.status)) leave(); // gone, or not theirs any more: the page says so
  else if (standing === "leading") lost();
});
live.addEventListener("htmx:sse:before:message", ({ detail: { message } }) => {
  if (standing !== "leading") return;
  if (message.event === "ping") {
    heard = performance.now();
    serverTime.learn(Date.parse(message.data), heard);
    tell({ ping: message.data });
  } else if (!message.event && message.data.includes("<hx-partial ")) { // and not the page of somebody between us
    heard = performance.now();
    if (begins(message.data)) since = null;
    remember(newest, message.data);
    tell({ text: message.data });
  }
});
live.addEventListener("stop", () => {
  tell({ stop: true });
  standing = "stopped"; // the line at the top has said so
  leaveSlot?.();
  leaveSlot = null;
});
live.addEventListener("htmx:sse:close", (event) => {
  stream = null;
  if (event.detail.reason === "message") leave(); // signed out
});

/** Ask for a stream. htmx opens one that ends again by itself, but does not try again where the first request fails. */
function connect() {
  if (asking || stream || looking) return;
  asking = true;
  live.dispatchEvent(new CustomEvent("lead"));
}

live.addEventListener("htmx:finally:request", () => (asking = false));

/** Give the stream up, which htmx opens again. */
const renew = () => stream?.reader?.cancel();

// Who leads.

const forEver = () => new Promise(() => {});
let queued = null; // what ends our waiting for the lock
let leaveSlot = null;

/** What releases it again; null when another page has it. */
const free = (name) =>
  new Promise((got) =>
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (!lock) return got(null);
      return new Promise(got);
    }),
  );

/** What releases the slot that was free; null when this tab has given up its office meanwhile. */
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
  standing = "waiting";
  const leave = await slot(mine);
  if (!leave) return;
  leaveSlot = leave;
  standing = "leading";
  tried = performance.now();
  tell({});
  connect();
  await forEver();
}

/** Stand for the lead: wait for the lock, or take it from a tab that gives no sign. */
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
    if (!held) return; // we do not wait for it any more
    resign(); // another has taken it
    stand(false);
  }
}

function resign() {
  if (!office) return;
  office = null;
  standing = "following";
  seen = tried = performance.now();
  answered = false;
  leaveSlot?.();
  leaveSlot = null;
  renew();
  channel.postMessage({ hello: true });
}

let looked = false; // whether the look under way has brought the page

const look = () => (looking ??= lookOnce().finally(() => (looking = null)));

async function lookOnce() {
  looked = false;
  const how = { source: live, target: "#main", select: "#main", swap: "outerMorph", timeout: PATIENCE };
  await htmx.ajax("GET", location.href, how);
  if (!looked) return; // the line has said so
  since = null;
  heard = performance.now();
  say("looking", "Many live pages are open: this one looks again every 5 s");
}

// Only a look has a reply that is a page; and it may be the page of somebody between us and the server.
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

/** Each second: what has given no sign for too long is not live, and something is done about it. */
function watch() {
  const now = performance.now();
  if (now - ticked.at < TICK / 2) return; // ticks that waited for a script that was busy
  const slept = Date.now() - ticked.wall - (now - ticked.at) > SLEPT;
  ticked = { at: now, wall: Date.now() };
  flush();
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
    if (paused !== null && now - paused >= LOOK) stream?.delayCanceller?.(); // whose timer a hidden page slows down
  } else if (standing === "following") {
    if (slept) hello();
    if (now - Math.max(seen, tried) < (answered ? SILENCE : GREETING)) return;
    tried = now;
    stand(true);
  }
}

// The seconds come from both: a worker that does not start says nothing.
new Worker(live.dataset.ticks).onmessage = watch;
setInterval(watch, TICK);

// Not before htmx has taken notice of the page.
if (document.readyState !== "complete") await new Promise((done) => document.addEventListener("DOMContentLoaded", () => setTimeout(done), { once: true }));
tried = seen = performance.now();
started = true;
if (navigator.locks) {
  channel.postMessage({ hello: true });
  stand(false);
} else {
  standing = "leading";
  connect();
}
