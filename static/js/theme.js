// Applies the chosen theme before anything is painted; without a choice, that of the system.

const root = document.documentElement;
// What the person chose on their account comes with the page; the choice of this browser alone is of earlier days.
const chosen = root.dataset.ownTheme ? null : localStorage.getItem("theme");
if (chosen) root.dataset.theme = chosen;

root.dataset.js = "yes"; // a queue of requests is folded only where a script can open it

/** Keep a cookie for a year. */
const keep = (name, value) => (document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`);

// Today begins in the time zone of the viewer.
keep("zone", root.dataset.ownZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone);

document.addEventListener("DOMContentLoaded", () => {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  const dark = () =>
    (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const say = () => (button.textContent = dark() ? "Light" : "Dark");
  button.hidden = false;
  say();
  button.addEventListener("click", () => {
    const theme = dark() ? "light" : "dark";
    root.dataset.theme = theme;
    localStorage.setItem("theme", theme);
    keep("theme", theme);
    // It follows the person to other browsers; without an answer this browser keeps it all the same.
    fetch("/account/theme", { method: "POST", body: new URLSearchParams({ theme }), keepalive: true }).catch(() => null);
    say();
  });
});

// A form is sent once. A second click would be told that the work is already done.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if ("sent" in form.dataset) event.preventDefault();
  else form.dataset.sent = "";
  setTimeout(() => delete form.dataset.sent, 5000); // in case the request was stopped
});
addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach((form) => delete form.dataset.sent));
