// Agents: their cards keep their places under a person's hand, changes of substance are announced, and a quiet floor shows today.

const SOON = 150; // ms in which changes are announced together
const MOST = 4; // changes in one announcement
const LOOK = 60_000; // ms between two looks at the date

// Places: no card moves while a pointer is over the cards or focus is in them.

const cards = (among) => [...among.querySelectorAll(".cards > .card")];
const region = () => document.getElementById("agents");
const busy = () => !document.hidden && region().matches(":hover, :focus-within");
let latest = null; // ids in the order that the server sent last, where another one was kept

document.addEventListener("htmx:before:swap", ({ detail: { tasks } }) => {
  if (!region()) return;
  for (const { fragment } of tasks) {
    const section = fragment.querySelector?.("#agents");
    if (!section) continue;
    const coming = cards(section);
    latest = busy() ? coming.map((card) => card.id) : null;
    if (!latest) continue;
    const places = new Map(cards(region()).map((card, at) => [card.id, at]));
    const place = (card) => places.get(card.id) ?? places.size; // new ones at the end
    coming.sort((one, other) => place(one) - place(other));
    coming[0]?.parentElement.append(...coming);
  }
});

function release() {
  setTimeout(() => {
    if (!latest || busy()) return;
    const now = cards(region());
    const order = latest.map((id) => now.find((card) => card.id === id)).filter(Boolean);
    latest = null;
    if (order.some((card, at) => card !== now[at])) order[0].parentElement.append(...order);
  });
}

region()?.addEventListener("pointerleave", release);
region()?.addEventListener("focusout", release);

// Announcements. Clocks, feeds and scores change all the time, and nobody could listen to them.

/** What matters of each agent, or of each interaction of a wallboard: by the id of its card or row. */
function substance() {
  const found = new Map();
  for (const one of document.querySelectorAll("#agents .card, #interactions tr[data-state]")) {
    const name = one.querySelector("h3, .name a")?.textContent.trim();
    found.set(one.id, { name, state: one.dataset.state, interaction: one.matches("tr") ? one.id : one.dataset.interaction });
  }
  return found;
}

function* changes(was, is) {
  if (was.interaction !== is.interaction) {
    if (was.interaction) yield `${is.name}: interaction ended`;
    if (is.interaction) yield `${is.name}: interaction began`;
  } else if (was.state === "silent" && is.state !== "silent") yield `${is.name} is heard again`;
  if (is.state === was.state) return;
  if (is.state === "critical") yield `${is.name} became critical`;
  if (is.state === "silent") yield `${is.name} is silent`;
}

let known = substance();
let unsaid = [];

function say() {
  const more = unsaid.length - MOST;
  const said = unsaid.slice(0, MOST).join(". ") + (more > 0 ? `. And ${more} more changes` : "");
  unsaid = [];
  document.getElementById("changes").textContent = said;
}

function hear() {
  const now = substance();
  const fresh = [...now].flatMap(([id, is]) => (known.has(id) ? [...changes(known.get(id), is)] : []));
  known = now;
  if (fresh.length && !unsaid.length) setTimeout(say, SOON);
  unsaid.push(...fresh);
}

// A quiet floor. Today begins at the viewer's midnight, so it is read for each viewer, once when the floor becomes quiet, again
// when an archive arrives late, and after midnight.

const quiet = () => document.querySelector("#numbers[data-quiet]");
const version = () => `${quiet().dataset.quiet} ${shownTime.date(new Date(serverTime.now()))}`;
let shown = quiet() && document.querySelector("#today > *") ? version() : null;

async function today() {
  const panel = document.getElementById("today");
  if (!panel || !quiet() || version() === shown) return;
  shown = version();
  await htmx.ajax("GET", "/today", { source: panel, target: panel, swap: "outerMorph" });
}

document.addEventListener("htmx:after:swap", () => {
  hear();
  today();
});
setInterval(today, LOOK);
