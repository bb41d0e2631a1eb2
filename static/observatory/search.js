// Suggestions under the search box of executions: asked for while somebody types, chosen by the
// arrows and Enter or Tab, closed by Escape. Without this file the box is a plain field.
(() => {
  "use strict";
  const box = document.querySelector("input[data-suggest]");
  const list = document.getElementById("suggestions");
  if (!box || !list) return;
  box.setAttribute("role", "combobox");
  box.setAttribute("aria-autocomplete", "list");
  box.setAttribute("aria-controls", list.id);
  box.setAttribute("aria-expanded", "false");
  let chosen = -1;
  let asked = 0;
  let timer = 0;

  const options = () => [...list.querySelectorAll("[role=option]")];
  const isOpen = () => !list.hidden;
  const show = (open) => {
    list.hidden = !open;
    box.setAttribute("aria-expanded", String(open));
    if (!open) choose(-1);
  };
  const choose = (place) => {
    chosen = place;
    options().forEach((option, i) => option.setAttribute("aria-selected", String(i === place)));
    if (place < 0) box.removeAttribute("aria-activedescendant");
    else box.setAttribute("aria-activedescendant", options()[place].id);
  };
  const take = (option) => {
    box.value = option.dataset.whole;
    // The caret counts characters, a text field UTF-16 units.
    const units = [...box.value].slice(0, Number(option.dataset.caret)).join("").length;
    box.setSelectionRange(units, units);
    box.focus();
    ask();
  };
  const ask = async () => {
    const number = ++asked;
    const address = new URL(box.dataset.suggest, location.href);
    address.searchParams.set("query", box.value);
    address.searchParams.set("place", [...box.value.slice(0, box.selectionStart)].length);
    const answer = await fetch(address, { headers: { "HX-Request": "true" }, redirect: "error" }).catch(() => null);
    if (number !== asked || document.activeElement !== box) return;
    if (!answer?.ok) { show(false); return; }
    list.innerHTML = await answer.text();
    show(options().length > 0);
    choose(-1);
  };

  box.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 80); });
  box.addEventListener("focus", ask);
  box.addEventListener("blur", () => { asked += 1; show(false); });
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
  box.addEventListener("keydown", (event) => {
    if (!isOpen()) return;
    const count = options().length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(chosen < 0 && step < 0 ? count - 1 : (chosen + step + count) % count);
    } else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) {
      event.preventDefault();
      take(options()[chosen]);
    } else if (event.key === "Escape") {
      event.preventDefault();
      show(false);
    }
  });
})();
