// The sounds of the signals, each with its own tones. Sound and desktop notifications are asked for once, on a click, and kept for
// this browser. A browser plays nothing before the first click or key in a page: until then the sound is blocked.

(() => {
  // Of each tone: when it begins (s), its pitch (Hz), how long it lasts (s). The more urgent, the faster and the higher.
  const TONES = {
    request: [[0, 660, 0.15], [0.16, 880, 0.15]],
    half: [[0, 740, 0.12], [0.18, 740, 0.12], [0.36, 988, 0.2]],
    ending: [[0, 1047, 0.09], [0.12, 1047, 0.09], [0.24, 1047, 0.09], [0.36, 1047, 0.09], [0.48, 1319, 0.25]],
    critical: [[0, 880, 0.16], [0.18, 622, 0.16], [0.36, 440, 0.3]],
    silent: [[0, 330, 0.35], [0.5, 330, 0.35]],
  };
  const LOUD = 0.12;
  let audio = null;

  const wanted = () => localStorage.getItem("sound") === "on";

  function open() {
    audio ??= new AudioContext();
    audio.onstatechange ??= () => document.dispatchEvent(new Event("sounds:changed"));
    return audio;
  }

  /** on, off, or blocked by the browser. */
  function state() {
    if (!wanted()) return "off";
    return open().state === "running" ? "on" : "blocked";
  }

  function play(signal) {
    const now = open().currentTime;
    for (const [start, pitch, length] of TONES[signal]) {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(LOUD, now + start);
      volume.gain.exponentialRampToValueAtTime(0.001, now + start + length);
      tone.connect(volume).connect(audio.destination);
      tone.start(now + start);
      tone.stop(now + start + length);
    }
  }

  window.sounds = {
    wanted,
    state,
    play,
    resume: () => open().resume(),
    want: (on) => localStorage.setItem("sound", on ? "on" : "off"),
  };
  for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, () => wanted() && open().resume(), true);
})();
