// Web push of this browser, for the person who turned it on here. The browser keeps a subscription when its session ends, and the
// server does not: after the same person signs in again, a live page hands it over once more. When the server has another key, a
// live page subscribes anew.

(() => {
  const WORKER = "/service-worker.js";
  const KEPT = "push"; // whose it is
  const viewer = document.body.dataset.viewer;

  const possible = () => "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;

  const send = (path, fields = {}) => fetch(path, { method: "POST", body: new URLSearchParams(fields) });

  async function handOver(subscription) {
    const { endpoint, keys } = subscription.toJSON();
    const answer = await send("/account/push", { endpoint, ...keys });
    if (answer.status !== 204) throw new Error(await answer.text());
  }

  /** Ask for the permission, subscribe, and tell the server. Throws with a sentence for what the person or the browser refuses. */
  async function on(key) {
    if ((await Notification.requestPermission()) !== "granted") throw new Error("This browser does not allow notifications of this site.");
    const worker = await navigator.serviceWorker.register(WORKER);
    await navigator.serviceWorker.ready;
    await (await worker.pushManager.getSubscription())?.unsubscribe(); // it may be of another key
    await handOver(await subscribe(worker, key));
    localStorage.setItem(KEPT, viewer);
  }

  async function off() {
    localStorage.removeItem(KEPT);
    await send("/account/push/end");
    const worker = await navigator.serviceWorker.getRegistration("/");
    await (await worker?.pushManager.getSubscription())?.unsubscribe();
  }

  const subscribe = (worker, key) => worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });

  /** Whether a subscription is of this key, in base64url; a browser that does not tell is believed. */
  function isOf(subscription, key) {
    const bytes = subscription.options?.applicationServerKey;
    if (!bytes) return true;
    const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
    return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "") === key;
  }

  async function renew({ key, pushed }) {
    if (!possible() || localStorage.getItem(KEPT) !== viewer || Notification.permission !== "granted") return;
    const worker = await navigator.serviceWorker.getRegistration("/");
    const subscription = await worker?.pushManager.getSubscription();
    if (!subscription) return;
    if (isOf(subscription, key)) return void (pushed || (await handOver(subscription)));
    await subscription.unsubscribe();
    await handOver(await subscribe(worker, key));
  }

  window.push = { possible, on, off, renew };
})();
