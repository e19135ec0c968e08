// A chart comes when the page is shown, with uPlot; the picture of the server stands meanwhile.

function load(address) {
  const script = document.createElement("script");
  script.src = address;
  return new Promise((done, failed) => {
    Object.assign(script, { onload: done, onerror: failed });
    document.head.append(script);
  });
}

/** These colours of the page as a canvas takes them, for the theme of now: name → colour. */
window.pageColours = (names) => {
  const probe = document.body.appendChild(document.createElement("i"));
  const found = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  return Object.fromEntries(found);
};

addEventListener("load", async () => {
  for (const { dataset } of document.querySelectorAll("[data-script]")) {
    await Promise.all([load(dataset.uplot), document.fonts.load("12px Inter").catch(() => [])]);
    await import(dataset.script);
  }
});

// Only a script can print.
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
