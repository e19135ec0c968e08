// What a page shows without comes when it is shown: a chart with its library, in place of the picture of the server.

function load(address) {
  const script = document.createElement("script");
  script.src = address;
  return new Promise((done, failed) => {
    Object.assign(script, { onload: done, onerror: failed });
    document.head.append(script);
  });
}

addEventListener("load", async () => {
  for (const { dataset } of document.querySelectorAll("[data-script]")) {
    await Promise.all([load(dataset.library), document.fonts.load("12px Inter").catch(() => [])]);
    await import(dataset.script);
  }
});

// Only a script can print.
for (const button of document.querySelectorAll("button[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
