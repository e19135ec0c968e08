// The reasons that this person wrote lately. They are fetched when they are first needed, and again after an answer with a reason,
// into an element of their own, because the cards are the same for everybody who sees them.

const own = document.getElementById("own-reasons");

async function load({ target }) {
  if (!target.matches?.('input[list="own-reasons"]')) return;
  removeEventListener("focusin", load);
  const answer = await fetch(own.dataset.from, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (answer?.ok) own.innerHTML = await answer.text();
  else addEventListener("focusin", load); // with the next field
}

if (own) {
  addEventListener("focusin", load);
  document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement.elements?.namedItem("reason")) addEventListener("focusin", load);
  });
}
