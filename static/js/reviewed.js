// What somebody else changed in the review of this interaction. The stream says that the review is another one, and this fetches it
// and puts in the parts in which nobody is at work. The others come when they are left, or with the answer to their form.

const known = () => document.getElementById("archive")?.dataset.reviewed;
const shown = new Map(["flag", "tags", "scorecard", "notes"].map((id) => [id, known()])); // part → the review that it shows
const PAUSE = 5_000; // ms after an attempt that failed
let fetching = false;
let paused = 0; // until then, by performance.now()

/** Whether a person is at work in a part: it has the focus, something opened, or a field that was changed. */
const isInUse = (part) => part.contains(document.activeElement) || part.matches("[open]") || part.querySelector("details[open]") !== null
  || [...part.querySelectorAll("input:not([type=hidden]), textarea, select")].some(isChanged);

function isChanged(field) {
  if (field.localName === "select")
    return field.selectedIndex !== Math.max([...field.options].findIndex((one) => one.defaultSelected), 0);
  return ["radio", "checkbox"].includes(field.type) ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
}

/** The parts that show an earlier review, and in which nobody is at work. */
const late = (wanted) => [...shown.keys()].filter((id) => shown.get(id) !== wanted && !isInUse(document.getElementById(id)));

async function refresh() {
  const wanted = known();
  if (fetching || performance.now() < paused || !wanted || !late(wanted).length) return;
  fetching = true;
  paused = performance.now() + PAUSE;
  try {
    const answer = await fetch(`${location.pathname}/review`, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return; // the connection line says what is wrong
    const review = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of late(wanted)) {
      const part = document.getElementById(id);
      htmx.swap({ sourceElement: part, target: part, swap: "outerHTML", text: review.getElementById(id).outerHTML });
      shown.set(id, wanted);
    }
    paused = 0;
  } catch {
    // No connection: a later update tries again.
  } finally {
    fetching = false;
  }
}

document.addEventListener("htmx:after:swap", refresh);
document.addEventListener("focusout", () => setTimeout(refresh)); // once the focus is where it goes
