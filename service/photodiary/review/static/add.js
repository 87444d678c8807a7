// Shows the chosen photo beside yesterday's, and sends it without leaving the page.
"use strict";

(() => {
  const form = document.getElementById("add");
  const one = document.getElementById("photo");
  const older = document.getElementById("older");
  const preview = document.getElementById("preview");
  const told = document.getElementById("told");
  const button = form.querySelector("button");

  function show(file) {
    preview.hidden = !file;
    document.getElementById("waiting").hidden = Boolean(file);
    if (file) preview.src = URL.createObjectURL(file);
  }

  one.addEventListener("change", () => {
    const file = one.files[0];
    show(file);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const files = [...one.files, ...older.files];
    if (!files.length) {
      told.textContent = "Choose a photo first.";
      one.focus();
      return;
    }
    const most = Number(form.dataset.largest) * 1e6;
    button.disabled = true;
    let kept = 0;
    const troubles = [];
    for (const file of files) {
      told.textContent = files.length > 1 ? `Sending ${kept + troubles.length + 1} of ${files.length} …` : "Sending …";
      if (file.size > most) {
        troubles.push(`${file.name}: larger than ${form.dataset.largest} MB`);
        continue;
      }
      const body = new FormData();
      body.append("photo", file);
      try {
        const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
        const said = await answer.json();
        if (!answer.ok) throw new Error(said.error);
        kept += 1;
        if (files.length === 1) told.textContent = said.kept[0];
      } catch (error) {
        troubles.push(files.length > 1 ? `${file.name}: ${error.message}` : error.message);
      }
    }
    button.disabled = false;
    if (files.length > 1 && kept) troubles.unshift(`${kept} sent.`);
    if (troubles.length) told.textContent = troubles.join(" ");
    if (kept === files.length) form.reset(), show(null);
  });
})();
