// The trend of the leaderboard: a chart by uPlot in place of the picture that the server sent, which stays without JavaScript and on
// paper. The pointer and the arrow keys read all values of a point.

const HEIGHT = 13; // rem
const figure = document.getElementById("trend");
const given = JSON.parse(figure.dataset.trend);
const colours = {};
const dashes = { 4: [6, 4], 5: [2, 4], 6: [8, 3, 2, 3] }; // of the other lines, by their place, as the style sheet has them
let chart = null;
let readout = null;

const learnColours = () => Object.assign(colours, pageColours(["ink", "faint", "line", "paper", "trend-first", "trend-second"]));

const colourOf = (kind) => colours[{ chosen: "ink", first: "trend-first", second: "trend-second" }[kind] ?? "faint"];

function words(value) {
  if (value == null) return "–";
  if (given.measure === "interactions") return String(value);
  if (given.measure !== "aht") return `${value.toFixed(1)}%`;
  const whole = Math.round(value);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// The points are local times already, so the browser adds no zone of its own.
const hour = { hour: "2-digit", minute: "2-digit", ...shownTime.hours };
const moment = (point) => new Date(`${point.replace(" ", "T")}:00Z`);

/** A point as people say it. */
function named(point) {
  const day = { weekday: "long", month: "long", day: "numeric" };
  return moment(point).toLocaleString("en-US", { timeZone: "UTC", ...(given.step === "hour" ? hour : day) });
}

function short(point) {
  const day = { month: "short", day: "numeric" };
  return moment(point).toLocaleString("en-US", { timeZone: "UTC", ...(given.step === "hour" ? hour : day) });
}

function read(u) {
  const { idx, left } = u.cursor;
  readout.hidden = idx == null || left < 0;
  if (readout.hidden) return;
  readout.replaceChildren();
  const add = (tag, text, parent = readout) => {
    const one = parent.appendChild(document.createElement(tag));
    one.textContent = text;
    return one;
  };
  add("small", named(given.points[idx]));
  const spoken = [];
  for (const line of given.lines) {
    const row = add("p", "");
    add("span", line.name, row);
    add("b", words(line.values[idx]), row);
    spoken.push(`${line.name} ${words(line.values[idx])}`);
  }
  const x = u.valToPos(idx, "x") + u.over.offsetLeft;
  const right = x > u.width / 2;
  readout.style.left = right ? "" : `${x + 12}px`;
  readout.style.right = right ? `${u.width - x + 12}px` : "";
  u.root.parentElement.setAttribute("aria-valuenow", String(idx));
  u.root.parentElement.setAttribute("aria-valuetext", `${named(given.points[idx])}: ${spoken.join(", ")}`);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const last = given.points.length - 1;
  const here = chart.cursor.idx ?? last;
  const step = event.shiftKey ? 7 : 1;
  const there = { ArrowLeft: here - step, ArrowRight: here + step, Home: 0, End: last }[event.key];
  if (there === undefined) return;
  const at = Math.min(Math.max(there, 0), last);
  chart.setCursor({ left: chart.valToPos(at, "x"), top: 10 });
  event.preventDefault();
}

function options(width) {
  const font = "12px Inter, system-ui, sans-serif";
  const axis = { stroke: () => colours.faint, font, ticks: { show: false } };
  const series = given.lines.map((line, n) => ({
    stroke: () => colourOf(line.kind),
    width: line.kind === "chosen" ? 3 : 1.75,
    dash: line.kind === "other" ? dashes[n + 1] : undefined,
    points: { show: (_u, at) => lonely(given.lines[at - 1].values), size: 5, fill: () => colourOf(line.kind) },
    spanGaps: false,
  }));
  return {
    width,
    height: HEIGHT * parseFloat(getComputedStyle(document.documentElement).fontSize),
    padding: [12, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
    scales: { x: { time: false, range: given.points.length > 1 ? [0, given.points.length - 1] : [-1, 1] }, y: { range: [given.low, given.high] } },
    axes: [
      { ...axis, grid: { show: false }, space: 80, gap: 8, size: 28, incrs: [1, 2, 3, 4, 6, 7, 12, 14, 28], values: (_u, ticks) => ticks.map((at) => (given.points[at] ? short(given.points[at]) : "")) },
      { ...axis, grid: { stroke: () => colours.line, width: 1 }, size: 56, ...(given.measure === "interactions" ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000, 50000] } : {}), values: (_u, ticks) => ticks.map(words) },
    ],
    series: [{}, ...series],
    hooks: { setCursor: [read] },
  };
}

/** Whether a value has no neighbour, so that no line would show it. */
const lonely = (values) => values.some((value, n) => value != null && values[n - 1] == null && values[n + 1] == null);

function draw() {
  learnColours();
  const place = figure.querySelector(".plot");
  figure.dataset.jsDrawn = "yes";
  readout = document.createElement("div");
  readout.className = "read-out";
  readout.hidden = true;
  const data = [given.points.map((_point, n) => n), ...given.lines.map((line) => line.values)];
  chart = new uPlot(options(place.clientWidth), data, place);
  place.append(readout);
  place.tabIndex = 0;
  const described = { role: "slider", "aria-label": figure.querySelector("svg").getAttribute("aria-label"), "aria-valuemin": "0", "aria-valuemax": String(given.points.length - 1), "aria-valuenow": String(given.points.length - 1), "aria-valuetext": named(given.points.at(-1)) };
  for (const [name, value] of Object.entries(described)) place.setAttribute(name, value);
  place.onkeydown = press;
  place.onblur = () => chart.setCursor({ left: -10, top: -10 });
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: chart.height })).observe(place);
}

function repaint() {
  learnColours();
  chart.redraw(false, true);
}

draw();
new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
