// Alerts that call this person: a new one is announced at once, in an element outside of the region that is replaced.

const said = document.getElementById("alarm");
const known = new Set();

function look(first) {
  const fresh = [];
  for (const one of document.querySelectorAll("#alerts .alert")) {
    if (known.has(one.id)) continue;
    known.add(one.id);
    fresh.push(one);
  }
  if (!fresh.length || first === true) return;
  said.textContent = `Alert: ${fresh.map((one) => one.querySelector("p").textContent.replace(/\s+/g, " ").trim()).join("; ")}`;
  const refresh = document.querySelector("[data-new-alerts]"); // the list of alerts is not live: it would move under a hand
  if (refresh) refresh.textContent = "New alerts: refresh";
  for (const one of fresh) document.dispatchEvent(new CustomEvent("alert:opened", { detail: { id: one.id.replace("alert-", "") } }));
}

if (said) {
  look(true);
  document.addEventListener("htmx:after:swap", look);
}
