// Pictures of photos: loaded once and before they are needed, the sharp parts laid over the whole, and the frame drawn from them.
"use strict";

(() => {
  const { distance, onto } = window.photodiary.geometry;

  const pictures = new Map();

  function picture(url) {
    if (!pictures.has(url)) {
      const image = new Image();
      image.src = url;
      const ready = image.decode().then(() => image, () => null);
      pictures.set(url, ready);
      if (pictures.size > 24) pictures.delete(pictures.keys().next().value);
    }
    return pictures.get(url);
  }

  const partUrl = (card, part) => `${card.close}&x=${part.x}&y=${part.y}&side=${part.side}`;

  function preload(card) {
    const wanted = [card.whole, card.view && partUrl(card, card.view), card.before && card.before.look, card.after && card.after.look];
    return Promise.all(wanted.filter(Boolean).map(picture));
  }

  // A photo's pictures: the whole one, and sharper parts of it on top.
  class Layers {
    constructor(card, changed) {
      this.card = card;
      this.whole = null;
      this.parts = [];
      this.broken = false;
      picture(card.whole).then((image) => {
        this.broken = image === null || image.naturalWidth === 4;
        this.whole = this.broken ? null : image;
        changed();
      });
      this.changed = changed;
      if (card.view) this.sharpen(card.view);
    }

    sharpen(part) {
      const url = partUrl(this.card, part);
      if (this.parts.some((known) => known.url === url)) return;
      const entry = { url, ...part, image: null };
      this.parts.push(entry);
      picture(url).then((image) => {
        if (image !== null && image.naturalWidth !== 4) entry.image = image;
        this.changed();
      });
    }

    // Photo pixels for each picture pixel at a point: less is sharper.
    grainAt(point) {
      const whole = this.whole ? this.card.size[0] / this.whole.naturalWidth : Infinity;
      return this.parts.reduce((best, part) => (part.image && inside(part, point) ? Math.min(best, part.side / part.image.naturalWidth) : best), whole);
    }

    paint(context, matrix, ratio) {
      const m = matrix.map((value) => value * ratio);
      context.setTransform(...m);
      context.imageSmoothingQuality = "high";
      const [width, height] = this.card.size;
      if (this.whole) context.drawImage(this.whole, -0.5, -0.5, width, height);
      for (const part of this.parts) {
        if (!part.image) continue;
        const [x0, y0] = [Math.max(0, part.x), Math.max(0, part.y)]; // outside the photo there is nothing to show
        const [w, h] = [Math.min(width, part.x + part.side) - x0, Math.min(height, part.y + part.side) - y0];
        const grain = part.image.naturalWidth / part.side;
        if (w > 0 && h > 0) context.drawImage(part.image, (x0 - part.x) * grain, (y0 - part.y) * grain, w * grain, h * grain, x0 - 0.5, y0 - 0.5, w, h);
      }
      context.setTransform(1, 0, 0, 1, 0, 0);
    }
  }

  const inside = (part, point) => point.x >= part.x && point.y >= part.y && point.x < part.x + part.side && point.y < part.y + part.side;

  // The frame as it would be, drawn from the pictures that are there already.
  function drawFrame(canvas, layers, card, eyes) {
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!card.canvas || !eyes.left || !eyes.right || distance(eyes.left, eyes.right) < 2) return;
    const scale = canvas.width / card.canvas.width;
    const small = (point) => point.map((value) => (value + 0.5) * scale - 0.5);
    const m = onto(eyes, card.facing, { left: small(card.canvas.left), right: small(card.canvas.right) });
    m[4] += 0.5; // a canvas counts from the edge of its first pixel
    m[5] += 0.5;
    layers.paint(context, m, 1);
  }

  Object.assign(window.photodiary, { Layers, drawFrame, preload, picture });
})();
