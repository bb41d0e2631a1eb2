// What pages do beyond links and forms; each of them works without this file.
(() => {
  "use strict";

  // On a phone ways and tabs are strips: the one that is here is in sight.
  for (const here of document.querySelectorAll(":is(.nav, .tabs) [aria-current]")) {
    here.scrollIntoView({ block: "nearest", inline: "center" });
  }

  // --- Menus: one open at a time, closed by Escape and by a click elsewhere ---
  const openMenus = () => document.querySelectorAll("details.menu[open], details.popover[open]");

  document.addEventListener("click", (event) => {
    for (const menu of openMenus()) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("focusin", (event) => {
    for (const menu of openMenus()) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of openMenus()) {
      const held = menu.contains(document.activeElement);
      menu.open = false;
      if (held) menu.querySelector("summary").focus();
    }
  });

  // --- Colours: at once, and kept by the server for the next page ---
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-themes]");
    if (!form) return;
    event.preventDefault();
    const chosen = event.submitter.value;
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    for (const button of form.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button === event.submitter));
    }
    document.dispatchEvent(new Event("observatory:theme"));
    fetch(form.action, { method: "POST", body: new FormData(form, event.submitter), redirect: "manual" });
  });

  // --- Copying what stands somewhere ---
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    const said = button.lastChild.textContent;
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      button.lastChild.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.lastChild.textContent = "Selected";
    }
    setTimeout(() => { button.lastChild.textContent = said; }, 1500);
  });

  // --- Live parts: they ask again every few seconds, but not where nobody looks ---
  const isLive = (element) => element.hasAttribute("data-live");
  // Something in it is open, or a pointer is on a chart of it: it is being read.
  const isBeingRead = (element) =>
    element.querySelector("details[open], .plot:hover, tbody :checked, :is(input, textarea):focus") !== null;
  const isBeingSelected = (element) => {
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(element, true);
  };
  let scrolled = new Map();

  document.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    if (!isLive(element)) return;
    if (document.hidden || isBeingRead(element) || isBeingSelected(element)) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, elt, requestConfig } = event.detail;
    // Signed out meanwhile: the answer is another page, which is no part of this one.
    const answered = new URL(xhr.responseURL || location.href);
    const asked = new URL(requestConfig.path, location.href);
    if (answered.pathname !== asked.pathname) {
      event.detail.shouldSwap = false;
      const back = encodeURIComponent(location.pathname + location.search);
      location.assign(`${answered.pathname}?next=${back}`);
      return;
    }
    if (isLive(elt)) {
      scrolled = new Map();
      for (const box of elt.querySelectorAll(".scroll[id]")) scrolled.set(box.id, box.scrollLeft);
    }
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const [id, left] of scrolled) {
      const box = document.getElementById(id);
      if (box) box.scrollLeft = left;
    }
    scrolled = new Map();
  });

  // --- All rows of a page at once ---
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-tick-all]")) return;
    for (const box of event.target.form.querySelectorAll("tbody input[type=checkbox]")) box.checked = event.target.checked;
  });

  // --- Older rows: the keyboard goes on at the first of them ---
  document.addEventListener("htmx:beforeSwap", (event) => {
    const more = event.detail.target;
    if (more.id !== "more" || !more.contains(document.activeElement)) return;
    const last = more.previousElementSibling;
    document.addEventListener("htmx:afterSettle", () => {
      last.nextElementSibling?.querySelector("a")?.focus({ preventScroll: true });
    }, { once: true });
  });

  // --- Answers that did not come ---
  const say = (event) => {
    const { elt, target } = event.detail;
    if (elt.matches("a[href]")) location.assign(elt.href);
    else if (target?.id === "report") {
      const notice = document.createElement("p");
      notice.className = "notice error";
      notice.textContent = "Observatory did not answer; try again.";
      target.replaceChildren(notice);
    }
  };
  document.addEventListener("htmx:responseError", say);
  document.addEventListener("htmx:sendError", say);
})();
