// What a page shows without comes when it is shown: a chart, for example, in place of the picture of the server.

addEventListener("load", () => {
  for (const { dataset } of document.querySelectorAll("[data-script]")) import(dataset.script);
});
