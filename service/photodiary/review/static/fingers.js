// Fingers, pen and mouse on the stage: one moves an eye or the photo, two pinch, the wheel zooms.
"use strict";

(() => {
  const { distance, middle } = window.photodiary.geometry;
  const GRAB = { touch: 44, pen: 34, mouse: 26 }; // CSS pixels around an eye in which it is taken hold of
  const STILL = 6; // CSS pixels: what moves less is a tap

  class Fingers {
    constructor(stage) {
      this.stage = stage;
      this.pointers = new Map();
      const root = stage.root;
      root.addEventListener("pointerdown", (event) => this.down(event));
      root.addEventListener("pointermove", (event) => this.move(event));
      root.addEventListener("pointerup", (event) => this.up(event));
      root.addEventListener("pointercancel", (event) => this.up(event, true));
      root.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      root.addEventListener("contextmenu", (event) => event.pointerType !== "mouse" && event.preventDefault());
    }

    // Another photo shows: whatever is held is let go.
    forget() {
      this.pointers.clear();
      this.act = this.pinch = null;
      this.stage.hideLoupe();
      this.stage.root.classList.remove("dragging");
    }

    at(event) {
      const box = this.stage.root.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    }

    nearest(point, kind) {
      let best = null;
      for (const name of ["left", "right"]) {
        if (!this.stage.eyes[name]) continue;
        const away = distance(this.stage.toStage(this.stage.eyes[name]), point);
        if (away < (GRAB[kind] ?? 30) && (best === null || away < best.away)) best = { name, away };
      }
      return best && best.name;
    }

    down(event) {
      if (!this.stage.card || this.stage.still || event.button > 0 || event.target.closest(".stage-tools, .other-face")) return;
      event.preventDefault();
      const point = this.at(event);
      this.stage.root.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, point);
      if (this.pointers.size === 2) return this.beginPinch();
      if (this.pointers.size > 2) return undefined;
      this.finger = event.pointerType === "mouse" ? null : point;
      this.act = { kind: "look", from: point, matrix: [...this.stage.matrix], moved: false, placed: this.stage.moved };
      if (this.stage.mode === "face") {
        this.act.kind = "face";
        return undefined;
      }
      const eye = this.nearest(point, event.pointerType);
      if (eye) {
        this.act = { ...this.act, kind: "eye", eye, start: this.stage.toStage(this.stage.eyes[eye]), before: structuredClone(this.stage.eyes) };
        this.take(eye, point);
      } else if (this.stage.mode === "taps") {
        const next = this.stage.eyes.left ? "right" : "left";
        this.act = { ...this.act, kind: "eye", eye: next, start: point, moved: true, fresh: true, before: structuredClone(this.stage.eyes) };
        this.stage.eyes[next] = this.stage.toPhoto(point);
        this.take(next, point);
        this.stage.changed("placed", true);
      }
      return undefined;
    }

    take(eye, point) {
      this.stage.choose(eye);
      this.stage.root.classList.add("dragging");
      this.stage.showLoupe(eye, this.finger ? point : null);
    }

    move(event) {
      if (!this.pointers.has(event.pointerId)) return;
      const point = this.at(event);
      this.pointers.set(event.pointerId, point);
      if (this.pinch) return this.movePinch();
      const act = this.act;
      if (!act) return undefined;
      const [dx, dy] = [point.x - act.from.x, point.y - act.from.y];
      if (!act.moved && Math.hypot(dx, dy) < (act.kind === "eye" ? 2 : STILL)) return undefined;
      act.moved = true;
      if (act.kind === "eye") {
        this.stage.eyes[act.eye] = this.stage.within(this.stage.toPhoto({ x: act.start.x + dx, y: act.start.y + dy }));
        if (this.stage.magnified) this.stage.magnified.finger = this.finger ? point : null;
        this.stage.changed("placed", true);
      } else {
        this.stage.matrix = [...act.matrix.slice(0, 4), act.matrix[4] + dx, act.matrix[5] + dy];
        this.stage.keepInSight();
        this.stage.draw();
      }
      return undefined;
    }

    up(event, cancelled = false) {
      if (!this.pointers.delete(event.pointerId)) return;
      if (this.pinch) {
        if (this.pointers.size < 2) this.pinch = null;
        this.stage.sharpenSoon();
        return;
      }
      const act = this.act;
      this.act = null;
      this.stage.hideLoupe();
      this.stage.root.classList.remove("dragging");
      if (!act || cancelled) return;
      if (act.kind === "eye") {
        if (this.stage.eyes.left && this.stage.eyes.right && this.stage.mode === "taps") this.stage.setMode("eyes");
        if (act.moved) {
          this.stage.untwist();
          this.stage.changed("placed");
        }
        if (act.fresh && !this.stage.eyes.right) this.stage.choose("right");
      } else if (act.kind === "face" && !act.moved) {
        this.stage.toFace(this.stage.toPhoto(act.from));
      } else if (act.moved) {
        this.stage.sharpenSoon();
      }
    }

    beginPinch() {
      if (this.act?.kind === "eye") {
        this.stage.eyes = this.act.before;
        this.stage.changed(this.act.placed ? "placed" : "proposed", true);
      }
      this.stage.hideLoupe();
      this.stage.root.classList.remove("dragging");
      this.act = null;
      const [p, q] = [...this.pointers.values()];
      this.pinch = { apart: distance(p, q), scale: this.stage.scale, point: this.stage.toPhoto(middle(p, q)) };
    }

    movePinch() {
      const [p, q] = [...this.pointers.values()];
      if (!q) return;
      this.stage.put((this.pinch.scale * distance(p, q)) / Math.max(10, this.pinch.apart), this.pinch.point, middle(p, q));
    }

    wheel(event) {
      if (!this.stage.card) return;
      event.preventDefault();
      const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
      this.stage.zoom(Math.exp(-Math.max(-120, Math.min(120, pixels)) * (event.ctrlKey ? 0.01 : 0.002)), this.at(event));
    }
  }

  window.photodiary.Fingers = Fingers;
})();
