// Messages for the server's replies, and the fresh copy of a request that is needed before a decision on a page that is not live.

const RECENT = 25_000; // ms for which a fetched request may be decided
const WAIT = 10_000; // ms that the fetch may take
const fetched = new Map(); // card's id → when it was fetched, by performance.now()

function toast(text) {
  const box = document.createElement("p");
  box.className = "toast";
  box.textContent = text;
  const toasts = document.getElementById("toasts");
  toasts.append(box);
  toasts.hidePopover(); // shown again, so that it is above a dialog
  toasts.showPopover();
  setTimeout(() => {
    box.remove();
    document.dispatchEvent(new Event("queue:uncovered"));
  }, 8000);
}

const isLive = () => !["stale", "reconnecting", "stopped"].includes(document.getElementById("connection")?.dataset.state);
const isOfStream = (ctx) => ctx?.sourceElement?.id === "live"; // the connection line reports it

document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (!isOfStream(ctx)) toast("That could not be sent: the server does not answer. Please try again.");
});
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  if (isOfStream(ctx)) return;
  if (ctx.response.status === 409 && ctx.text.includes('class="tool-permission ')) {
    // The fresh card shows the answer, except where the request is still pending.
    if (ctx.text.includes('class="tool-permission pending"')) toast("That was not decided: please look at the request again.");
    if (/class="tool-permission (cancelled|timeout)"/.test(ctx.text)) toast("Too late: the agent does not wait any more. Nothing was decided.");
    return;
  }
  if (/class="(standing-approval"|box review-part|review-part)/.test(ctx.text ?? "")) return; // the form shows the error
  ctx.swap = "none";
  toast(ctx.text && ctx.text.length < 300 ? ctx.text : "That did not work. Please try again.");
});

/** The id of the card that a form decides. */
function decides(form) {
  if (form.matches?.("form.standing-approval")) return form.dataset.card;
  return form.matches?.('form[action$="/decision"]') ? form.closest(".tool-permission")?.id : null;
}

// One decision at a time. A card that changes while its answer is on its way has enabled buttons again, and htmx would send a
// second press after the answer, for a request that may have changed and that nobody has seen.
const sent = new Map(); // form without an answer yet → id of its card, which the stream may have replaced meanwhile

addEventListener("submit", (event) => {
  const id = decides(event.target);
  if (!id || ![...sent.values()].includes(id)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
for (const over of ["htmx:after:request", "htmx:error"])
  document.addEventListener(over, ({ detail: { ctx } }) => sent.delete(ctx.sourceElement));

// Registered before queue.js, because nothing is decided yet.
document.addEventListener("htmx:before:request", (event) => {
  const id = decides(event.detail.ctx.sourceElement);
  if (!id) return;
  if (isLive() || performance.now() - (fetched.get(id) ?? -Infinity) < RECENT) return void sent.set(event.detail.ctx.sourceElement, id);
  event.preventDefault();
  event.stopImmediatePropagation();
  const card = document.getElementById(id);
  if (!card) return toast("This page is not live, and the request is not on it any more.");
  const path = id.replace("tool-permission-", "/tool-permissions/");
  htmx.ajax("GET", path, { source: card, target: card, swap: "outerMorph", timeout: WAIT });
});
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const card = ctx.target;
  if (ctx.request?.method !== "GET" || ctx.response?.status !== 200 || !card?.matches?.(".tool-permission")) return;
  fetched.set(card.id, performance.now());
  document.dispatchEvent(new Event("queue:uncovered")); // disabled, like a card that has just appeared
  if (card.matches(".pending")) toast("This page is not live. The request was fetched again: look at it, then decide.");
});
