// The timeline: older photos come by themselves as one scrolls, and the arrow keys go from photo to photo.
"use strict";

(() => {
  const timeline = document.querySelector("#timeline");
  if (!timeline) return;
  document.documentElement.classList.add("js");

  document.querySelector("#jump")?.addEventListener("change", (event) => event.target.form.requestSubmit());

  let loading = false;
  const coming = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && older(), { rootMargin: "1200px" });

  async function older() {
    const link = timeline.querySelector(".older a");
    if (!link || loading) return;
    loading = true;
    try {
      const page = new DOMParser().parseFromString(await (await fetch(link.href)).text(), "text/html");
      const parts = page.querySelectorAll("#timeline .tl-month, #timeline .older");
      const last = timeline.querySelector(".older");
      coming.unobserve(last);
      last.replaceWith(...parts);
    } finally {
      loading = false;
    }
    watch();
  }

  function watch() {
    const link = timeline.querySelector(".older");
    if (link) coming.observe(link);
  }
  watch();

  timeline.addEventListener("keydown", (event) => {
    const tiles = [...timeline.querySelectorAll(".tile")];
    const here = tiles.indexOf(document.activeElement);
    if (here < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    let to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: tiles.length - 1 }[event.key];
    if (event.key === "ArrowUp" || event.key === "ArrowDown") to = row(tiles, here, event.key === "ArrowDown" ? 1 : -1);
    if (to === undefined || !tiles[to]) return;
    event.preventDefault();
    tiles[to].focus();
    if (to > tiles.length - 20) older();
  });

  // The tile above or below: the nearest one of the next row.
  function row(tiles, here, step) {
    const box = tiles[here].getBoundingClientRect();
    let best;
    for (let at = here + step; tiles[at]; at += step) {
      const other = tiles[at].getBoundingClientRect();
      if (step * (other.top - box.top) < 2) continue;
      const away = Math.abs(other.left - box.left);
      if (best && Math.abs(other.top - best.top) > 2) break;
      if (!best || away < best.away) best = { at, away, top: other.top };
    }
    return best?.at;
  }
})();
