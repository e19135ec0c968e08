// Keeps what a person had typed into a form when their session ended, in this tab, until they have signed in again, and fills
// it in. Passwords are not kept, and another person who signs in here does not get it.

(() => {
  const viewer = document.body.dataset.viewer;
  const KEY = "typed";
  const kept = (one) => one.name && !["password", "hidden", "submit", "button", "file"].includes(one.type);
  let edited = null; // the form that was edited last

  function note({ target }) {
    if (target.form?.method === "post") edited = target.form;
  }

  /** Called however the page ends: the form is sent, or the page leaves for the sign-in page. */
  function keep() {
    if (!edited?.isConnected) return;
    const fields = [...edited.elements].filter(kept).map(({ name, type, value, checked }) => ({ name, type, value, checked }));
    if (!fields.length) return;
    const at = edited.dataset.at ?? location.pathname + location.search;
    sessionStorage.setItem(KEY, JSON.stringify({ viewer, at, action: edited.getAttribute("action"), fields }));
  }

  function fill(one, { type, value, checked }) {
    if (["radio", "checkbox"].includes(type)) {
      if (one.value === value) one.checked = checked;
    } else one.value = value;
    one.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function bringBack({ action, fields }) {
    const named = (form, name) => [...form.elements].filter((one) => one.name === name && kept(one));
    const form = [...document.forms].find((one) => one.getAttribute("action") === action && fields.every(({ name }) => named(one, name).length));
    if (!form) return;
    for (const field of fields) for (const one of named(form, field.name)) fill(one, field);
    const details = form.closest("details");
    if (details) details.open = true;
    const said = document.createElement("p");
    said.className = "happened";
    said.setAttribute("role", "status");
    said.textContent = "You are signed in again. What you had typed is here, and has not been sent yet.";
    document.getElementById("main").prepend(said); // where no stream replaces it
    form.scrollIntoView({ block: "nearest" });
  }

  const saved = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (!viewer) {
    const signIn = document.querySelector('form[action="/login"]'); // the page after one that was left without a session
    if (saved && signIn) sessionStorage.setItem(KEY, JSON.stringify({ ...saved, left: true }));
    return;
  }
  const back = saved?.left && saved.viewer === viewer;
  if (back && saved.at !== location.pathname + location.search) return location.replace(saved.at);
  sessionStorage.removeItem(KEY);
  addEventListener("input", note);
  // After a sign-out nothing is kept, and a form that was sent is not restored.
  addEventListener("submit", ({ target }) => /^\/(logout|account\/sessions\/)/.test(target.getAttribute("action")) && (edited = null));
  addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement === edited && ctx.response?.status < 400 && ctx.response.status !== 204) edited = null;
  });
  addEventListener("pagehide", keep);
  if (back) bringBack(saved);
})();
