// How this browser shows the wallboard: density, and the columns that are left out. Applied before anything is painted; the
// attributes stand on the root, which no update replaces.

window.wallboardView = {
  read: () => JSON.parse(localStorage.getItem("wallboard") ?? "{}"),
  apply() {
    const { density = "comfortable", without = [] } = wallboardView.read();
    Object.assign(document.documentElement.dataset, { jsDensity: density, jsWithout: without.join(" ") });
  },
  keep(density, without) {
    localStorage.setItem("wallboard", JSON.stringify({ density, without }));
    wallboardView.apply();
  },
};
wallboardView.apply();
