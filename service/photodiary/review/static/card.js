// Cards: the queue, ten photos, and a photo's own page.  All of them are forms that also work without this.
"use strict";

(() => {
  const { post, get, Stage, drawFrame, preload } = window.photodiary;
  const root = document.querySelector(".ask");
  document.documentElement.classList.add("js");
  const standing = document.querySelector("#standing");
  if (!root) {
    if (standing?.dataset.settled === "no") untilActed();
    return;
  }

  // A photo that cannot be shown: its page is loaded anew once somebody has acted on what was said.
  async function untilActed() {
    for (let tries = 0; tries < 100; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const told = document.hidden ? null : await get(standing.dataset.state).catch(() => null);
      if (told?.acted) return location.reload();
    }
    return undefined;
  }

  const kind = root.dataset.kind; // queue, ten, photo
  const find = (selector) => root.querySelector(selector);
  const form = find(".ask-form");
  const primary = find('[name="act"][data-primary]');
  const toast = find(".toast");
  const fields = Object.fromEntries(["left_x", "left_y", "right_x", "right_y"].map((name) => [name, form.elements[name]]));
  const preview = find(".preview");
  const FETCH_BELOW = 3;
  let card = JSON.parse(root.dataset.card);
  let saved = false; // on a photo's own page: what shows is what was said last
  let result = null; // of ten: what came back for the card that shows

  // -- one card on the page -----------------------------------------------------------------------------------------------

  const text = (selector, words) => {
    const element = find(selector);
    if (element) element.textContent = words;
  };

  const stage = new Stage(find(".stage"), {
    change(eyes, how, going) {
      const both = eyes.left && eyes.right;
      if (how === "placed") saved = false;
      for (const [name, field] of Object.entries(fields)) {
        const eye = eyes[name.split("_")[0]];
        field.value = eye ? eye[name.split("_")[1]].toFixed(2) : "";
      }
      const placed = how === "placed" || kind === "ten";
      if (!result) {
        primary.value = placed ? "place" : "confirm";
        primary.disabled = !both || saved || card.reason === "label_differs" && !placed;
        text(".primary-words", !both ? (eyes.left ? "Now the right eye" : "Tap your left eye") : saved ? "Saved" : placed ? "Save these eyes" : card.yes);
      }
      either(how);
      find(".reset")?.toggleAttribute("hidden", !(how === "placed" && kind !== "ten"));
      if (!going) tellSoon();
    },
    drawn() {
      if (!preview) return;
      if (kind !== "ten" || result) drawFrame(preview, stage.layers, card, stage.eyes);
      else preview.getContext("2d").clearRect(0, 0, preview.width, preview.height);
    },
  });

  // Asked which of two is right, one of two buttons is pressed, unless the eyes are put to a third place.
  function either(how) {
    const two = find(".either");
    if (!two) return;
    primary.hidden = card.reason === "label_differs" && how !== "placed" && !saved;
    two.hidden = !primary.hidden;
  }

  let telling = 0;
  function tellSoon() {
    clearTimeout(telling);
    telling = setTimeout(() => {
      const eye = stage.eyes?.[stage.chosen];
      if (eye && stage.moved) text(".where", `${stage.chosen} eye at ${Math.round(eye.x)}, ${Math.round(eye.y)}`);
    }, 500);
  }

  function showBeside(selector, beside) {
    const figure = find(selector);
    if (!figure) return;
    const image = figure.querySelector("img");
    image.hidden = !beside;
    figure.querySelector("a").toggleAttribute("inert", !beside);
    if (!beside) {
      figure.querySelector("figcaption").textContent = selector === ".before" ? "nothing before" : "nothing after";
      return;
    }
    image.src = beside.look;
    image.alt = `Frame of ${beside.day}`;
    figure.querySelector("a").href = beside.page;
    figure.querySelector("figcaption").textContent = beside.day;
  }

  function show(next) {
    card = next;
    result = null;
    saved = false;
    root.dataset.reason = card.reason ?? "";
    text(".ask-question", kind === "ten" ? "Where are your eyes?" : card.question);
    text(".ask-words", kind === "ten" ? "Tap the left one, then the right one." : card.words);
    text(".ask-px", card.px);
    text(".ask-day", card.short);
    form.action = card.say;
    form.elements.sighting.value = card.sighting ?? "";
    const page = find(".ask-page");
    if (page) page.href = card.page;
    for (const button of root.querySelectorAll("[data-only]")) button.hidden = button.dataset.only !== (card.reason ?? "");
    if (bulk) bulk.hidden = bulk.dataset.reason !== card.reason || Number(bulk.querySelector('[name="number"]').value) < 2;
    fit();
    stage.show(card, { still: !card.readable });
    if (kind === "ten") stage.setMode("taps");
    showBeside(".before", card.before);
    showBeside(".after", card.after);
    toFace?.setAttribute("aria-pressed", "false");
  }

  // The previews have the shape of the film from the first moment on.
  function fit() {
    if (!card.canvas || !preview) return;
    const height = Math.round((360 * card.canvas.height) / card.canvas.width);
    for (const box of root.querySelectorAll(".strip img, .strip canvas")) {
      if (Number(box.getAttribute("height")) !== height || Number(box.getAttribute("width")) !== 360) {
        box.width = 360;
        box.height = height;
      }
    }
    find(".strip").style.setProperty("--shape", `${card.canvas.width} / ${card.canvas.height}`);
    find(".strip").style.setProperty("--level", `${((100 * (card.canvas.left[1] + 0.5)) / card.canvas.height).toFixed(2)}%`);
  }

  let fading = 0;
  function say(words, { bad = false } = {}) {
    toast.textContent = words;
    toast.classList.toggle("bad", bad);
    toast.classList.add("shown");
    clearTimeout(fading);
    fading = setTimeout(() => toast.classList.remove("shown"), bad ? 8000 : 2500);
  }

  function facts(act) {
    return {
      act, sighting: card.sighting ?? "", reason: root.dataset.filter ?? "",
      ...Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value])),
    };
  }

  // -- the tools on the stage ---------------------------------------------------------------------------------------------

  const toFace = find('[data-tool="face"]');
  root.addEventListener("click", (event) => {
    const tool = event.target.closest("[data-tool]")?.dataset.tool;
    if (tool === "in") stage.zoom(1.5);
    if (tool === "out") stage.zoom(1 / 1.5);
    if (tool === "whole") stage.look(null);
    if (tool === "close") stage.look(card.view ?? (stage.eyes.left && stage.eyes.right ? squareOf(stage.eyes) : null));
    if (tool === "reset") stage.reset();
    if (tool === "face") choosingFace(stage.mode !== "face");
  });

  function squareOf({ left, right }) {
    const apart = Math.max(8, Math.hypot(right.x - left.x, right.y - left.y));
    return { x: (left.x + right.x) / 2 - 2 * apart, y: (left.y + right.y) / 2 - 1.75 * apart, side: 4 * apart };
  }

  function choosingFace(on) {
    stage.setMode(on ? "face" : stage.eyes.left ? "eyes" : "taps");
    toFace.setAttribute("aria-pressed", String(on));
    if (on) {
      stage.look(null);
      say("Tap between the eyes of the face that is yours.");
    }
  }

  for (const [name, field] of Object.entries(fields)) {
    field.addEventListener("change", () => {
      const value = Number(field.value.replace(",", "."));
      const [eye, axis] = name.split("_");
      if (!Number.isFinite(value)) return;
      stage.eyes[eye] = { ...(stage.eyes[eye] ?? { x: 0, y: 0 }), [axis]: value };
      stage.setMode("eyes");
      stage.changed("placed");
    });
  }

  // -- what a person says -------------------------------------------------------------------------------------------------

  const done = []; // of this visit, for undoing: {card, sent} or {card} for a skipped one
  const open = new Set(); // on their way

  function send(act) {
    const sent = post(card.say, facts(act));
    open.add(sent);
    sent.then(() => document.querySelectorAll(".undo-form").forEach((older) => older.remove()), () => {}).finally(() => open.delete(sent)); // it would take back what was said before
    return sent;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const act = event.submitter?.value ?? primary.value;
    if (act === "next") return next();
    if (act === "place" && !(stage.eyes.left && stage.eyes.right)) return say("Put both eyes where they are first.", { bad: true });
    return { queue: answer, ten: place, photo: decide }[kind](act);
  });

  function answer(act) {
    const asked = card;
    const sent = send(act);
    done.push({ card: asked, sent });
    countAlike(asked, -1);
    sent.then(
      (told) => {
        text(".ask-left", leftWords(told.left));
        say(told.words);
      },
      (error) => {
        const place = done.findIndex((entry) => entry.sent === sent);
        if (place >= 0) done.splice(place, 1); // unless it was taken back meanwhile
        countAlike(asked, 1);
        say(error.message, { bad: true });
        get(asked.card).catch(() => asked).then((fresh) => {
          waiting.unshift(card);
          show(fresh);
        });
      },
    );
    advance();
  }

  // The decision about many is about the reason of the card that shows, and about those that are still asked about.
  const bulk = document.querySelector(".bulk");

  function countAlike(about, by) {
    if (!bulk || about.reason !== bulk.dataset.reason) return;
    const field = bulk.querySelector('[name="number"]');
    field.value = Number(field.value) + by;
    for (const place of bulk.querySelectorAll(".bulk-number")) place.textContent = Number(field.value).toLocaleString("en");
  }

  const leftWords = (left) => `${left.toLocaleString("en")} left`;

  // -- the queue: the next cards are loaded before they are needed -----------------------------------------------------------

  const waiting = [];
  const known = new Set([card.sha256]);
  let more = kind !== "photo";
  let fetching = null;

  function fill() {
    if (!more || fetching || waiting.length >= FETCH_BELOW) return fetching;
    const last = waiting.at(-1) ?? card;
    const url = new URL(root.dataset.next, location.href);
    if (kind === "ten") url.searchParams.set("without", [...known].slice(-60).join(","));
    else url.searchParams.set("after", last.sha256);
    if (root.dataset.filter) url.searchParams.set("reason", root.dataset.filter);
    fetching = get(url).then(
      (told) => {
        const fresh = told.cards.filter((entry) => !known.has(entry.sha256));
        fresh.forEach((entry) => known.add(entry.sha256));
        waiting.push(...fresh);
        waiting.forEach(preload);
        more = told.cards.length > 0 && (kind === "ten" || told.more);
      },
      (error) => say(error.message, { bad: true }),
    ).finally(() => {
      fetching = null;
    });
    return fetching;
  }

  async function advance() {
    if (!waiting.length) await fill();
    if (!waiting.length) {
      await Promise.allSettled([...open]);
      const newest = done.at(-1);
      const told = newest?.sent ? await newest.sent.catch(() => null) : null;
      const to = new URL(root.dataset.after, location.href);
      if (told) to.searchParams.set("undo", told.at);
      location.assign(to);
      return;
    }
    show(waiting.shift());
    find(".undo")?.toggleAttribute("disabled", done.length === 0);
    fill();
  }

  function skip() {
    done.push({ card });
    advance();
  }

  async function undo() {
    const last = done.pop();
    if (!last) return;
    find(".undo")?.toggleAttribute("disabled", done.length === 0);
    try {
      if (last.sent) {
        const told = await last.sent;
        await post(root.dataset.undo, { at: told.at });
        say("Taken back.");
      }
      if (kind !== "photo") {
        if (card !== last.card) waiting.unshift(card);
        if (kind === "queue" && last.sent) countAlike(last.card, 1);
        if (kind === "queue" && last.sent) text(".ask-left", leftWords(1 + Number.parseInt(find(".ask-left").textContent.replaceAll(",", ""), 10)));
        if (kind === "ten" && last.sent) count(-1);
        show(last.card);
      } else location.reload();
    } catch (error) {
      say(error.message, { bad: true });
    }
  }

  root.addEventListener("click", (event) => {
    if (event.target.closest(".undo")) {
      event.preventDefault();
      undo();
    } else if (event.target.closest(".skip-card")) {
      event.preventDefault();
      skip();
    }
  });

  // -- ten photos, one minute ------------------------------------------------------------------------------------------------

  let placed = Number(root.dataset.done ?? 0);

  function count(by) {
    placed += by;
    const bar = find(".ten-bar");
    if (bar) bar.value = placed;
    text(".ask-left", `${placed} of ${root.dataset.of}`);
  }

  async function place() {
    primary.disabled = true;
    const sent = send("place");
    done.push({ card, sent });
    try {
      const told = await sent;
      count(1);
      result = told;
      stage.still = true;
      if (told.model) {
        const [lx, ly, rx, ry] = told.model.eyes;
        stage.extra = { left: { x: lx, y: ly }, right: { x: rx, y: ry } };
        text(".ask-words", told.model.off < 1 ? `The model was right within ${told.model.off} % of the distance between your eyes.` : `The model was ${told.model.off} % of the distance between your eyes off.`);
      } else text(".ask-words", "Thank you.");
      primary.value = "next";
      primary.disabled = false;
      text(".primary-words", placed >= Number(root.dataset.of) ? "Done" : "Next");
      find(".undo")?.toggleAttribute("disabled", false);
      stage.draw();
      primary.focus({ preventScroll: true });
    } catch (error) {
      done.pop();
      primary.disabled = false;
      say(error.message, { bad: true });
    }
  }

  function next() {
    if (placed >= Number(root.dataset.of)) {
      location.assign(`${root.dataset.after}?done=${placed}`);
      return;
    }
    advance();
  }

  // -- a photo's own page: what was said shows as soon as somebody acted on it ---------------------------------------------------

  async function decide(act) {
    try {
      const sent = send(act);
      done.push({ card, sent });
      const told = await sent;
      if (!["place", "confirm"].includes(act)) {
        location.assign(`${card.page}?undo=${told.at}`);
        return;
      }
      say(told.words);
      saved = true;
      stage.settle();
      find(".undo")?.toggleAttribute("disabled", false);
      watch();
    } catch (error) {
      say(error.message, { bad: true });
    }
  }

  let watching = 0;

  async function watch() {
    const mine = ++watching;
    let acted = false;
    for (let wait = 400, tries = 0; tries < 120; wait = Math.min(3000, wait * 1.3), tries += 1) {
      const told = await get(card.state).catch(() => null);
      if (told && standing.textContent !== told.words) standing.textContent = told.words;
      if (told && (told.settled || !told.running)) break;
      if (told?.acted && !acted) await freshen();
      acted = told?.acted ?? acted;
      await new Promise((resolve) => setTimeout(resolve, wait));
      while (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
      if (mine !== watching) return;
    }
    await freshen();
  }

  // The parts of the page that tell of the photo, as they are now.
  async function freshen() {
    const page = await fetch(card.page).then((answer) => answer.text(), () => "");
    const fresh = new DOMParser().parseFromString(page, "text/html");
    for (const part of document.querySelectorAll("[data-fresh]")) {
      const newer = fresh.getElementById(part.id);
      if (newer && !part.contains(document.activeElement)) part.replaceWith(newer);
    }
  }

  // -- the keyboard alone ------------------------------------------------------------------------------------------------------

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const press = (selector) => {
    const button = find(selector);
    if (button && !button.hidden && !button.disabled) button.click();
  };
  const KEYS = {
    Enter: () => press("[data-primary]"), n: () => press('[value="not_me"]'), f: () => press('[value="no_face"]'), x: () => press('[value="excluded"]'),
    s: () => press(".skip-card"), u: () => press(".undo"), e: () => stage.marks[stage.chosen === "left" ? "right" : "left"].focus(),
    a: () => press('[data-tool="face"]'), m: () => press('[value="mine"]'), o: () => press('[value="model"]'),
    "+": () => stage.zoom(1.25), "=": () => stage.zoom(1.25), "-": () => stage.zoom(0.8), 0: () => press('[data-tool="whole"]'), 1: () => press('[data-tool="close"]'),
    Escape: () => (stage.mode === "face" ? choosingFace(false) : stage.reset()),
  };

  document.addEventListener("keydown", (event) => {
    const on = document.activeElement;
    const here = on === document.body || root.contains(on) || on?.id === "main";
    if (!here || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
    if (event.ctrlKey) {
      if (event.key === "z") {
        event.preventDefault();
        press(".undo");
      }
      return;
    }
    if (ARROWS[event.key] && !stage.still) {
      event.preventDefault();
      const step = event.shiftKey ? 10 : 1;
      if (on !== stage.marks.left && on !== stage.marks.right) stage.marks[stage.chosen].focus({ preventScroll: true });
      stage.nudge(ARROWS[event.key][0] * step, ARROWS[event.key][1] * step);
      return;
    }
    if (event.key === "Enter" && on.closest("a, button:not(.eye), summary")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (KEYS[key] && !(event.shiftKey && key !== "+")) {
      event.preventDefault();
      KEYS[key]();
    }
  });

  show(card);
  preload(card);
  fill();
  if (kind === "photo" && standing?.dataset.settled === "no") watch();
  window.photodiary.asking = { stage, get card() { return card; }, waiting };
})();
