// Plain geometry, the same as diary/canvas.py and diary/facing.py.
// Points are in pixels of the upright photo, pixel centres at integers, as everywhere in photodiary; matrices are [a, b, c, d, e, f] as a canvas wants them.
"use strict";

(() => {
  const distance = (p, q) => Math.hypot(p.x - q.x, p.y - q.y);
  const middle = (p, q) => ({ x: (p.x + q.x) / 2, y: (p.y + q.y) / 2 });
  const apply = ([a, b, c, d, e, f], p) => ({ x: a * p.x + c * p.y + e, y: b * p.x + d * p.y + f });
  function inverse([a, b, c, d, e, f]) {
    const det = a * d - b * c;
    return [d / det, -b / det, -c / det, a / det, (c * f - d * e) / det, (b * e - a * f) / det];
  }

  // z -> a z + b with a = (R' - L') / (R - L), as a canvas wants it: [a, b, c, d, e, f].
  function similarity(left, right, target) {
    const [tl, tr] = [{ x: target.left[0], y: target.left[1] }, { x: target.right[0], y: target.right[1] }];
    const [dx, dy, tx, ty] = [right.x - left.x, right.y - left.y, tr.x - tl.x, tr.y - tl.y];
    const square = dx * dx + dy * dy;
    const [re, im] = [(tx * dx + ty * dy) / square, (ty * dx - tx * dy) / square];
    return [re, im, -im, re, tl.x - re * left.x + im * left.y, tl.y - im * left.x - re * left.y];
  }

  const TO_THE_RIGHT = { 0: [1, 0], 90: [0, -1], 180: [-1, 0], 270: [0, 1] };

  // Photo to frame; mirrored, the left eye lands on the right point.
  function onto(eyes, facing, target) {
    let { left, right } = eyes;
    if (facing.turned !== null && facing.turned !== undefined) {
      const [across, down] = TO_THE_RIGHT[facing.turned];
      if (across * (right.x - left.x) + down * (right.y - left.y) < 0) [left, right] = [right, left];
    }
    if (!facing.mirrored) return similarity(left, right, target);
    const [a, b, c, d, e, f] = similarity({ x: -right.x, y: right.y }, { x: -left.x, y: left.y }, target);
    return [-a, -b, c, d, e, f];
  }

  window.photodiary.geometry = { TO_THE_RIGHT, distance, middle, apply, inverse, similarity, onto };
})();
