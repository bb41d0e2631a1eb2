// The palette and the keys. Every way that they lead is also a link on the page.
(() => {
  "use strict";
  const palette = document.getElementById("palette");
  const sheet = document.getElementById("keys");
  if (!palette) return;
  const input = palette.querySelector("input");
  const ways = palette.querySelector("#ways");
  const places = palette.querySelector("#places");

  // --- The palette: the ways of this page, then what the server finds ---
  const links = () => [...palette.querySelectorAll("li:not([hidden]) a")];
  const choose = (link) => {
    for (const other of palette.querySelectorAll("a")) other.removeAttribute("aria-current");
    link?.setAttribute("aria-current", "true");
    link?.scrollIntoView({ block: "nearest" });
  };
  const chosen = () => palette.querySelector("a[aria-current]");
  const narrow = () => {
    const wanted = input.value.trim().toLowerCase();
    for (const item of ways.children) item.hidden = !item.textContent.toLowerCase().includes(wanted);
    if (!wanted) places.replaceChildren();
    choose(links()[0]);
  };
  const collect = () => {
    ways.replaceChildren(...[...document.querySelectorAll(".side a[data-keys], .range .choices-list a")].map((link) => {
      const item = document.createElement("li");
      const copy = document.createElement("a");
      copy.href = link.href;
      copy.textContent = link.textContent.trim();
      if (link.dataset.keys) {
        const keys = document.createElement("span");
        keys.className = "kind";
        for (const key of link.dataset.keys.split(" ")) {
          const cap = document.createElement("kbd");
          cap.textContent = key;
          keys.append(cap, " ");
        }
        copy.append(keys);
      }
      item.append(copy);
      return item;
    }));
  };
  const open = () => {
    if (sheet.open) sheet.close();
    if (palette.open) return;
    collect();
    input.value = "";
    narrow();
    palette.showModal();
  };
  input.addEventListener("input", narrow);
  places.addEventListener("htmx:afterSwap", () => choose(links()[0]));
  input.addEventListener("keydown", (event) => {
    const all = links();
    const at = all.indexOf(chosen());
    if (event.key === "ArrowDown") choose(all[Math.min(at + 1, all.length - 1)]);
    else if (event.key === "ArrowUp") choose(all[Math.max(at - 1, 0)]);
    else if (event.key === "Enter") chosen()?.click();
    else return;
    event.preventDefault();
  });
  for (const dialog of [palette, sheet]) {
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette]")) { event.preventDefault(); open(); }
    if (event.target.closest("[data-sheet]")) sheet.showModal();
  });

  // --- Single keys, unless somebody writes or switched them off ---
  const kept = "observatory.keys";
  const box = sheet.querySelector("input");
  box.checked = localStorage.getItem(kept) !== "off";
  box.addEventListener("change", () => localStorage.setItem(kept, box.checked ? "on" : "off"));

  const rows = () => [...document.querySelectorAll("[data-rows] tbody tr, [data-rows] > li")];
  const step = (by) => {
    const all = rows();
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[at < 0 && by > 0 ? 0 : Math.max(0, Math.min(at + by, all.length - 1))];
    next?.querySelector("a")?.focus();
  };
  let pending = "";
  const act = {
    "?": () => sheet.showModal(),
    "/": () => document.querySelector("[data-key='/']")?.focus(),
    j: () => step(1),
    k: () => step(-1),
    t: () => { const range = document.querySelector("[data-key='t'] > summary"); range?.click(); range?.focus(); },
  };
  document.addEventListener("keydown", (event) => {
    const isCommand = event.ctrlKey || event.metaKey;
    if (isCommand && event.key.toLowerCase() === "k") { event.preventDefault(); open(); return; }
    const isWriting = event.target.closest("input, textarea, select, [contenteditable], dialog[open]");
    if (isWriting || event.altKey || !box.checked) return;
    if (isCommand) {
      const wider = document.querySelector("[data-key-zoom]");
      if (event.key === "z" && wider) { event.preventDefault(); location.assign(wider.href); }
      return;
    }
    const way = document.querySelector(`a[data-keys="${CSS.escape(pending)} ${CSS.escape(event.key)}"]`);
    pending = event.key === "g" ? "g" : "";
    if (way) { event.preventDefault(); location.assign(way.href); return; }
    if (Object.hasOwn(act, event.key)) { event.preventDefault(); act[event.key](); }
  });
})();
