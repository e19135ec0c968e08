// Shows what comes by web push, and opens the page. It caches nothing and answers no request of a page.

const WORDS = {
  request: (said) => [`${said.tool}, ${said.agent}: allow or deny?`, "A new request waits."],
  half: (said) => [`${said.tool}, ${said.agent}: half of its time is over`, "Allow or deny?"],
  ending: (said) => [`${said.tool}, ${said.agent}: 30 seconds left`, "Allow or deny?"],
  critical: (said) => [`${said.agent} became critical`, "Open the floor to see it."],
  silent: (said) => [`${said.agent} has been silent for a minute`, "Open the floor to see it."],
};

self.addEventListener("push", (event) => {
  const said = event.data?.json() ?? {};
  const [title, body] = WORDS[said.signal]?.(said) ?? ["Floorwalker", "Something needs you."];
  // One notification per request or interaction: what is said later of it replaces it, with a sound of its own.
  event.waitUntil(self.registration.showNotification(title, { body, tag: said.about ?? "floorwalker", renotify: true }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show());
});

async function show() {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const floor = pages.find((page) => new URL(page.url).pathname === "/");
  await (floor ? floor.focus() : self.clients.openWindow("/"));
}
