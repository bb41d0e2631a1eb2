// Draws the charts that the server drew as SVG again with uPlot: axes, a tip under the pointer, and
// a brush that sets the range in the address. The numbers come with the page; without this file the
// SVG and the table below it say the same.
(() => {
  "use strict";
  const drawn = new Map();
  const HEIGHT = 192;
  // Where an axis of counts may have its marks: there is no half of a run.
  const WHOLE = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

  const token = (name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
  const written = (number) => number.toLocaleString("en");
  const moment = (seconds, zone) => new Intl.DateTimeFormat("en", {
    timeZone: zone, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  }).format(seconds * 1000);
  const duration = (ms) => {
    if (ms < 1000) return `${Math.round(ms)} ms`;
    for (const [below, unit, size] of [[6e4, "s", 1e3], [36e5, "min", 6e4], [864e5, "h", 36e5]]) {
      if (ms < below) return `${(ms / size).toFixed(1)} ${unit}`;
    }
    return `${(ms / 864e5).toFixed(1)} d`;
  };

  // --- The address of a range ---
  const narrowTo = (figure, from, to) => {
    const address = new URL(location.href);
    for (const name of ["time_range", "step", "cursor"]) address.searchParams.delete(name);
    address.searchParams.set(figure.dataset.from || "from", new Date(from * 1000).toISOString());
    address.searchParams.set(figure.dataset.to || "to", new Date(to * 1000).toISOString());
    location.assign(address);
  };
  const snap = (edges, from, to) => {
    const below = edges.filter((edge) => edge <= from).pop() ?? edges[0];
    const above = edges.find((edge) => edge >= to) ?? edges[edges.length - 1];
    return [below, above];
  };

  // --- What all charts share ---
  const tipOf = (plot) => {
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.hidden = true;
    plot.append(tip);
    return tip;
  };
  const place = (tip, u, left, top) => {
    const right = left > u.over.clientWidth / 2;
    tip.style.left = right ? "auto" : `${u.over.offsetLeft + left + 14}px`;
    tip.style.right = right ? `${u.root.clientWidth - u.over.offsetLeft - left + 14}px` : "auto";
    tip.style.top = `${Math.max(0, top - 20)}px`;
  };
  const lines = (tip, title, rows) => {
    const head = document.createElement("strong");
    head.textContent = title;
    const list = document.createElement("dl");
    for (const [key, name, value] of rows) {
      const term = document.createElement("dt");
      const swatch = document.createElement("span");
      swatch.className = `swatch is-${key}`;
      term.append(swatch, name);
      const detail = document.createElement("dd");
      detail.textContent = value;
      list.append(term, detail);
    }
    tip.replaceChildren(head, list);
  };
  // Hours as 14:00, and where a day begins its date.
  const hours = (u, marks, zone) => {
    const clock = new Intl.DateTimeFormat("en", { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const day = new Intl.DateTimeFormat("en", { timeZone: zone, month: "short", day: "numeric" });
    return marks.map((mark) => {
      const time = clock.format(mark * 1000);
      return time === "00:00" ? day.format(mark * 1000) : time;
    });
  };
  // Of a logarithmic scale: 1, 2 and 5 of each power of ten, and where that is too few, more.
  const round = (low, high) => {
    const within = (steps) => {
      const found = [];
      for (let size = 10 ** Math.floor(Math.log10(low)); size <= high; size *= 10) {
        for (const step of steps) if (size * step >= low && size * step <= high) found.push(size * step);
      }
      return found;
    };
    return [[1], [1, 3], [1, 2, 5], [1, 2, 3, 4, 5, 6, 8]].map(within).find((marks) => marks.length >= 3) ?? within([1, 2, 5]);
  };
  const axes = (colours, format, zone) => {
    const common = {
      stroke: colours.muted, font: "11px Inter, system-ui, sans-serif",
      grid: { stroke: colours.grid, width: 1 }, ticks: { show: false },
    };
    return [
      { ...common, grid: { show: false }, size: 24, gap: 6, space: 70, values: (u, marks) => hours(u, marks, zone) },
      { ...common, size: 52, gap: 6, space: 34, values: (u, marks) => marks.map((mark) => (mark === null ? "" : format(mark))) },
    ];
  };
  const options = (figure, edges, more) => ({
    width: figure.querySelector(".plot").clientWidth,
    height: HEIGHT,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), figure.dataset.zone || "UTC"),
    ...more,
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false }, ...more.cursor },
    hooks: {
      setSelect: [(u) => {
        if (u.select.width < 6) return;
        const from = u.posToVal(u.select.left, "x");
        const to = u.posToVal(u.select.left + u.select.width, "x");
        narrowTo(figure, ...snap(edges, from, to));
      }],
      ...more.hooks,
    },
  });

  // --- Runs by status ---
  const runs = (figure, data) => {
    const plot = figure.querySelector(".plot");
    const { edges, series } = data;
    const count = edges.length - 1;
    const colours = { muted: token("--muted"), grid: token("--grid"), none: token("--mark-none") };
    for (const one of series) colours[one.key] = token(`--mark-${one.key}`);
    const totals = Array.from({ length: count }, (_, i) =>
      (series[0].values[i] === null ? null : series.reduce((sum, one) => sum + one.values[i], 0)));
    const tip = tipOf(plot);
    const barAt = (seconds) => {
      for (let i = 0; i < count; i += 1) if (seconds >= edges[i] && seconds < edges[i + 1]) return i;
      return -1;
    };
    const draw = (u) => {
      const { ctx } = u;
      ctx.save();
      for (let i = 0; i < count; i += 1) {
        const x0 = u.valToPos(edges[i], "x", true);
        const x1 = u.valToPos(edges[i + 1], "x", true);
        const gap = Math.min(2 * devicePixelRatio, (x1 - x0) * 0.15);
        const [left, width] = [Math.round(x0 + gap / 2), Math.max(1, Math.round(x1 - x0 - gap))];
        if (totals[i] === null) {
          ctx.fillStyle = colours.none;
          ctx.fillRect(left, u.bbox.top, width, u.bbox.height);
          continue;
        }
        let below = 0;
        for (const one of series) {
          if (!one.values[i]) continue;
          const bottom = u.valToPos(below, "y", true);
          below += one.values[i];
          const top = Math.min(u.valToPos(below, "y", true), bottom - devicePixelRatio);
          ctx.fillStyle = colours[one.key];
          ctx.fillRect(left, top, width, bottom - top);
        }
      }
      ctx.restore();
    };
    const chart = new uPlot(options(figure, edges, {
      scales: {
        x: { time: true, range: [edges[0], edges[count]] },
        y: { range: (u, low, high) => [0, Math.max(high, 1) * 1.05] },
      },
      axes: axes(colours, written, figure.dataset.zone).map((axis, i) => (i ? { ...axis, incrs: WHOLE } : axis)),
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: {
        drawAxes: [draw],
        setCursor: [(u) => {
          const bar = u.cursor.left < 0 ? -1 : barAt(u.posToVal(u.cursor.left, "x"));
          tip.hidden = bar < 0;
          if (bar < 0) return;
          const zone = figure.dataset.zone;
          const rows = totals[bar] === null ? [["none", "Not seen", ""]]
            : [...series].reverse().filter((one) => one.values[bar])
              .map((one) => [one.key, one.name, written(one.values[bar])]);
          lines(tip, `${moment(edges[bar], zone)} – ${moment(edges[bar + 1], zone)}`,
            rows.length ? rows : [["none", "None", "0"]]);
          place(tip, u, u.cursor.left, 10);
        }],
      },
    }), [edges.slice(0, count), totals], plot);
    chart.over.addEventListener("click", (event) => {
      const list = figure.dataset.list;
      const bar = barAt(chart.posToVal(event.offsetX, "x"));
      if (!list || bar < 0 || chart.select.width >= 6) return;
      const address = new URL(list, location.href);
      address.searchParams.set("started_after", new Date(edges[bar] * 1000).toISOString());
      address.searchParams.set("started_before", new Date(edges[bar + 1] * 1000).toISOString());
      location.assign(address);
    });
    return chart;
  };

  // --- Durations: the median in a band up to the 95th percentile, and the slowest runs ---
  const durations = (figure, data) => {
    const plot = figure.querySelector(".plot");
    const { edges, p50, p95 } = data;
    const count = edges.length - 1;
    const colours = { muted: token("--muted"), grid: token("--grid"), line: token("--mark-line"), band: token("--mark-band") };
    for (const status of new Set(data.runs.map((run) => run.status))) colours[status] = token(`--mark-${status}`);
    const middle = edges.slice(0, count).map((edge, i) => (edge + edges[i + 1]) / 2);
    const known = [...p50, ...p95, ...data.runs.map((run) => run.ms)].filter((ms) => ms > 0);
    const [low, high] = [Math.max(1, Math.min(...known) * 0.7), Math.max(10, Math.max(...known) * 1.4)];
    const tip = tipOf(plot);
    let near = null;
    const dots = (u) => {
      const { ctx } = u;
      ctx.save();
      for (const run of data.runs) {
        ctx.beginPath();
        ctx.arc(u.valToPos(run.at, "x", true), u.valToPos(Math.max(run.ms, 1), "y", true), (run === near ? 5 : 3) * devicePixelRatio, 0, 2 * Math.PI);
        ctx.fillStyle = colours[run.status];
        ctx.fill();
      }
      ctx.restore();
    };
    const nearest = (u) => {
      let [found, best] = [null, 14];
      for (const run of data.runs) {
        const distance = Math.hypot(u.valToPos(run.at, "x") - u.cursor.left, u.valToPos(Math.max(run.ms, 1), "y") - u.cursor.top);
        if (distance < best) [found, best] = [run, distance];
      }
      return found;
    };
    const chart = new uPlot(options(figure, edges, {
      scales: {
        x: { time: true, range: [edges[0], edges[count]] },
        y: { distr: 3, range: [low, high] },
      },
      axes: axes(colours, duration, figure.dataset.zone).map((axis, i) => (i ? { ...axis, splits: () => round(low, high), filter: (u, marks) => marks } : axis)),
      series: [
        {},
        { stroke: "transparent", points: { show: false }, spanGaps: true },
        { stroke: colours.line, width: 1.5, points: { size: 4, fill: colours.line }, spanGaps: true },
      ],
      bands: [{ series: [1, 2], fill: colours.band }],
      hooks: {
        draw: [dots],
        setCursor: [(u) => {
          if (u.cursor.left < 0) { tip.hidden = true; near = null; return; }
          const was = near;
          near = nearest(u);
          if (was !== near) u.redraw(false);
          u.over.style.cursor = near ? "pointer" : "";
          const zone = figure.dataset.zone;
          const seconds = u.posToVal(u.cursor.left, "x");
          const place_ = Math.max(0, edges.findIndex((edge, i) => seconds >= edge && seconds < edges[i + 1]));
          tip.hidden = false;
          if (near) lines(tip, moment(near.at, zone), [[near.status, near.status, duration(near.ms)]]);
          else {
            lines(tip, `${moment(edges[place_], zone)} – ${moment(edges[place_ + 1], zone)}`, [
              ["band", "95th percentile", p95[place_] === null ? "–" : duration(p95[place_])],
              ["line", "Median", p50[place_] === null ? "–" : duration(p50[place_])],
            ]);
          }
          place(tip, u, u.cursor.left, u.cursor.top);
        }],
      },
    }), [middle, p95.map((ms) => ms && Math.max(ms, 1)), p50.map((ms) => ms && Math.max(ms, 1))], plot);
    chart.over.addEventListener("click", () => { if (near && chart.select.width < 6) location.assign(near.address); });
    return chart;
  };

  const KINDS = { runs, durations };

  const draw = (figure) => {
    const data = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const plot = figure.querySelector(".plot");
    drawn.get(figure)?.destroy();
    plot.replaceChildren();
    figure.classList.add("is-drawn");
    drawn.set(figure, KINDS[figure.dataset.chart](figure, data));
  };
  const drawAll = () => {
    for (const figure of drawn.keys()) if (!figure.isConnected) { drawn.get(figure).destroy(); drawn.delete(figure); }
    for (const figure of document.querySelectorAll("figure[data-chart]")) if (!drawn.has(figure)) draw(figure);
  };
  const again = () => { for (const figure of [...drawn.keys()]) draw(figure); };

  drawAll();
  document.addEventListener("htmx:afterSwap", drawAll);
  document.addEventListener("observatory:theme", again);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  new ResizeObserver(() => {
    for (const [figure, chart] of drawn) {
      const width = figure.querySelector(".plot").clientWidth;
      if (width && width !== chart.width) chart.setSize({ width, height: HEIGHT });
    }
  }).observe(document.getElementById("content"));
})();
