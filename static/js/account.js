// What calls a person, on the account page: each sound can be heard, and this browser can get web push.

const section = document.getElementById("your-signals");

for (const button of section.querySelectorAll("[data-play]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await sounds.resume();
    sounds.play(button.dataset.play);
  });
}
const zones = document.getElementById("zones");
zones.append(...Intl.supportedValuesOf("timeZone").map((name) => new Option(name, name)));

new BroadcastChannel("floorwalker-signals").postMessage("changed"); // open pages read the choices again

const box = document.getElementById("this-browser");
if (box) {
  const turn = box.querySelector("[data-push-switch]");
  const state = box.querySelector("[data-push-state]");
  const fault = box.querySelector("[data-push-fault]");
  let on = section.dataset.pushed === "yes";

  function say(sentence = "") {
    state.textContent = on ? "on" : "off";
    state.classList.toggle("good", on);
    turn.textContent = on ? "Turn off" : "Turn on";
    fault.textContent = sentence;
    fault.hidden = !sentence;
  }

  turn.hidden = !push.possible();
  if (!push.possible()) say("This browser has no web push here. It needs https, and on an iPhone the app on the home screen.");
  turn.addEventListener("click", async () => {
    turn.disabled = true;
    try {
      if (on) await push.off();
      else await push.on(section.dataset.pushKey);
      on = !on;
      say();
    } catch (error) {
      say(`It was not turned on. ${error.message}`);
    }
    turn.disabled = false;
    turn.focus();
  });
}
