// The transcript of an interaction: earlier lines, links to a line, find, and new lines while it is live.
// The region holds the newest lines. Earlier ones stand above it, a list for each part that was loaded, and lines that leave the
// region move there.

const PAGES = 40; // parts of earlier lines that a link to a line or a search loads at most
const earlier = document.getElementById("earlier-lines");
const region = () => document.getElementById("timeline");
const lines = () => [...document.querySelectorAll(".transcript-box li[data-entry]")];
const live = () => document.querySelector("#interaction[data-heard]") !== null;

/** Scroll to something. Lines out of sight have an estimated height, so that the place is right only after they are laid out. */
function reveal(node, block = "center") {
  let left = 3; // frames
  const again = () => {
    node.scrollIntoView({ block, behavior: "instant" });
    if (--left) requestAnimationFrame(again);
  };
  again();
}

// Earlier lines.

let cursor = null; // of the lines before the earliest that is shown; null while none was loaded
const oldest = () => cursor ?? document.getElementById("lines-before")?.dataset.earlier ?? "";
const more = document.createElement("button");
more.type = "button";
more.textContent = "Earlier lines";
let loading = null;

async function load() {
  const address = new URL(location.pathname + "/lines", location.href);
  address.searchParams.set("before", oldest());
  const answer = await fetch(address, { headers: { "HX-Request": "true" } });
  if (!answer.ok) throw new Error(`Earlier lines did not come: ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.getElementById("lines");
  const height = document.documentElement.scrollHeight;
  const part = document.createElement("ol");
  part.append(...[...found.querySelectorAll("li[data-entry]")].filter((line) => !document.getElementById(line.id)));
  earlier.prepend(part);
  cursor = found.dataset.earlier;
  more.hidden = cursor === "";
  scrollBy({ top: document.documentElement.scrollHeight - height, behavior: "instant" });
}

/** Load one part, however often it is asked for meanwhile. */
const loadOnce = () => (loading ??= load().finally(() => (loading = null)));

more.addEventListener("click", loadOnce);
document.addEventListener("click", (event) => {
  if (!event.target.closest?.("#lines-before a")) return;
  event.preventDefault();
  if (!more.isConnected) earlier.before(more);
  loadOnce();
});

async function loadAll(enough = () => false) {
  for (let n = 0; n < PAGES && oldest() && !enough(); n += 1) await loadOnce();
  if (cursor !== null && !more.isConnected) earlier.before(more);
}

// What the region drops while earlier lines are shown stays above it.
new MutationObserver((changes) => {
  if (cursor === null) return;
  for (const { removedNodes } of changes)
    for (const node of removedNodes)
      for (const line of node.matches?.("ol") ? [...node.children] : [node])
        if (line.matches?.("li[data-entry]") && !document.getElementById(line.id)) earlier.lastElementChild.append(line);
}).observe(document.querySelector(".transcript-box"), { childList: true, subtree: true });

// When the first part has lost its last line, the next one is the first. It gets the name before htmx would move each of its lines.
document.addEventListener("htmx:before:swap", ({ detail: { tasks } }) => {
  for (const { fragment } of tasks) {
    const line = fragment.querySelector?.("#timeline > #lines-first > li[data-entry]");
    const part = line && document.getElementById(line.id)?.closest("#timeline > ol");
    if (!part || part.id === "lines-first") continue;
    document.getElementById("lines-first")?.remove();
    part.id = "lines-first";
  }
});

// A part of the transcript that the page has in this version is left alone: to compare its lines with the new ones takes longer than to read them.
htmx.registerExtension("versions", {
  htmx_before_morph_node: (_, { oldNode, newNode }) => !newNode.dataset?.version || newNode.dataset.version !== oldNode.dataset?.version,
});

// A link to a line.

async function follow() {
  const name = decodeURIComponent(location.hash.slice(1));
  if (!/^(entry|decision)-/.test(name)) return;
  await loadAll(() => document.getElementById(name));
  const line = document.getElementById(name);
  if (!line) return;
  for (const before of document.querySelectorAll("[data-js-target]")) before.removeAttribute("data-js-target");
  line.dataset.jsTarget = "yes";
  noteOn(line.closest("li[data-entry]"));
  reveal(line);
}

const LONGEST = 70; // characters of a line in the choice of what a note is about

/** A new note is about the line that was chosen. The choice has the newest lines as they were when it was made, so this one may be missing. */
function noteOn(line) {
  const about = document.querySelector(".new-note select[name=line]");
  const name = line.id.replace("entry-", "");
  if (!about || !/^[tq]/.test(name)) return;
  if (![...about.options].some((one) => one.value === name)) {
    const words = [...line.querySelectorAll(":scope .tool, :scope .decided")].map((one) => one.textContent).join(" ");
    const said = words || `${line.dataset.entry}: ${line.querySelector(":scope > p").firstChild.textContent.trim()}`;
    const option = new Option(`${line.querySelector(".at time").textContent} ${said}`.slice(0, LONGEST), name);
    about.add(option, 1);
  }
  about.value = name;
  about.hidden = false;
}

/** Lines are named by their time as the transcript has it. Without scripts it stays that of UTC. */
function nameLines() {
  for (const option of document.querySelectorAll(".new-note option[data-at]")) {
    option.text = option.text.replace(/^\d\d:\d\d UTC/, shownTime.clock(new Date(option.dataset.at)));
    option.removeAttribute("data-at");
  }
}
addEventListener("hashchange", follow);

// The chart reads and leads to lines by their time.

const timed = () => [...document.querySelectorAll(".transcript-box li[data-entry] > :is(p, article, details) .at time")];
const secondsOf = (time) => Date.parse(time.dateTime) / 1000;

/** The line that was the last at this time, in seconds since 1970, of those that are loaded. */
window.lineOfTranscript = (at) => {
  let found = null;
  for (const time of timed()) {
    if (secondsOf(time) > at + 0.5) break;
    found = time.closest("li");
  }
  return found;
};
document.addEventListener("transcript:reveal", async ({ detail: at }) => {
  await loadAll(() => timed().length && secondsOf(timed()[0]) <= at + 0.5);
  const line = lineOfTranscript(at) ?? timed()[0]?.closest("li");
  if (line) reveal(line);
});

// Find: matches are highlighted without a change to the page, so that an update of the stream moves nothing.

const field = document.getElementById("find");
const count = document.querySelector("output[for=find]");
let matches = [];
let at = -1;

function ranges(words) {
  const found = [];
  for (const line of lines()) {
    if (!line.checkVisibility()) continue;
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      if (node.parentElement.closest(".at")) continue;
      const text = node.data.toLowerCase();
      for (let start = text.indexOf(words); start >= 0; start = text.indexOf(words, start + words.length)) {
        const range = new Range();
        range.setStart(node, start);
        range.setEnd(node, Math.min(start + words.length, node.length));
        found.push(range);
      }
    }
  }
  return found;
}

function mark() {
  if (!CSS.highlights) return;
  CSS.highlights.set("found", new Highlight(...matches));
  CSS.highlights.set("found-now", new Highlight(...matches.slice(Math.max(at, 0), at + 1)));
}

function search() {
  const words = field.value.trim().toLowerCase();
  matches = words ? ranges(words) : [];
  at = Math.min(at, matches.length - 1);
  count.textContent = words ? (matches.length ? `${Math.max(at, 0) + 1} of ${matches.length}` : "not found") : "";
  mark();
}

function go(step) {
  if (!matches.length) return;
  at = (at + step + matches.length) % matches.length;
  count.textContent = `${at + 1} of ${matches.length}`;
  mark();
  const folded = matches[at].startContainer.parentElement.closest("details:not([open])");
  if (folded) folded.open = true;
  reveal(matches[at].startContainer.parentElement);
}

field.closest("search").hidden = false;
field.addEventListener("input", async () => {
  at = -1;
  search();
  if (field.value.trim() && oldest()) {
    await loadAll();
    search();
  }
});
field.addEventListener("keydown", (event) => {
  if (event.key === "Enter") {
    event.preventDefault();
    go(event.shiftKey ? -1 : 1);
  } else if (event.key === "Escape") {
    field.value = "";
    search();
  }
});
for (const choice of document.querySelectorAll("input[name=shown]")) choice.addEventListener("change", search);

// New lines while the interaction is live.

const pill = document.getElementById("new-lines");
const followed = document.getElementById("follow");
const last = () => [...(region()?.querySelectorAll(":scope > ol") ?? [])].at(-1)?.lastElementChild;
const inView = (line) => line && line.getBoundingClientRect().top < innerHeight;
let known = last()?.id;

function down() {
  if (last()) reveal(last(), "end");
  pill.hidden = true;
}

function arrived() {
  followed.closest("label").hidden = !live();
  if (field.value.trim()) search();
  const line = last();
  if (!line || line.id === known) return;
  known = line.id;
  if (followed.checked) down();
  else pill.hidden = inView(line);
}
pill.addEventListener("click", down);
followed.addEventListener("change", () => followed.checked && down());
addEventListener("scroll", () => inView(last()) && (pill.hidden = true), { passive: true });
document.addEventListener("htmx:after:swap", () => setTimeout(arrived)); // a task of its own, because it lays the page out
document.addEventListener("htmx:after:swap", nameLines);

nameLines();
arrived();
follow();
