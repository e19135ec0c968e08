// Says honestly whether this page is live, and keeps the number of waiting decisions in the title.

const state = () => document.getElementById("connection");
const title = document.title;
let lostAt = null;

function lost() {
  lostAt ??= new Date();
  const line = state();
  if (!line) return;
  line.dataset.state = "reconnecting";
  line.textContent = `Reconnecting, stale since ${lostAt.toLocaleTimeString([], { hour12: false })}`;
}

document.addEventListener("htmx:sse:error", lost);
document.addEventListener("htmx:sse:before:connection", (event) => {
  if (event.detail.connection.attempt > 0) lost();
});
// The first message of a stream is a snapshot with the connection's state in it.
document.addEventListener("htmx:sse:after:connection", () => {
  lostAt = null;
});
document.addEventListener("htmx:sse:close", (event) => {
  if (event.detail.reason === "message") location.assign("/login"); // signed out
});

function count() {
  const pending = Number(document.getElementById("pending-count")?.textContent ?? 0);
  document.title = pending ? `(${pending}) ${title}` : title;
}

count();
document.addEventListener("htmx:after:swap", count);
