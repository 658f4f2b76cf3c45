// The status page: draws what the agent tells, and shows it as old when the agent falls silent.
// Every text goes in as text (textContent), so nothing a device or a cloud says can become markup.

const LOST_AFTER_MS = 12_000;
const CHART_EVERY_MS = 60_000;
const byId = (id) => document.getElementById(id);

let last = null; // the last frame
let lastAt = 0; // when it came, by this browser
let charts = {};
let open = false;

function el(tag, options = {}, ...children) {
  const made = document.createElement(tag);
  if (options.class) made.className = options.class;
  if (options.text !== undefined) made.textContent = options.text;
  if (options.title) made.title = options.title;
  made.append(...children.filter(Boolean));
  return made;
}

const number = (value, digits) =>
  value === null || value === undefined ? "–" : value.toFixed(digits).replace("-", "−");

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "never";
  if (seconds < 1.95) return `${Math.max(seconds, 0).toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

function valueRow(label, text, value, elapsed) {
  const age = value.age_s === null ? null : value.age_s + elapsed;
  const stale = value.stale || (age !== null && age > 5);
  const row = el("div", { class: stale ? "stale" : "", title: `${value.quality}` });
  const note = value.quality === "good" && !stale ? duration(age)
    : value.quality === "missing" ? "no sensor or no answer"
    : `${stale && value.quality === "good" ? "stale" : value.quality}, ${duration(age)}`;
  row.append(el("span", { text: label }), el("b", { text }), el("span", { class: "age", text: note }));
  return row;
}

function chart(points) {
  const known = (points ?? []).filter(([, percent]) => percent !== null);
  if (known.length < 2) return null;
  const times = known.map(([utc]) => Date.parse(utc));
  const [from, to] = [times[0], times[times.length - 1]];
  const path = known
    .map(([, percent], n) => `${n ? "L" : "M"}${(((times[n] - from) / (to - from || 1)) * 100).toFixed(2)} ${(30 - percent * 0.3).toFixed(2)}`)
    .join("");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "state of charge over the last hours");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

function bar(node) {
  const made = el("div", { class: "bar" });
  if (node.soc_percent === null) return made;
  const fill = el("span");
  fill.style.width = `${node.soc_percent}%`;
  const low = Math.max(0, node.soc_percent - node.soc_band_percent);
  const high = Math.min(100, node.soc_percent + node.soc_band_percent);
  const band = el("i");
  band.style.left = `${low}%`;
  band.style.width = `${high - low}%`;
  made.append(fill, band);
  return made;
}

function nodeCard(node, elapsed) {
  const words = { SUPPLYING: "↑ supplying", RECEIVING: "↓ receiving", IDLE: "idle", FAULT: "fault" };
  const card = el("article", { class: node.fault ? "fault" : "" });
  card.dataset.uid = node.uid;
  const parts = [
    el("h3", {}, el("span", { text: node.uid }), el("span", { class: `state ${node.state}`, text: words[node.state] ?? node.state })),
    el("div", { class: "soc" },
      el("span", { text: node.soc_percent === null ? "unknown" : `${number(node.soc_percent, 1)} %` }),
      node.soc_band_percent === null ? null : el("small", { text: `± ${number(node.soc_band_percent, 1)}` })),
    bar(node),
    el("div", { class: "values" },
      valueRow("V", node.voltage_mv === null ? "–" : `${number(node.voltage_mv / 1000, 3)} V`, node.values.voltage, elapsed),
      valueRow("I", node.current_ma === null ? "–" : `${number(node.current_ma / 1000, 3)} A`, node.values.current, elapsed),
      valueRow("T", node.temperature_c === null ? "–" : `${number(node.temperature_c, 1)} °C`, node.values.temperature, elapsed),
      el("div", { title: "position of the contacts" }, el("span", { text: "relay" }),
        el("b", { text: node.relay === "idle" ? "open" : node.relay }))),
    el("p", { text: `${node.by}: ${node.reason}` }),
    node.veto ? el("p", { class: "veto", text: `refused: ${node.veto}` }) : null,
    node.fault ? el("p", { class: "fault-text", text: `fault: ${node.fault}` }) : null,
    el("p", { class: "quiet", text: `sent ${number(node.energy_sent_mwh / 1000, 2)} Wh, received ${number(node.energy_received_mwh / 1000, 2)} Wh` }),
    chart(charts[node.uid]),
  ];
  card.append(...parts.filter(Boolean));
  return card;
}

function facts(state, elapsed) {
  const { cloud, journal, price, health } = state;
  const rows = [];
  const ack = cloud.last_ack_age_s === null ? "no acknowledgement yet" : `last acknowledgement ${duration(cloud.last_ack_age_s + elapsed)} ago`;
  rows.push(["Cloud", `${cloud.up ? `connected (${cloud.kind})` : "not connected"}, ${cloud.enrolled ? "enrolled" : "not enrolled"}, ${ack}`, !cloud.up]);
  if (cloud.problem) rows.push(["", cloud.problem, true]);
  if (cloud.acks_refused) rows.push(["", `${cloud.acks_refused} acknowledgements with a wrong signature`, true]);
  if (journal) {
    const oldest = journal.oldest_age_s === null ? "nothing waits" : `oldest ${duration(journal.oldest_age_s + elapsed)}`;
    rows.push(["Journal", `${journal.energy} reports, ${journal.live} live, ${journal.backlog} late records wait; ${oldest}`, false]);
    if (journal.refused) rows.push(["", `${journal.refused} reports refused by the cloud`, true]);
    if (journal.thinned) rows.push(["", `${journal.thinned} telemetry records given up for room`, true]);
    if (journal.problem) rows.push(["", journal.problem, true]);
  }
  rows.push(price
    ? ["Price", `${number(price.price_xlm_per_kwh, 2)} XLM/kWh, ${duration(price.age_s + elapsed)} old`, price.age_s + elapsed > 3600]
    : ["Price", "none received", false]);
  rows.push(["Clock", state.clock_synced ? "set" : "not known to be right: commands of the cloud are refused", !state.clock_synced]);
  const ill = Object.entries(health.parts).filter(([, part]) => !part.ok);
  rows.push(["Health", ill.length ? ill.map(([name, part]) => `${name}: ${part.detail || `still for ${duration(part.age_s)}`}`).join("; ") : "all parts work", ill.length > 0]);
  rows.push(["Cycle", `turn ${state.turns}, ${duration(state.turn_age_s === null ? null : state.turn_age_s + elapsed)} ago; ${state.overruns} overruns`, false]);
  return rows;
}

function draw() {
  const silent = performance.now() - lastAt;
  const lost = last === null ? performance.now() > LOST_AFTER_MS : !open || silent > LOST_AFTER_MS;
  byId("lost").hidden = !lost;
  document.body.classList.toggle("lost", lost);
  if (last === null) return;
  const elapsed = silent / 1000;
  byId("device").textContent = last.device_id;
  document.title = `${last.device_id} · Lumengrid agent`;
  const moving = last.nodes.filter((node) => node.state === "SUPPLYING").length;
  byId("summary").textContent =
    `${last.nodes.length} nodes, ${moving ? `${moving} transfer${moving > 1 ? "s" : ""} running` : "nothing moves"}` +
    `, decided by ${last.decided_by ?? "nobody yet"}, ${last.utc.replace("T", " ").replace(/\.\d+Z$/, "Z")}`;
  byId("nodes").replaceChildren(...last.nodes.map((node) => nodeCard(node, elapsed)));
  byId("facts").replaceChildren(
    ...facts(last, elapsed).flatMap(([name, text, bad]) => [el("dt", { text: name }), el("dd", { class: bad ? "bad" : "", text })]));
  byId("events").replaceChildren(...(last.events.length
    ? last.events.map((event) => el("li", { text: `${event.utc.slice(11, 19)} ${event.kind.replaceAll("_", " ")} ${event.node_uid ?? ""}: ${event.reason}` }))
    : [el("li", { class: "quiet", text: "none since the start" })]));
}

async function refreshCharts() {
  try {
    const answer = await fetch("/history.json?hours=3");
    if (answer.ok) charts = (await answer.json()).nodes;
  } catch { /* the banner already says that the agent is away */ }
}

const source = new EventSource("/events");
source.addEventListener("open", () => { open = true; draw(); });
source.addEventListener("error", () => { open = false; draw(); });
source.addEventListener("state", (event) => {
  last = JSON.parse(event.data);
  lastAt = performance.now();
  open = true;
  draw();
});
setInterval(draw, 1000);
setInterval(refreshCharts, CHART_EVERY_MS);
refreshCharts().then(draw);
