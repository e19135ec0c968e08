// The reply to a form of a review replaces the whole part that the form is in. What was typed into other forms of this part, and is
// not sent yet, is put back.

const drafts = new WeakMap(); // request of a form → [id of a field, its value] of the others, and the line that a new note is about

document.addEventListener("htmx:before:swap", ({ detail: { ctx } }) => {
  const sent = ctx.sourceElement;
  const fields = sent?.closest?.(".review-part")?.querySelectorAll("textarea[id]") ?? [];
  const typed = [...fields].filter((one) => one.form !== sent && one.value !== one.defaultValue);
  const line = typed.some((one) => one.id === "note-words") && document.getElementById("note-line")?.selectedOptions[0];
  drafts.set(ctx, { typed: typed.map(({ id, value }) => [id, value]), line });
});

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const { typed = [], line } = drafts.get(ctx) ?? {};
  for (const [id, value] of typed) {
    const field = document.getElementById(id);
    if (!field) continue;
    field.value = value;
    if (field.closest("details")) field.closest("details").open = true;
  }
  const about = document.getElementById("note-line");
  if (!line || !about) return;
  if (![...about.options].some((one) => one.value === line.value)) about.add(line, 1);
  about.value = line.value;
  about.hidden = about.hidden && line.value === "";
});
