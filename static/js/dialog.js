// The dialog of a standing approval and of an answer with changes: shows the server's reply above the page, and sums up what a
// standing approval allows.

const dialog = document.getElementById("dialog");
const form = () => dialog.querySelector("form");
let card = null; // the id of its card
let total = ""; // the proposed sum; another value was typed

const decimal = (text) => (/^\d{1,15}(\.\d{1,6})?$/.test(text.trim()) ? Number(text) : NaN);
const money = (number, like) => number.toFixed(like.includes(".") ? Math.max(2, like.split(".")[1].length) : 0);

/** The most that is allowed, in one sentence, from the present choices. */
function words(fields) {
  const { uses, minutes, scope } = Object.fromEntries(fields);
  const within = `within ${minutes} minutes`;
  if (scope === "exact") return `This request, then up to ${uses} more with the same arguments, ${within}.`;
  if (scope === "any") return `This request, then up to ${uses} more with any arguments, ${within}.`;
  const each = fields.get("each").trim();
  const all = fields.get("total").trim();
  if (!(decimal(each) >= 0 && decimal(all) >= 0)) return "Each limit is a number such as 200 or 199.50.";
  const most = money(Math.min(decimal(all), decimal(each) * uses), all);
  return `This request, then up to ${uses} more of up to ${each} each, ${within}: ${most} at most beside this one.`;
}

function say() {
  const one = form();
  if (!one?.querySelector("[data-words]")) return;
  const fields = new FormData(one);
  const each = fields.get("each");
  if (each !== null) {
    const box = one.elements.total;
    if (box.value === total) {
      const sum = decimal(each) * fields.get("uses");
      box.value = total = sum >= 0 ? money(sum, each) : "";
    }
  }
  // The argument with the limit cannot be one that may differ.
  for (const free of one.querySelectorAll(".freed label")) free.hidden = free.control.name === `free-${fields.get("argument")}`;
  const said = one.querySelector("[data-words]");
  const text = words(new FormData(one));
  if (said.textContent !== text) said.textContent = text;
  said.parentElement.hidden = false;
  const button = one.querySelector("button.primary");
  button.textContent = `Allow this and up to ${fields.get("uses")} more`;
  button.setAttribute("aria-label", `Allow ${one.dataset.name}, and up to ${fields.get("uses")} more`);
  document.dispatchEvent(new Event("dialog:changed")); // a longer text moves the button
}

function close() {
  if (dialog.open) dialog.close();
}

if (dialog) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.standing");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    htmx.ajax("GET", link.href, { source: dialog, target: dialog, swap: "innerHTML" });
  });
  dialog.addEventListener("input", ({ target }) => {
    const one = form();
    if (target.name === "argument") one.elements.each.value = target.selectedOptions[0].dataset.number;
    say();
  });
  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-close]")) return;
    event.preventDefault();
    close();
  });
  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    document.dispatchEvent(new Event("queue:uncovered"));
  });
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx.target !== dialog) return;
    const sent = ctx.sourceElement !== dialog; // the form was sent, not loaded
    if (sent && ctx.response?.status === 200 && !ctx.text.includes("<form")) { // it was decided
      close();
      return document.getElementById(card)?.focus({ preventScroll: true });
    }
    if (sent && !dialog.open) return; // closed while the reply was on its way
    card = form()?.dataset.card ?? card;
    total = form()?.elements.total?.value ? null : "";
    if (!dialog.open) dialog.showModal();
    else dialog.querySelector("[role=alert]")?.focus();
    say();
  });
}
