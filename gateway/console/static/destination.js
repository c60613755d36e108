// Draws what flowed to a destination; the page's tables say the same.

"use strict";

const EVERY_MS = 30000;
const HEIGHT = 220;
const DASHES = [[], [8, 4], [2, 3], [12, 3, 2, 3], [4, 8]];
const charts = document.querySelector("[data-flow]");

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Seconds as the tables write them: 12 ms, 3.4 s, 5 min.
function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function clock(at) {
  const time = { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: "Asia/Tokyo" };
  return new Date(at * 1000).toLocaleTimeString("ja-JP", time);
}

function columns(kind, lines, flow) {
  const source = kind === "throughput" ? flow : flow[kind];
  return [flow.at, ...lines.map((line) => source[line.name])];
}

function options(kind, lines, plot, readout) {
  const write = kind === "throughput" ? (value) => (value === null ? "–" : String(value)) : duration;
  const axis = { stroke: colour("--text"), grid: { stroke: colour("--faint") }, ticks: { stroke: colour("--faint") } };
  return {
    width: plot.clientWidth,
    height: HEIGHT,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Asia/Tokyo"),
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_, low, high) => [0, Math.max(high || 0, kind === "throughput" ? 1 : 0.01) * 1.1] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map(clock) },
      { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => (kind !== "throughput" || Number.isInteger(tick) ? write(tick) : "")) },
    ],
    series: [
      {},
      ...lines.map((line, place) => ({
        label: line.label,
        stroke: colour(`--series-${place + 1}`),
        dash: DASHES[place],
        width: 2,
        spanGaps: false,
        // A minute between two empty ones has no line.
        points: kind === "throughput" ? { size: 4 } : { show: true, size: 5 },
      })),
    ],
    hooks: {
      setCursor: [
        (chart) => {
          const place = chart.cursor.idx;
          readout.textContent = place === null || place === undefined
            ? "\u00a0"
            : [clock(chart.data[0][place]), ...lines.map((line, each) => `${line.label} ${write(chart.data[each + 1][place])}`)].join(" · ");
        },
      ],
    },
  };
}

class Chart {
  constructor(figure) {
    this.kind = figure.dataset.chart;
    this.plot = figure.querySelector(".plot");
    this.readout = figure.querySelector(".readout");
    this.lines = [...figure.querySelectorAll("[data-line]")].map((item) => ({
      name: item.dataset.line,
      label: item.textContent,
    }));
  }

  draw(flow) {
    const data = columns(this.kind, this.lines, flow);
    if (this.drawn) this.drawn.setData(data);
    else this.drawn = new uPlot(options(this.kind, this.lines, this.plot, this.readout), data, this.plot);
  }

  forget() {
    if (this.drawn) this.drawn.destroy();
    this.drawn = undefined;
  }

  fit() {
    if (this.drawn) this.drawn.setSize({ width: this.plot.clientWidth, height: HEIGHT });
  }
}

if (charts && window.uPlot) {
  const all = [...charts.querySelectorAll("[data-chart]")].map((figure) => new Chart(figure));
  let flow;

  const draw = () => all.forEach((chart) => chart.draw(flow));
  const load = async () => {
    if (document.hidden && flow) return;
    try {
      const answer = await fetch(charts.dataset.flow, { redirect: "error" });
      if (!answer.ok) return;
      flow = await answer.json();
      draw();
    } catch {
      // The next look may succeed; the page says by itself that it is not live.
    }
  };

  load();
  setInterval(load, EVERY_MS);
  document.addEventListener("visibilitychange", load);
  window.addEventListener("resize", () => all.forEach((chart) => chart.fit()));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    all.forEach((chart) => chart.forget());
    if (flow) draw();
  });
}
