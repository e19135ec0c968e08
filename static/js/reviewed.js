// What somebody else changed in the review of this interaction. The stream says that the review is another one, and this fetches it
// and puts in the parts in which nobody is at work, while pointer and keyboard rest. The others come when they are left, or with the
// answer to their form.

const REST = 1_000; // ms since the pointer or a key moved
const PAUSE = 5_000; // ms after an attempt that failed
const known = () => document.getElementById("archive")?.dataset.reviewed;
const shown = new Map(["flag", "tags", "scorecard", "notes"].map((id) => [id, known()])); // part → the review that it shows
let moved = 0; // when, by performance.now()
let paused = 0; // until then
let fetching = false;

/** Whether a person is at work in a part: it has the focus, something opened, or a field that was changed. */
const isInUse = (part) => part.contains(document.activeElement) || part.matches("[open]") || part.querySelector("details[open]") !== null
  || [...part.querySelectorAll("input:not([type=hidden]), textarea, select")].some(isChanged);

function isChanged(field) {
  if (field.localName === "select")
    return field.selectedIndex !== Math.max([...field.options].findIndex((one) => one.defaultSelected), 0);
  return ["radio", "checkbox"].includes(field.type) ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
}

/** The parts that show an earlier review and may be replaced now. */
function late(wanted) {
  if (!wanted || document.hidden || performance.now() < moved + REST) return [];
  return [...shown.keys()].filter((id) => shown.get(id) !== wanted && !isInUse(document.getElementById(id)));
}

async function refresh() {
  const wanted = known();
  if (fetching || performance.now() < paused || !late(wanted).length) return;
  fetching = true;
  paused = performance.now() + PAUSE;
  try {
    const answer = await fetch(`${location.pathname}/review`, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return; // the connection line says what is wrong
    const review = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of late(wanted)) {
      const fresh = review.getElementById(id);
      document.getElementById(id).replaceWith(fresh); // at once: htmx.swap waits, and the person may have begun meanwhile
      htmx.process(fresh);
      shown.set(id, wanted);
    }
    document.dispatchEvent(new Event("review:changed"));
    paused = 0;
  } catch {
    // No connection: tried again after the pause.
  } finally {
    fetching = false;
  }
}

for (const type of ["pointerdown", "pointermove", "keydown"])
  addEventListener(type, () => (moved = performance.now()), { capture: true, passive: true });
setInterval(refresh, 500);
