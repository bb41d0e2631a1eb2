// What a page does with the tenant's events: numbers move, new rows wait behind a button, parts ask
// for themselves again, and a mark says whether all of this happens. The stream itself is opened
// and opened again by htmx's extension.
(() => {
  "use strict";
  const mark = document.getElementById("live");
  if (!mark) return;

  const EVENTS = {
    "counts.update": "counts", "execution.completed": "completed", "sync.progress": "progress",
    "notice": "notice", "reset": "reset", "open": "open",
  };
  // The server says something at least every 15 seconds; a line that is silent for longer is dead.
  const SILENCE = 40_000, STALE_AFTER = 20_000, LOOK_EVERY = 2_000;
  const format = new Intl.NumberFormat("en");
  const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hour12: false });
  let source = null, lastId = "", heardAt = Date.now(), waiting = 0, wasOpen = false;

  // --- The mark ---
  const show = (state, text) => {
    if (mark.dataset.state === state && !mark.hidden) return;
    mark.dataset.state = state;
    mark.textContent = text;
    mark.hidden = false;
  };
  const showLost = () => {
    if (Date.now() - heardAt < STALE_AFTER) show("reconnecting", "Reconnecting");
    else show("stale", `Stale since ${clock.format(heardAt)}`);
  };

  // --- The stream ---
  htmx.createEventSource = (url) => {
    // A browser brings the last id along only where it opens the stream again by itself.
    const opened = new EventSource(lastId ? `${url}?lastEventId=${encodeURIComponent(lastId)}` : url);
    source = opened;
    for (const name of [...Object.keys(EVENTS), "keep-alive"]) {
      opened.addEventListener(name, (event) => {
        // The browser's own "open" has no data.
        if (event.data === undefined) return;
        heardAt = Date.now();
        show("live", "Live");
        if (name === "keep-alive") return;
        lastId = event.lastEventId;
        take(EVENTS[name], JSON.parse(event.data));
      });
    }
    return opened;
  };
  document.addEventListener("htmx:sseOpen", () => {
    heardAt = Date.now();
    // A new stream tells what happens after its first event; one that goes on misses nothing.
    if (lastId) show("live", "Live");
  });
  document.addEventListener("htmx:sseError", showLost);
  setInterval(() => {
    if (source?.readyState === EventSource.OPEN && Date.now() - heardAt < SILENCE) return;
    showLost();
    if (source?.readyState !== EventSource.OPEN) return;
    source.close();
    source.onerror(new Event("error"));
  }, LOOK_EVERY);

  // --- What is told ---
  const take = (kind, data) => {
    if (kind === "open") {
      // What happened between the making of this page and now.
      if (wasOpen) kind = "reset";
      wasOpen = true;
    }
    if (kind === "counts") setCounts(data);
    if (kind === "completed") showNew(data.count);
    htmx.trigger(document.body, `live:${kind}`);
  };
  const setCounts = (data) => {
    const of = { last_day: data, today: data.today };
    for (const element of document.querySelectorAll("[data-count]")) {
      const [stretch, name] = element.dataset.count.split(".");
      element.textContent = format.format(of[stretch][name]);
    }
  };
  const showNew = (count) => {
    const button = document.getElementById("new-rows");
    if (!button) return;
    waiting += count;
    button.textContent = `${format.format(waiting)} new`;
    button.hidden = false;
  };
})();
