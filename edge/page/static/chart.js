// Line charts over time, drawn as SVG at the size they are shown, with a reading line for pointer and arrow keys.

import { el, number } from "./draw.js";

const NS = "http://www.w3.org/2000/svg";
const LEFT = 40, RIGHT = 8, TOP = 14, BOTTOM = 22;

export function svg(tag, attributes, ...children) {
  const made = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const clock = (at, long) =>
  new Date(at).toLocaleString([], long ? { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function steps(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) found.push(Math.abs(at) < step / 1e6 ? 0 : at);
  return found;
}

/**
 * panels: [{height, low, high, digits, series: [{name, mark, points: [[ms, value|null]], stepped, bars}]}]
 * say(ms) gives the words for one moment.
 */
export function draw(holder, { from, to, panels, label, say }) {
  const width = Math.max(280, holder.clientWidth);
  const inner = width - LEFT - RIGHT;
  const x = (at) => LEFT + ((at - from) / (to - from)) * inner;
  const height = panels.reduce((sum, panel) => sum + panel.height + TOP, 0) + BOTTOM;
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, tabindex: "0" });
  let top = TOP;
  for (const panel of panels) {
    panelInto(root, panel, top, x, width);
    top += panel.height + TOP;
  }
  const long = to - from > 30 * 3600e3;
  const wanted = Math.max(2, Math.floor(inner / 60));
  const unit = [120e3, 300e3, 900e3, 1800e3, 3600e3, 7200e3, 10800e3, 21600e3, 43200e3, 86400e3].find((n) => (to - from) / n <= wanted) ?? 172800e3;
  const zone = new Date(from).getTimezoneOffset() * 60e3;
  for (let at = Math.ceil((from - zone) / unit) * unit + zone; at <= to; at += unit) {
    root.append(svg("line", { class: "grid", x1: x(at), x2: x(at), y1: TOP, y2: height - BOTTOM }));
    const text = svg("text", { class: "tick", x: Math.min(Math.max(x(at), LEFT), width - 24), y: height - 6, "text-anchor": "middle" });
    text.textContent = clock(at, long);
    root.append(text);
  }
  const line = svg("line", { class: "cursor", y1: TOP, y2: height - BOTTOM, visibility: "hidden" });
  root.append(line);
  const words = el("p", { class: "reading", text: "\u00a0" });
  let at = null;
  const show = (moment) => {
    at = Math.min(to, Math.max(from, moment));
    line.setAttribute("x1", x(at));
    line.setAttribute("x2", x(at));
    line.setAttribute("visibility", "visible");
    words.textContent = `${clock(at, long)}: ${say(at)}`;
  };
  root.addEventListener("pointermove", (event) => {
    const box = root.getBoundingClientRect();
    show(from + (((event.clientX - box.left) * (width / box.width) - LEFT) / inner) * (to - from));
  });
  root.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show((at ?? (step < 0 ? to : from)) + (step * (to - from)) / 48);
    words.setAttribute("aria-live", "polite");
  });
  const had = holder.contains(document.activeElement);
  holder.replaceChildren(root, words);
  if (had) root.focus({ preventScroll: true });
}

function panelInto(root, panel, top, x, width) {
  const { low, high } = panel;
  const y = (value) => top + (1 - (value - low) / (high - low)) * panel.height;
  for (const value of steps(low, high, Math.max(3, Math.floor(panel.height / 21)))) {
    root.append(svg("line", { class: value === 0 && low < 0 ? "zero" : "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
    const text = svg("text", { class: "tick", x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" });
    text.textContent = number(value, panel.digits);
    root.append(text);
  }
  for (const series of panel.series) {
    if (series.bars) {
      for (const { from, to, low: base, high: end } of series.bars)
        root.append(svg("rect", { class: `bar s${series.mark}`, x: x(from) + 0.5, width: Math.max(1, x(to) - x(from) - 1), y: y(Math.max(base, end)), height: Math.max(0.5, Math.abs(y(base) - y(end))) }));
      continue;
    }
    let path = "", pen = false, before = 0;
    for (const [at, value] of series.points) {
      if (value === null) { pen = false; continue; }
      // A gap in the record stays a gap in the line.
      if (pen && series.gap && at - before > series.gap) pen = false;
      const [px, py] = [x(at).toFixed(1), y(value).toFixed(1)];
      path += pen ? (series.stepped ? `H${px}V${py}` : `L${px} ${py}`) : `M${px} ${py}`;
      pen = true;
      before = at;
    }
    if (path) root.append(svg("path", { class: `line s${series.mark}`, d: path }));
  }
}

/** The value of a series at a moment: the nearest point, or the one that began last where it is stepped. */
export function valueAt(points, at, stepped) {
  let best = null;
  for (const point of points) {
    if (stepped ? point[0] <= at : best === null || Math.abs(point[0] - at) < Math.abs(best[0] - at)) best = point;
  }
  return best === null ? null : best[1];
}
