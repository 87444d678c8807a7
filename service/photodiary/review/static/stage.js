// The stage: a photo to look at closely and two eyes to put where they are, by finger, mouse or keyboard.
// Points are in pixels of the upright photo, pixel centres at integers, as everywhere in photodiary.
"use strict";

(() => {
  const { Fingers, Layers, geometry } = window.photodiary;
  const { TO_THE_RIGHT, apply, distance, inverse, middle } = geometry;
  const LOUPE = { size: 136, away: 104, grows: 2.6 };
  const SPREAD = 0.16; // of the photo's width: eyes of which nobody knows how far apart they are

  // -- the stage --------------------------------------------------------------------------------------------------------

  class Stage {
    // on: {change(eyes, how), choose(eye)}: how is "placed" once a person moved an eye, "proposed" before
    constructor(root, on) {
      this.root = root;
      this.on = on;
      this.canvas = root.querySelector(".stage-picture");
      this.marks = { left: root.querySelector('[data-eye="left"]'), right: root.querySelector('[data-eye="right"]') };
      this.loupe = root.querySelector(".loupe");
      this.others = root.querySelector(".stage-others");
      this.chosen = "left";
      this.mode = "eyes"; // eyes, face (a tap moves both), taps (taps put one after the other)
      this.card = null;
      this.still = false;
      for (const [name, mark] of Object.entries(this.marks)) mark.addEventListener("focus", () => this.choose(name));
      this.fingers = new Fingers(this);
      new ResizeObserver(() => this.resized()).observe(root);
    }

    show(card, { still = false } = {}) {
      this.card = card;
      this.still = still;
      this.fingers.forget();
      this.layers = new Layers(card, () => this.draw());
      this.eyes = card.eyes ? { left: { x: card.eyes[0], y: card.eyes[1] }, right: { x: card.eyes[2], y: card.eyes[3] } } : { left: null, right: null };
      this.proposed = card.eyes ? structuredClone(this.eyes) : null;
      this.extra = card.model ? { left: { x: card.model[0], y: card.model[1] }, right: { x: card.model[2], y: card.model[3] } } : null;
      this.moved = false;
      this.choose("left");
      this.setMode(card.eyes ? "eyes" : "taps");
      this.look(card.view);
      this.showOthers();
      this.on.change(this.eyes, "proposed");
    }

    setMode(mode) {
      this.mode = mode;
      this.root.dataset.mode = mode;
    }

    choose(eye) {
      if (!this.marks[eye]) return;
      this.chosen = eye;
      for (const [name, mark] of Object.entries(this.marks)) mark.classList.toggle("chosen", name === eye);
      this.on.choose?.(eye);
    }

    // Back to what was proposed.
    reset() {
      if (!this.card) return;
      this.eyes = this.proposed ? structuredClone(this.proposed) : { left: null, right: null };
      this.moved = false;
      this.setMode(this.proposed ? "eyes" : "taps");
      this.changed("proposed");
    }

    // What shows was said, and is what a person comes back to.
    settle() {
      this.proposed = structuredClone(this.eyes);
      this.extra = null;
      this.changed("proposed");
    }

    // -- looking: where the photo lies on the stage ---------------------------------------------------------------------

    resized() {
      const box = this.root.getBoundingClientRect();
      if (!box.width || !box.height) return;
      const ratio = Math.min(3, window.devicePixelRatio || 1);
      const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
      if (this.size && this.canvas.width === width && this.canvas.height === height) return;
      const before = this.size;
      this.ratio = ratio;
      this.size = { width: box.width, height: box.height };
      this.canvas.width = width;
      this.canvas.height = height;
      if (!this.card) return;
      if (!before || !this.looked) this.look(this.card.view);
      else {
        this.matrix[4] += (this.size.width - before.width) / 2;
        this.matrix[5] += (this.size.height - before.height) / 2;
        this.draw();
      }
    }

    // The square `view` of the photo, or all of it, in the middle of the stage.
    look(view) {
      if (!this.size) {
        this.resized();
        if (!this.size) return;
      }
      const [width, height] = this.card.size;
      const lying = this.card.turn % 180 !== 0;
      const [w, h] = view ? [view.side, view.side] : lying ? [height, width] : [width, height];
      const scale = Math.min(this.size.width / w, this.size.height / h) * (view ? 1 : 0.98);
      const centre = view ? { x: view.x + view.side / 2, y: view.y + view.side / 2 } : { x: (width - 1) / 2, y: (height - 1) / 2 };
      this.base = Math.min(this.size.width / (lying ? height : width), this.size.height / (lying ? width : height)) * 0.98;
      this.put(scale, centre, { x: this.size.width / 2, y: this.size.height / 2 });
      this.fill();
      this.looked = true;
    }

    // The photo's point `at` lies on the stage's point `there`, at `scale` CSS pixels a photo pixel.
    put(scale, at, there) {
      const s = Math.max(this.base * 0.6, Math.min(scale, Math.max(6, this.base * 6)));
      const [cos, sin] = { 0: [1, 0], 90: [0, 1], 180: [-1, 0], 270: [0, -1] }[this.card.turn];
      const m = [s * cos, s * sin, -s * sin, s * cos, 0, 0];
      const now = apply(m, at);
      m[4] = there.x - now.x;
      m[5] = there.y - now.y;
      this.matrix = m;
      this.keepInSight();
      this.draw();
      this.sharpenSoon();
    }

    get scale() {
      return Math.hypot(this.matrix[0], this.matrix[1]);
    }

    // Something of the photo always stays in the middle.
    keepInSight() {
      const [width, height] = this.card.size;
      const corners = [apply(this.matrix, { x: 0, y: 0 }), apply(this.matrix, { x: width, y: height })];
      const [cx, cy] = [this.size.width / 2, this.size.height / 2];
      const [x0, x1] = [Math.min(corners[0].x, corners[1].x), Math.max(corners[0].x, corners[1].x)];
      const [y0, y1] = [Math.min(corners[0].y, corners[1].y), Math.max(corners[0].y, corners[1].y)];
      this.matrix[4] += x0 > cx ? cx - x0 : x1 < cx ? cx - x1 : 0;
      this.matrix[5] += y0 > cy ? cy - y0 : y1 < cy ? cy - y1 : 0;
    }

    // Where the photo is larger than the stage, no empty edge shows; where it is smaller, it lies in the middle.
    fill() {
      const [width, height] = this.card.size;
      const corners = [apply(this.matrix, { x: -0.5, y: -0.5 }), apply(this.matrix, { x: width - 0.5, y: height - 0.5 })];
      for (const [axis, number, room] of [["x", 4, this.size.width], ["y", 5, this.size.height]]) {
        const [low, high] = [Math.min(corners[0][axis], corners[1][axis]), Math.max(corners[0][axis], corners[1][axis])];
        if (high - low < room) this.matrix[number] += (room - high - low) / 2;
        else this.matrix[number] += low > 0 ? -low : high < room ? room - high : 0;
      }
      this.draw();
    }

    zoom(by, at = { x: this.size.width / 2, y: this.size.height / 2 }) {
      const point = this.toPhoto(at);
      this.put(this.scale * by, point, at);
    }

    toStage(point) {
      return apply(this.matrix, point);
    }

    toPhoto(point) {
      return apply(inverse(this.matrix), point);
    }

    // Fetch the part that is looked at as sharp as the photo has it, when what is there is coarser than the screen.
    sharpenSoon() {
      clearTimeout(this.sharpening);
      const card = this.card;
      this.sharpening = setTimeout(() => {
        if (this.card !== card || this.layers.broken) return;
        const centre = this.toPhoto({ x: this.size.width / 2, y: this.size.height / 2 });
        const seen = Math.max(this.size.width, this.size.height) / this.scale;
        const needed = 1 / (this.scale * this.ratio);
        if (this.layers.grainAt(centre) <= Math.max(1, needed) * 1.3 || seen > Math.max(...card.size)) return;
        const side = Math.max(64, Math.round((seen * 1.15) / 64) * 64);
        const near = (value) => Math.round((value - side / 2) / 32) * 32;
        this.layers.sharpen({ x: near(centre.x), y: near(centre.y), side });
      }, 250);
    }

    // -- drawing --------------------------------------------------------------------------------------------------------

    draw() {
      if (this.drawing || !this.card || !this.matrix) return;
      this.drawing = true;
      requestAnimationFrame(() => {
        this.drawing = false;
        this.root.classList.toggle("broken", this.layers.broken);
        const context = this.canvas.getContext("2d");
        context.setTransform(1, 0, 0, 1, 0, 0);
        context.clearRect(0, 0, this.canvas.width, this.canvas.height);
        this.layers.paint(context, this.matrix, this.ratio);
        this.drawExtra(context);
        for (const [name, mark] of Object.entries(this.marks)) {
          const eye = this.eyes[name];
          mark.hidden = !eye;
          if (!eye) continue;
          const at = this.toStage(eye);
          mark.style.transform = `translate(${at.x.toFixed(2)}px, ${at.y.toFixed(2)}px)`;
        }
        this.placeOthers();
        this.drawLoupe();
        this.on.drawn?.();
      });
    }

    // Where the model sees the eyes, beside where a person put them.
    drawExtra(context) {
      if (!this.extra) return;
      for (const eye of Object.values(this.extra)) {
        const at = this.toStage(eye);
        for (const [colour, width] of [["rgb(0 0 0 / 65%)", 5], ["#ffd34d", 2.5]]) {
          context.beginPath();
          context.setLineDash([5 * this.ratio, 4 * this.ratio]);
          context.lineWidth = width * this.ratio;
          context.strokeStyle = colour;
          context.arc(at.x * this.ratio, at.y * this.ratio, 13 * this.ratio, 0, 7);
          context.stroke();
        }
      }
      context.setLineDash([]);
    }

    showOthers() {
      this.others.replaceChildren();
      (this.card.others || []).forEach((eyes, number) => {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "other-face";
        button.setAttribute("aria-label", `Another face that was seen here, number ${number + 1}: put the eyes there`);
        button.addEventListener("click", () => {
          this.eyes = { left: { x: eyes[0], y: eyes[1] }, right: { x: eyes[2], y: eyes[3] } };
          this.changed("placed");
          this.look({ ...square(this.eyes) });
        });
        this.others.append(button);
      });
    }

    placeOthers() {
      [...this.others.children].forEach((button, number) => {
        const eyes = this.card.others[number];
        const at = this.toStage(middle({ x: eyes[0], y: eyes[1] }, { x: eyes[2], y: eyes[3] }));
        button.style.transform = `translate(${at.x.toFixed(1)}px, ${at.y.toFixed(1)}px)`;
        button.hidden = Object.values(this.eyes).some((eye) => eye && distance(this.toStage(eye), at) < 60);
      });
    }

    showLoupe(eye, finger) {
      this.magnified = { eye, finger };
      this.loupe.hidden = false;
      this.draw();
    }

    hideLoupe() {
      this.magnified = null;
      this.loupe.hidden = true;
    }

    // Beside the finger, never under it: above it, or where there is no room, to the side that has more.
    drawLoupe() {
      if (!this.magnified || !this.eyes[this.magnified.eye]) return;
      const { eye, finger } = this.magnified;
      const half = LOUPE.size / 2;
      const mark = this.toStage(this.eyes[eye]);
      const from = finger ?? mark;
      let at = { x: from.x, y: from.y - LOUPE.away };
      if (at.y < half) at = { x: from.x + (from.x < this.size.width / 2 ? 1 : -1) * LOUPE.away * 1.2, y: Math.max(half, from.y) };
      at.x = Math.max(half, Math.min(this.size.width - half, at.x));
      at.y = Math.max(half, Math.min(this.size.height - half, at.y));
      this.loupe.style.transform = `translate(${at.x - half}px, ${at.y - half}px)`;
      const canvas = this.loupe.querySelector("canvas");
      const pixels = Math.round(LOUPE.size * this.ratio);
      if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
      const grow = Math.max(LOUPE.grows, 1.6 / this.scale);
      const m = this.matrix.map((value) => value * grow);
      const now = apply(m, this.eyes[eye]);
      m[4] += half - now.x;
      m[5] += half - now.y;
      const context = canvas.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, pixels, pixels);
      this.layers.paint(context, m, this.ratio);
    }

    // -- what moves the eyes ------------------------------------------------------------------------------------------------

    within(point) {
      const [width, height] = this.card.size;
      return { x: Math.max(-0.5, Math.min(width - 0.5, point.x)), y: Math.max(-0.5, Math.min(height - 0.5, point.y)) };
    }

    // The left eye stays the left one, also when they were put the other way round.
    untwist() {
      const { left, right } = this.eyes;
      if (!left || !right) return;
      const was = this.proposed ? { x: this.proposed.right.x - this.proposed.left.x, y: this.proposed.right.y - this.proposed.left.y } : null;
      const [across, down] = was ? [was.x, was.y] : TO_THE_RIGHT[this.card.turn];
      if ((right.x - left.x) * across + (right.y - left.y) * down < 0) {
        this.eyes = { left: right, right: left };
        this.choose(this.chosen === "left" ? "right" : "left");
      }
    }

    // Both eyes jump to a face whose middle between the eyes is here, as far apart as they were.
    toFace(point) {
      const [width] = this.card.size;
      const [across, down] = TO_THE_RIGHT[this.card.turn];
      const half = this.eyes.left && this.eyes.right
        ? { x: (this.eyes.right.x - this.eyes.left.x) / 2, y: (this.eyes.right.y - this.eyes.left.y) / 2 }
        : { x: (across * SPREAD * width) / 2, y: (down * SPREAD * width) / 2 };
      this.eyes = { left: this.within({ x: point.x - half.x, y: point.y - half.y }), right: this.within({ x: point.x + half.x, y: point.y + half.y }) };
      this.setMode("eyes");
      this.look(square(this.eyes));
      this.changed("placed");
      this.marks.left.focus({ preventScroll: true });
    }

    // By so many photo pixels as they lie on the stage.
    nudge(dx, dy, both = false) {
      const m = inverse([this.matrix[0] / this.scale, this.matrix[1] / this.scale, this.matrix[2] / this.scale, this.matrix[3] / this.scale, 0, 0]);
      const step = apply(m, { x: dx, y: dy });
      if (!this.eyes.left && !this.eyes.right) return this.toFace({ x: this.card.size[0] / 2, y: this.card.size[1] / 2 });
      for (const name of both ? ["left", "right"] : [this.chosen]) {
        const eye = this.eyes[name] ?? this.eyes[name === "left" ? "right" : "left"];
        this.eyes[name] = this.within({ x: eye.x + step.x, y: eye.y + step.y });
      }
      this.changed("placed");
      this.showLoupe(this.chosen, null);
      clearTimeout(this.resting);
      this.resting = setTimeout(() => this.hideLoupe(), 1500);
      return undefined;
    }

    changed(how, going = false) {
      this.moved = how === "placed";
      this.draw();
      this.on.change(this.eyes, how, going);
    }
  }

  function square(eyes) {
    const centre = middle(eyes.left, eyes.right);
    const apart = Math.max(8, distance(eyes.left, eyes.right));
    return { x: Math.round(centre.x - 2 * apart), y: Math.round(centre.y - 1.75 * apart), side: Math.round(4 * apart) };
  }

  window.photodiary.Stage = Stage;
})();
