// Satisfaction during an interaction: a chart by uPlot in place of the picture that the server sent, which stays without JavaScript.
// The pointer and the arrow keys read it, a click or Enter leads to the line of the transcript. A gap in the measurements breaks
// the line and is hatched; nothing is drawn between. It comes when the page is shown, because with uPlot it is a quarter of the page's weight.

const stale = Number(document.body.dataset.stale); // seconds without a metric
const USUAL = 3; // a gap is longer than so many usual distances of two metrics
const HEIGHT = 11; // rem
const NARROW = 560; // px, under which a decision is named by its number and a sign alone
const signs = { allowed: "✓", denied: "✕", timeout: "◷", cancelled: "–" };
const words = { allowed: "Allowed", denied: "Denied", timeout: "Expired", cancelled: "Cancelled" };
const colours = {};
const two = (n) => String(n).padStart(2, "0");
const span = (s) => `${Math.floor(s / 60)}:${two(Math.floor(s % 60))}`;
const clock = (at) => shownTime.clock(new Date(at * 1000));

let chart = null;
let given = ""; // the data that is drawn
let course = null; // { start: seconds, points: [seconds, satisfaction, sentiment], marks, gaps: [from, until] }
let readout = null;

const figure = () => document.getElementById("chart");
const plot = () => document.getElementById("plot");

const learnColours = () => Object.assign(colours, pageColours(["ink", "faint", "line", "accent", "good", "critical", "amber", "good-ground", "critical-ground", "neutral-ground", "paper"]));

function parse(text) {
  const { start, end, scores, rulings } = JSON.parse(text);
  const begin = Date.parse(start) / 1000;
  const last = scores.filter(([at], n) => at !== scores[n + 1]?.[0]); // of several within a second
  const points = last.map(([at, score, sentiment]) => [begin + at, score, sentiment]);
  const distances = points.slice(1).map((point, n) => point[0] - points[n][0]);
  const usual = [...distances].sort((a, b) => a - b)[distances.length >> 1] ?? 0;
  const longest = Math.max(stale, USUAL * usual);
  const until = end === null ? points.at(-1)[0] : Math.max(begin + end, points.at(-1)[0]);
  const bounds = [begin, ...points.map(([at]) => at), until];
  const gaps = bounds.slice(1).flatMap((at, n) => (at - bounds[n] > longest ? [[bounds[n], at]] : []));
  const marks = rulings.flatMap(([at, status], n) => (at === null ? [] : [{ at: begin + at, status, number: n + 1 }]));
  const times = [begin, until, ...marks.map(({ at }) => at)];
  return { start: begin, points, gaps, marks, from: Math.min(points[0][0], ...times), until: Math.max(...times) };
}

/** The columns of uPlot; the middle of a gap has no value, so that the line breaks there. */
function columns() {
  const xs = [];
  const ys = [];
  let gap = 0;
  for (const [at, score] of course.points) {
    if (gap < course.gaps.length && at >= course.gaps[gap][1]) {
      if (xs.length) {
        xs.push((course.gaps[gap][0] + course.gaps[gap][1]) / 2);
        ys.push(null);
      }
      gap += 1;
    }
    xs.push(at);
    ys.push(score);
  }
  return [xs, ys];
}

const ground = { good: "good-ground", critical: "critical-ground" };
const strong = { good: "good", critical: "critical", neutral: "faint" };
const bar = { good: 2, neutral: 4, critical: 8 }; // px, to tell sentiments apart without their colours; the key shows the same

function bands(u) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height + 9 * ratio);
  ctx.clip();
  course.points.forEach(([at, , sentiment], n) => {
    const next = course.points[n + 1];
    if (!next || !sentiment || course.gaps.some(([from]) => from === at)) return;
    const x = u.valToPos(at, "x", true);
    const width = u.valToPos(next[0], "x", true) - x + 0.5;
    if (ground[sentiment]) {
      ctx.fillStyle = colours[ground[sentiment]];
      ctx.fillRect(x, bbox.top, width, bbox.height);
    }
    ctx.fillStyle = colours[strong[sentiment] ?? "faint"];
    ctx.fillRect(x, bbox.top + bbox.height + ratio, width, (bar[sentiment] ?? bar.neutral) * ratio);
  });
  ctx.strokeStyle = colours.line;
  ctx.lineWidth = 1.5 * ratio;
  for (const [from, until] of course.gaps) {
    const [a, b] = [u.valToPos(from, "x", true), u.valToPos(until, "x", true)];
    ctx.save();
    ctx.beginPath();
    ctx.rect(a, bbox.top, b - a, bbox.height);
    ctx.clip();
    ctx.beginPath();
    for (let x = a - bbox.height; x < b; x += 6 * ratio) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }
  ctx.restore();
}

function rulings(u) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const narrow = u.width < NARROW;
  let taken = -Infinity;
  ctx.save();
  ctx.font = `600 ${11 * ratio}px Inter, system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const mark of course.marks) {
    const x = u.valToPos(mark.at, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const colour = colours[{ allowed: "good", denied: "critical", timeout: "amber" }[mark.status] ?? "faint"];
    ctx.strokeStyle = colour;
    ctx.fillStyle = colour;
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
    const text = narrow ? `${mark.number} ${signs[mark.status] ?? ""}` : `${mark.number} ${words[mark.status] ?? mark.status}`;
    const half = ctx.measureText(text).width / 2 + 7 * ratio;
    const middle = Math.min(Math.max(x, bbox.left + half), bbox.left + bbox.width - half);
    if (middle - half < taken + 3 * ratio) continue; // it would cover the one before; the line stays
    taken = middle + half;
    const [top, height] = [bbox.top - 22 * ratio, 18 * ratio];
    ctx.beginPath();
    ctx.roundRect(middle - half, top, 2 * half, height, height / 2);
    ctx.fillStyle = colours.paper;
    ctx.fill();
    ctx.stroke();
    ctx.fillStyle = colour;
    ctx.fillText(text, middle, top + height / 2 + 0.5 * ratio);
  }
  ctx.restore();
}

function said(line) {
  const text = line?.querySelector(":scope > p")?.firstChild?.textContent?.trim() ?? line?.querySelector(".tool")?.textContent ?? "";
  return text.length > 90 ? `${text.slice(0, 90)}…` : text;
}

let near = null;

function read(u) {
  const { idx, left } = u.cursor;
  const at = idx == null || left < 0 ? null : u.data[0][idx];
  near?.removeAttribute("data-js-near");
  near = null;
  readout.hidden = at === null;
  if (at === null) return;
  const point = course.points.find(([x]) => x === at);
  near = lineOfTranscript(at);
  near?.setAttribute("data-js-near", "yes");
  const words = point ? `Satisfaction ${Math.round(point[1])}%` : "No signal";
  readout.replaceChildren();
  const add = (tag, text, kind) => {
    const one = readout.appendChild(document.createElement(tag));
    one.textContent = text;
    if (kind) one.className = kind;
  };
  add("small", `${clock(at)} · ${span(at - course.start)} in`);
  add("b", words);
  if (point?.[2]) add("span", point[2], `mood ${point[2]}`);
  const spoken = said(near);
  if (spoken) add("q", spoken);
  const x = u.valToPos(at, "x") + u.over.offsetLeft;
  const right = x > u.width / 2;
  readout.style.left = right ? "" : `${x + 12}px`;
  readout.style.right = right ? `${u.width - x + 12}px` : "";
  const place = plot();
  place.setAttribute("aria-valuenow", String(Math.round(at - course.start)));
  place.setAttribute("aria-valuetext", `${span(at - course.start)} in: ${words}${point?.[2] ? `, ${point[2]}` : ""}${spoken ? `. ${spoken}` : ""}`);
}

function show(index) {
  const [xs] = chart.data;
  const at = Math.min(Math.max(index, 0), xs.length - 1);
  chart.setCursor({ left: chart.valToPos(xs[at], "x"), top: 10 });
}

function lead() {
  const { idx } = chart.cursor;
  if (idx == null) return;
  document.dispatchEvent(new CustomEvent("transcript:reveal", { detail: chart.data[0][idx] }));
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const [xs] = chart.data;
  const here = chart.cursor.idx ?? xs.length - 1;
  const step = event.shiftKey ? 10 : 1;
  const mark = /^[1-9]$/.test(event.key) && course.marks.find((one) => one.number === Number(event.key));
  if (event.key === "ArrowLeft") show(here - step);
  else if (event.key === "ArrowRight") show(here + step);
  else if (event.key === "Home") show(0);
  else if (event.key === "End") show(xs.length - 1);
  else if (mark) show(xs.findLastIndex((x) => x <= mark.at));
  else if (event.key === "Enter") lead();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function options(width) {
  const font = "12px Inter, system-ui, sans-serif";
  const axis = { stroke: () => colours.faint, font, grid: { stroke: () => colours.line, width: 1 }, ticks: { show: false } };
  return {
    width,
    height: HEIGHT * parseFloat(getComputedStyle(document.documentElement).fontSize),
    padding: [26, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 8, fill: () => colours.accent } },
    scales: { x: { time: true, range: () => [course.from, course.until] }, y: { range: [0, 100] } },
    axes: [
      { ...axis, grid: { show: false }, space: 70, gap: 12, size: 33, values: (u, ticks, _axis, _space, step) => ticks.map((at) => (step < 60 ? clock(at) : shownTime.minutes(new Date(at * 1000)))) },
      { ...axis, size: 44, splits: () => [0, 50, 100], values: (u, ticks) => ticks.map((value) => `${value}%`) },
    ],
    series: [{}, { stroke: () => colours.accent, width: 1.75, points: { show: course.points.length < 3 }, spanGaps: false }],
    hooks: { drawClear: [bands], draw: [rulings], setCursor: [read] },
  };
}

function table() {
  const details = document.getElementById("chart-table");
  if (!details) return;
  details.hidden = false;
  details.ontoggle = () => {
    if (!details.open) return;
    const made = document.createElement("table");
    made.className = "list";
    const head = made.createTHead().insertRow();
    for (const name of ["Time", "Satisfaction", "Sentiment"]) {
      const cell = head.appendChild(document.createElement("th"));
      cell.scope = "col";
      cell.textContent = name;
    }
    const body = made.createTBody();
    for (const [at, score, sentiment] of course.points) {
      const row = body.insertRow();
      for (const text of [clock(at), `${Math.round(score)}%`, sentiment ?? ""]) row.insertCell().textContent = text;
    }
    const frame = document.createElement("div");
    frame.className = "scroll";
    frame.tabIndex = 0;
    frame.role = "group";
    frame.ariaLabel = "Satisfaction as a table";
    frame.append(made);
    details.querySelector("div")?.remove();
    details.append(frame);
  };
}

function draw() {
  const place = plot();
  course = parse(given);
  if (chart && place.contains(chart.root)) return chart.setData(columns());
  learnColours();
  chart?.destroy();
  place.replaceChildren();
  figure().dataset.jsDrawn = "yes";
  readout = document.createElement("p");
  readout.className = "read-out";
  readout.hidden = true;
  chart = new uPlot(options(place.clientWidth), columns(), place);
  place.append(readout);
  place.tabIndex = 0;
  const described = { role: "slider", "aria-label": "Satisfaction over time", "aria-valuemin": "0", "aria-valuenow": "0" };
  for (const [name, value] of Object.entries(described)) place.setAttribute(name, value);
  place.setAttribute("aria-valuetext", figure().querySelector(".course").getAttribute("aria-label"));
  place.onkeydown = press;
  chart.over.addEventListener("click", lead);
  place.onblur = () => chart.setCursor({ left: -10, top: -10 });
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: chart.height })).observe(place);
  table();
}

function update() {
  const text = figure()?.dataset.course;
  if (!text || text === given) return;
  given = text;
  draw();
  plot().setAttribute("aria-valuemax", String(Math.round(course.points.at(-1)[0] - course.start)));
}

function repaint() {
  if (!chart) return;
  learnColours();
  chart.redraw(false, true);
}

update();
document.addEventListener("htmx:after:swap", () => setTimeout(update)); // a task of its own, because the page is laid out in this one
new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
