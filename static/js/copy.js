// Copies what a button names, and gives a page that answers a form an address of its own, so that a reload does not send the form again.

const address = document.querySelector("[data-address]")?.dataset.address;
if (address) history.replaceState(null, "", address);

/** The text of a field or of an element. */
const textOf = (one) => one.value ?? one.textContent;

function select(one) {
  if (one.select) return one.select();
  getSelection().selectAllChildren(one);
}

document.addEventListener("click", async ({ target }) => {
  const button = target.closest?.("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(textOf(source)); // only on https and on this machine
  } catch {
    select(source);
    said = document.execCommand("copy") ? "Copied" : "Selected: copy it by key";
  }
  const before = (button.dataset.says ??= button.textContent);
  button.textContent = said;
  setTimeout(() => (button.textContent = before), 2000);
});
