// The status page: draws what the agent tells, and shows it as old when the agent falls silent.

import { draw as drawChart, valueAt } from "./chart.js";
import * as controls from "./controls.js";
import { byId, duration, el, fill, number } from "./draw.js";

const LOST_AFTER_MS = 12_000;
const CHART_EVERY_MS = 60_000;

let last = null; // the last frame
let lastAt = 0; // when it came, by this browser
let history = null;
let planSlots = []; // of the plan in force
let open = false;

const words = { SUPPLYING: "↑ supplying", RECEIVING: "↓ receiving", IDLE: "idle", FAULT: "fault" };

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

function bar(node) {
  const made = el("div", { class: "soc-bar" });
  if (node.soc_percent === null) return made;
  const filled = el("span");
  filled.style.width = `${node.soc_percent}%`;
  const low = Math.max(0, node.soc_percent - node.soc_band_percent);
  const high = Math.min(100, node.soc_percent + node.soc_band_percent);
  const band = el("i");
  band.style.left = `${low}%`;
  band.style.width = `${high - low}%`;
  made.append(filled, band);
  return made;
}

function nodeCard(node, elapsed) {
  const card = el("article", { class: node.fault ? "fault" : "" });
  card.dataset.uid = node.uid;
  const watts = node.power_mw === null ? null : node.power_mw / 1000;
  const parts = [
    el("h3", {}, el("span", { text: node.uid }), el("span", { class: `state ${node.state}`, text: words[node.state] ?? node.state })),
    el("div", { class: "soc" },
      el("span", { text: node.soc_percent === null ? "unknown" : `${number(node.soc_percent, 1)} %` }),
      node.soc_band_percent === null ? null : el("small", { text: `± ${number(node.soc_band_percent, 1)}` }),
      watts === null ? null : el("small", { class: "watts", text: `${number(watts, 2)} W` })),
    bar(node),
    el("div", { class: "values" },
      valueRow("V", node.voltage_mv === null ? "–" : `${number(node.voltage_mv / 1000, 3)} V`, node.values.voltage, elapsed),
      valueRow("I", node.current_ma === null ? "–" : `${number(node.current_ma / 1000, 3)} A`, node.values.current, elapsed),
      valueRow("T", node.temperature_c === null ? "–" : `${number(node.temperature_c, 1)} °C`, node.values.temperature, elapsed),
      el("div", { title: "position of the contacts" }, el("span", { text: "relay" }),
        el("b", { text: node.relay === "idle" ? "open" : node.relay }))),
    el("p", { text: `${node.by}: ${node.reason}${node.by === "manual" && node.peer_uid && !node.reason.includes(node.peer_uid) ? ` with ${node.peer_uid}` : ""}` }),
    node.veto ? el("p", { class: "veto", text: `refused: ${node.veto}` }) : null,
    node.fault ? el("p", { class: "fault-text", text: `fault: ${node.fault}` }) : null,
    el("p", { class: "quiet", text: `sent ${number(node.energy_sent_mwh / 1000, 2)} Wh, received ${number(node.energy_received_mwh / 1000, 2)} Wh` }),
  ];
  card.append(...parts.filter(Boolean));
  return card;
}

function safetyLines(nodes) {
  const lines = [];
  for (const { uid, safety, veto } of nodes) {
    for (const guard of safety.guards) {
      const forbids = guard.fault ? "fault: everything is off" : guard.charge && guard.discharge ? "no charge, no discharge" : guard.charge ? "no charge" : "no discharge";
      const back = guard.good_for_s === null ? "" : `, good again for ${duration(guard.good_for_s)}`;
      lines.push({ class: guard.fault ? "bad" : "warn", text: `${uid}: ${forbids}, for ${duration(guard.for_s)}. ${guard.reason}${back}` });
    }
    if (veto) lines.push({ class: "bad", text: `${uid}: refused now: ${veto}` });
    if (safety.override_left_s !== null) lines.push({ class: "warn", text: `${uid}: sensor guards set aside for another ${duration(safety.override_left_s)}` });
    for (const why of new Set([safety.charge_veto, safety.discharge_veto]))
      if (why && !safety.guards.some((guard) => guard.reason === why)) lines.push({ class: "warn", text: `${uid}: ${why}` });
  }
  return lines.length ? lines : [{ class: "good", text: "Every limit is kept: no guard is in force." }];
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
  fill(byId("safety"), safetyLines(last.nodes));
  byId("facts").replaceChildren(
    ...facts(last, elapsed).flatMap(([name, text, bad]) => [el("dt", { text: name }), el("dd", { class: bad ? "bad" : "", text })]));
  fill(byId("events"), last.events.length
    ? last.events.map((event) => ({ text: `${event.utc.slice(11, 19)} ${event.kind.replaceAll("_", " ")}${event.node_uid ? ` ${event.node_uid}` : ""}: ${event.reason}` }))
    : [{ class: "quiet", text: "none since the start" }]);
}

// -- charts

function drawHistory() {
  if (history === null || last === null) return;
  const to = Date.parse(last.utc);
  for (const node of last.nodes)
    (history.nodes[node.uid] ??= []).push([last.utc, node.soc_percent, node.power_mw === null ? null : node.power_mw / 1000]);
  // What was recorded fills the width: an agent of ten minutes does not show three empty hours.
  const firsts = Object.values(history.nodes).map((rows) => Date.parse(rows[0][0]));
  const from = Math.max(to - history.hours * 3600e3, Math.min(...firsts, to - 600e3));
  const names = last.nodes.map((node) => node.uid);
  const of = (column) => names.map((name, mark) => ({
    name,
    mark: mark % 8,
    gap: Math.max((to - from) / 60, 300e3),
    points: history.nodes[name].map((row) => [Date.parse(row[0]), row[column]]).filter(([at]) => at >= from),
  }));
  const soc = of(1);
  const power = of(2);
  const most = Math.max(1, ...power.flatMap((one) => one.points.map(([, value]) => Math.abs(value ?? 0)))) * 1.08;
  const say = (series, digits, unit) => (at) => series.map(({ name, points }) => `${name} ${number(valueAt(points, at), digits)} ${unit}`).join(", ");
  const label = (what, series, unit) => `${what} of each node over the last ${duration((to - from) / 1000)}; now ${series.map((one) => `${one.name} ${number(one.points.at(-1)[1], 1)} ${unit}`).join(", ")}`;
  drawChart(byId("soc-chart"), { from, to, label: label("State of charge", soc, "%"), say: say(soc, 1, "%"), panels: [{ height: 150, low: 0, high: 100, digits: 0, series: soc }] });
  drawChart(byId("power-chart"), { from, to, label: label("Power", power, "W"), say: say(power, 2, "W"), panels: [{ height: 110, low: -most, high: most, digits: most < 5 ? 1 : 0, series: power }] });
  legend("legend", last.nodes);
}

function legend(id, nodes) {
  fill(byId(id), nodes.map(({ uid }, mark) => ({ key: uid, make: () => el("span", { class: `key s${mark % 8}`, text: uid }) })));
}

function planWords({ plan, price }) {
  const slots = price?.forecast_slots ?? 0;
  if (!plan) return slots ? `A forecast of ${slots} slots has come; no plan was made of it yet.` : "No forecast of the price has come yet, so there is no plan.";
  const age = plan.age_s === null ? "" : `, ${duration(plan.age_s)} old`;
  if (plan.problem) return `No plan: ${plan.problem}`;
  if (!planSlots.length) return `No plan: ${plan.reason}. The nodes are balanced by their charge alone.`;
  const saving = plan.idle_cost - plan.cost;
  return `Above: price per kWh (${plan.source}${age}). Below: W of each node, up is sent, down is taken in. ${saving >= 0.0005 ? `By the plan the day costs ${number(plan.cost, 3)}, ${number(saving, 3)} less than doing nothing.` : "Doing nothing costs no more."}`;
}

function drawPlan() {
  if (last === null) return;
  byId("plan-words").textContent = planWords(last);
  const reasons = new Map();
  for (const [uid, { why }] of Object.entries(last.plan?.nodes ?? {})) if (why) reasons.set(why, [...(reasons.get(why) ?? []), uid]);
  fill(byId("plan-why"), [...reasons].map(([why, uids]) => ({ text: `${uids.join(", ")}: ${why}` })));
  const slots = planSlots.filter((slot) => slot.start);
  legend("plan-legend", slots.length ? last.nodes : []);
  if (!slots.length) {
    byId("plan").replaceChildren();
    return;
  }
  const starts = slots.map((slot) => Date.parse(slot.start));
  const length = starts.length > 1 ? starts[1] - starts[0] : 900e3;
  const from = starts[0];
  const to = starts.at(-1) + length;
  const price = [...slots.map((slot, n) => [starts[n], slot.buy]), [to, slots.at(-1).buy]];
  const values = slots.map((slot) => slot.buy);
  const [least, dearest] = [Math.min(...values), Math.max(...values)];
  const room = (dearest - least || 1) * 0.15;
  let most = 1;
  const series = last.nodes.map((node, mark) => ({ uid: node.uid, mark: mark % 8, bars: [] }));
  slots.forEach((slot, n) => {
    let up = 0, down = 0;
    for (const { uid, bars } of series) {
      const watts = slot.power_w[uid] ?? 0;
      if (Math.abs(watts) < 1e-9) continue;
      const low = watts > 0 ? up : down;
      bars.push({ from: starts[n], to: starts[n] + length, low, high: low + watts });
      if (watts > 0) up += watts; else down += watts;
    }
    most = Math.max(most, up, -down);
  });
  const say = (at) => {
    const slot = slots[Math.min(slots.length - 1, Math.max(0, Math.floor((at - from) / length)))];
    const busy = Object.entries(slot.power_w).filter(([, watts]) => Math.abs(watts) >= 0.005);
    const moves = busy.map(([uid, watts]) => `${uid} ${watts > 0 ? "sends" : "takes"} ${number(Math.abs(watts), 1)} W to ${number(slot.soc_percent[uid], 0)} %`);
    return `${number(slot.buy, 2)} per kWh; ${moves.length ? moves.join(", ") : "nothing moves"}`;
  };
  drawChart(byId("plan"), {
    from, to, say,
    label: `Price and planned power of each node over the next ${Math.round((to - from) / 3600e3)} hours; ${number(least, 2)} to ${number(dearest, 2)} per kWh`,
    panels: [
      { height: 80, low: least - room, high: dearest + room, digits: 1, series: [{ mark: "p", stepped: true, points: price }] },
      { height: 100, low: -most * 1.1, high: most * 1.1, digits: most < 8 ? 1 : 0, series },
    ],
  });
}

function drawCharts() {
  drawHistory();
  drawPlan();
}

async function refreshCharts() {
  const hours = Number(document.querySelector("#range input:checked").value);
  try {
    const answer = await fetch(`/history.json?hours=${hours}`);
    if (answer.ok) history = await answer.json();
  } catch { /* the banner already says that the agent is away */ }
  drawCharts();
}

let chartsAt = -Infinity;
const source = new EventSource("/events");
source.addEventListener("open", () => { open = true; draw(); });
source.addEventListener("error", () => { open = false; draw(); });
source.addEventListener("state", (event) => {
  last = JSON.parse(event.data);
  lastAt = performance.now();
  open = true;
  draw();
  controls.update(last.nodes);
  // While somebody reads a chart it stays as it is.
  if (lastAt - chartsAt > 3000 && !document.querySelector("svg:hover, svg:focus")) {
    chartsAt = lastAt;
    drawCharts();
  }
});
source.addEventListener("plan", (event) => {
  planSlots = JSON.parse(event.data);
  drawPlan();
});
byId("range").addEventListener("change", refreshCharts);
addEventListener("resize", drawCharts);
setInterval(draw, 1000);
setInterval(refreshCharts, CHART_EVERY_MS);
controls.start();
refreshCharts();
