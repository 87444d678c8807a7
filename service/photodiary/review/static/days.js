// The calendar by arrow keys: left and right a day, up and down a week, among the days that have a photo.
"use strict";

document.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
  const here = document.activeElement;
  if (!step || event.altKey || event.ctrlKey || event.metaKey || !here || !here.matches("a.day")) return;
  const days = [...here.closest("table").querySelectorAll(".day")];
  let at = days.indexOf(here) + step;
  while (days[at] && !days[at].matches("a")) at += Math.sign(step);
  if (days[at]) {
    event.preventDefault();
    days[at].focus();
  }
});
