// One stream a browser and page, however many tabs: a browser opens six connections to a server and no more.
// The tab that holds the lock reads the stream and tells the others. The line at the top says honestly how it is.

const live = document.getElementById("live");
const line = () => document.getElementById("connection");
const clock = (at) => at.toLocaleTimeString([], { hour12: false });
const channel = new BroadcastChannel(live.dataset.channel);
const SLOTS = 4; // streams at most in one browser; further pages look again every few seconds
const LOOK = 5000;
let lostAt = null;
let leading = false;
let stopped = false; // by the server: the account has too many streams, and one that came back would stop another

function lost() {
  lostAt ??= new Date();
  if (!line()) return;
  line().dataset.state = "reconnecting";
  line().textContent = `Reconnecting, stale since ${clock(lostAt)}`;
  if (leading) channel.postMessage({ lost: true });
}

function leave() {
  if (leading) channel.postMessage({ left: true });
  location.reload(); // leads to the sign-in page, and from there back to this one
}

const apply = (text) => htmx.swap({ sourceElement: live, target: live, swap: "none", text });

// The newest of each region, for a tab that has just come. As they were sent, and not from the page: that may lag.
const newest = new Map();

function remember(text) {
  for (const [partial, region] of text.matchAll(/<hx-partial hx-target="#([\w-]+)"[^]*?<\/hx-partial>/g)) {
    for (const [older, was] of newest) if (older === region || was.includes(` data-of="${region}">`)) newest.delete(older);
    newest.set(region, partial); // a part of a region after it, and gone with it
  }
}

channel.onmessage = ({ data }) => {
  if (data.hello && stopped) location.reload(); // another tab of this page opened: this one starts again
  else if (data.hello) leading && channel.postMessage(lostAt ? { lost: true } : { text: [...newest.values()].join("") });
  else if (data.left) location.reload();
  else if (data.look) look();
  else if (leading) return;
  else if (data.lost) lost();
  else if (data.text) {
    lostAt = null;
    apply(data.text);
  }
};

live.addEventListener("htmx:sse:error", ({ detail }) => {
  if ([403, 404].includes(detail.status)) leave(); // gone, or not theirs any more: the page says so
  else lost();
});
live.addEventListener("htmx:sse:before:connection", (event) => {
  if (stopped) event.preventDefault();
  else if (event.detail.connection.attempt > 0) lost();
});
live.addEventListener("htmx:sse:before:message", ({ detail }) => {
  lostAt = null; // a stream begins with a snapshot, and in it the connection's own line
  if (detail.message.event) return;
  remember(detail.message.data);
  channel.postMessage({ text: detail.message.data });
});
live.addEventListener("stop", () => (stopped = true)); // the line at the top has said so
live.addEventListener("htmx:sse:close", (event) => {
  if (event.detail.reason === "message") leave(); // signed out
});

function lead() {
  leading = true;
  const connect = () => stopped || live.dispatchEvent(new CustomEvent("lead"));
  connect();
  setInterval(connect, LOOK); // does nothing while connected: a first connection that failed is not retried otherwise
}

const forEver = () => new Promise(() => {});
const free = (name) =>
  new Promise((got) => navigator.locks.request(name, { ifAvailable: true }, (lock) => (got(!!lock), lock && forEver())));

async function slot() {
  for (;;) {
    for (let n = 0; n < SLOTS; n++) if (await free(`floorwalker-slot-${n}`)) return;
    channel.postMessage({ look: true });
    await look();
    await new Promise((done) => setTimeout(done, LOOK));
  }
}

async function look() {
  lostAt = null;
  await htmx.ajax("GET", location.href, { source: live, target: "#main", select: "#main", swap: "outerMorph" });
  if (lostAt) return; // htmx has said so, and nothing is new
  line().dataset.state = "reconnecting";
  line().textContent = "Many live pages are open: this one looks again every 5 s";
}

// Not before htmx has taken notice of the page.
if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, { once: true }));
if (navigator.locks) {
  channel.postMessage({ hello: true });
  navigator.locks.request(live.dataset.channel, async () => {
    await slot();
    lead();
    await forEver();
  });
} else lead();

function toast(text) {
  const box = document.createElement("p");
  box.className = "toast";
  box.textContent = text;
  document.getElementById("toasts").append(box);
  setTimeout(() => {
    box.remove();
    document.dispatchEvent(new Event("queue:uncovered"));
  }, 8000);
}

document.addEventListener("htmx:error", (event) => {
  if (event.detail.ctx?.sourceElement === live) lost();
  else toast("That could not be sent: the server does not answer. Please try again.");
});
document.addEventListener("htmx:response:error", (event) => {
  const ctx = event.detail.ctx;
  if (ctx?.sourceElement === live) return lost();
  if (ctx.response.status === 409 && ctx.text.includes('class="tool-permission ')) {
    // The fresh card says it, but for a request that still waits.
    if (ctx.text.includes('class="tool-permission pending"')) toast("That was not decided: please look at the request again.");
    return;
  }
  if (ctx.text?.includes('class="standing-approval"')) return; // the dialog says what is wrong
  ctx.swap = "none";
  toast(ctx.text && ctx.text.length < 300 ? ctx.text : "That did not work. Please try again.");
});
