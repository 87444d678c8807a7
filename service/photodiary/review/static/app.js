// Everywhere: sending forms for other scripts, and showing what is going on.  Every page works without this.
"use strict";

(() => {
  const csrf = () => document.querySelector('meta[name="csrf"]').content;

  async function post(url, object) {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": csrf() },
      body: JSON.stringify(object ?? {}),
    });
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.error || "That did not work; load the page again.");
    return told;
  }

  async function get(url) {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || "That did not work; load the page again.");
    return answer.json();
  }

  window.photodiary = { post, get, csrf };
})();

// What goes on: learning, photos on their way, the film in the making.
(() => {
  const area = document.getElementById("progress");
  if (!area) return;
  const EVERY_MS = 4000;
  let told = "";

  function line(words, done, of) {
    const box = document.createElement("div");
    box.className = "going";
    const text = document.createElement("span");
    text.textContent = words;
    box.append(text);
    if (of > 0) {
      const bar = document.createElement("progress");
      bar.max = of;
      bar.value = Math.min(done, of);
      bar.setAttribute("aria-label", words);
      box.append(bar);
    }
    return box;
  }

  function show(now) {
    const lines = [];
    if (now.learning) lines.push([now.learning.words || "The model learns from your corrections.", now.learning.done, now.learning.of]);
    for (const diary of now.diaries) {
      const where = now.diaries.length > 1 ? ` (${diary.name})` : "";
      if (diary.waiting) lines.push([`${diary.waiting.toLocaleString("en")} photo${diary.waiting === 1 ? " is" : "s are"} on the way into the film${where}.`, 0, 0]);
      if (diary.film) lines.push([`The film is being made${where}.`, diary.film.done, diary.film.of]);
    }
    const text = JSON.stringify(now);
    if (text === told) return;
    told = text;
    area.replaceChildren(...lines.map(([words, done, of]) => line(words, done, of)));
    document.dispatchEvent(new CustomEvent("photodiary:progress", { detail: now }));
  }

  async function look() {
    if (document.visibilityState === "visible") {
      try {
        show(await window.photodiary.get(area.dataset.from));
      } catch {
        // the page is not there just now; the next look finds out
      }
    }
    setTimeout(look, EVERY_MS);
  }
  look();
})();
