// Applies the chosen theme before anything is painted; without a choice, that of the system.

const chosen = localStorage.getItem("theme");
if (chosen) document.documentElement.dataset.theme = chosen;

document.documentElement.dataset.js = "yes"; // a queue of requests is folded only where a script can open it

// Today begins in the time zone of the viewer.
document.cookie = `zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=31536000; samesite=lax`;

document.addEventListener("DOMContentLoaded", () => {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  const dark = () =>
    (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const say = () => (button.textContent = dark() ? "Light" : "Dark");
  button.hidden = false;
  say();
  button.addEventListener("click", () => {
    const theme = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
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
