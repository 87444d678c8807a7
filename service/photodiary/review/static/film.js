// Names the photo that is on the screen when the film stands still, and steps photo by photo.
"use strict";

(() => {
  const film = document.getElementById("film");
  if (!film) return;
  const words = document.getElementById("shown-words");
  const page = document.getElementById("shown-page");
  const steps = document.getElementById("steps");
  let index = null;

  // Photo i is on the screen from starts[i] on, or from i / n of the length on where all are shown equally long; the middle of its time is safe from rounding.
  const begin = (photo) => (photo >= index.frames ? index.seconds : index.starts.length ? index.starts[photo] : (photo * index.seconds) / index.frames);
  const show = (photo) => (film.currentTime = (begin(photo) + begin(photo + 1)) / 2);
  function number() {
    const now = film.currentTime + 1e-3;
    let low = 0;
    let high = index.frames - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (begin(middle) <= now) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function tell() {
    if (!index) return;
    const here = number();
    const photo = index.photos[here];
    steps.hidden = false;
    page.hidden = !photo;
    document.getElementById("back").disabled = here === 0;
    document.getElementById("forth").disabled = here === index.frames - 1;
    if (photo) {
      words.textContent = photo.words;
      page.href = photo.page;
      history.replaceState(null, "", `#${photo.sha256.slice(0, 16)}`);
    } else {
      words.textContent = index.photos.length ? "This photo is not in the diary any more; the next film is made without it." : "Which photo this is will be known from the next film on.";
    }
  }

  async function load() {
    index = await window.photodiary.get(film.dataset.index);
    if (index.version !== film.dataset.version) {
      location.reload(); // a newer film is there
      return;
    }
    const wanted = location.hash.slice(1);
    const at = wanted ? index.photos.findIndex((photo) => photo && photo.sha256.startsWith(wanted)) : -1;
    if (at >= 0) show(at);
  }

  film.addEventListener("error", async () => {
    const now = await window.photodiary.get(film.dataset.index).catch(() => null);
    if (now && now.version !== film.dataset.version) location.reload();
  });
  document.addEventListener("photodiary:progress", (event) => {
    const mine = event.detail.diaries.find((diary) => diary.name === film.dataset.diary);
    document.getElementById("newer").hidden = !mine || !mine.version || mine.version === film.dataset.version;
  });
  film.addEventListener("pause", () => !film.seeking && tell());
  film.addEventListener("seeked", () => film.paused && tell());
  film.addEventListener("play", () => {
    page.hidden = true;
    words.textContent = "Stop the film where a photo looks wrong.";
  });
  document.getElementById("back").addEventListener("click", () => (film.pause(), show(number() - 1)));
  document.getElementById("forth").addEventListener("click", () => (film.pause(), show(number() + 1)));
  load().catch((error) => (words.textContent = error.message));
})();
