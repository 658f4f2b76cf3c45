// Sign-in, commands and their answers. The page asks; the agent decides, and says why when it refuses.

import { byId, duration, el, fill } from "./draw.js";

let csrf = null;
let mode = "off";
let nodes = [];

async function call(path, method, body) {
  const headers = { "Content-Type": "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  try {
    const answer = await fetch(path, { method, headers, body: method === "GET" ? undefined : JSON.stringify(body ?? {}) });
    const said = await answer.json();
    if (answer.status === 401 && csrf) await look();
    return { ok: answer.ok, said };
  } catch {
    return { ok: false, said: { error: "the agent does not answer" } };
  }
}

function say(text, bad) {
  byId("answer").textContent = text;
  byId("answer").className = bad ? "bad" : "good";
}

function show(session, focus) {
  mode = session.mode;
  csrf = session.signed_in ? session.csrf : null;
  byId("off").hidden = mode !== "off";
  byId("off").textContent = mode === "off" ? `Controls are off: ${session.reason}` : "";
  byId("sign-in").hidden = mode !== "password" || csrf !== null;
  byId("signed-in").hidden = csrf === null;
  byId("sign-out").hidden = mode !== "password";
  byId("leases").dataset.key = "";
  update(nodes);
  if (focus) (csrf ? byId("transfer").elements.sender : byId("password")).focus();
}

async function look() {
  const { ok, said } = await call("/session", "GET");
  if (!ok) return;
  if (said.mode === "local" && !said.signed_in) {
    const entered = await call("/session", "POST", {});
    show(entered.ok ? entered.said : said);
    return;
  }
  show(said);
}

async function command(path, body) {
  say("…");
  const { ok, said } = await call(`/control/${path}`, "POST", body);
  say(ok ? said.reason : `refused: ${said.reason ?? said.error}`, !ok);
}

function isRunning(from, to) {
  const [sender, receiver] = [from, to].map((uid) => nodes.find((node) => node.uid === uid));
  return sender?.state === "SUPPLYING" && receiver?.state === "RECEIVING" && sender.peer_uid === to;
}

function leaseLines() {
  const done = new Set();
  const lines = [];
  for (const node of nodes) {
    const { hold } = node;
    if (!hold || done.has(node.uid)) continue;
    const pair = hold.peer_uid !== null;
    const [from, to] = hold.action === "charge" ? [hold.peer_uid, node.uid] : [node.uid, hold.peer_uid];
    if (pair) done.add(hold.peer_uid);
    const what = pair ? `${from} → ${to}` : hold.action === "idle" ? `${node.uid} kept off` : `${node.uid}: ${hold.action}`;
    const left = Math.max(0, Math.ceil(hold.left_s / 60));
    const why = node.veto ? `; safety says no: ${node.reason}`
      : node.waiting_s ? `, begins in ${duration(node.waiting_s)}`
      : pair && isRunning(from, to) ? ", running" : "";
    const text = `${what}, ${hold.local ? "" : "by the cloud, "}${left} min left${why}`;
    lines.push({ uid: node.uid, text, ends: pair ? [from, to] : [node.uid], off: hold.action === "idle", local: hold.local, minutes: Math.max(1, left), veto: node.veto });
  }
  return lines;
}

function button(text, title, act, className) {
  const made = el("button", { text, title, class: className });
  made.type = "button";
  made.setAttribute("aria-label", title);
  made.addEventListener("click", act);
  return made;
}

function showLeases() {
  const lines = leaseLines();
  const list = byId("leases");
  const focused = list.contains(document.activeElement);
  fill(list, lines.map((line) => ({
    key: [line.ends, line.off, csrf !== null, line.local],
    make() {
      const item = el("li", {}, el("span", { class: "what" }));
      if (csrf !== null) {
        const names = line.ends.join(" and ");
        if (!line.off) item.append(button("Stop", `Stop: keep ${names} off`, () => command("stop", { nodes: line.ends, minutes: line.minutes }), "stop"));
        if (line.local) item.append(button("Release", `Release ${names}: the agent decides again`, () => command("release", { node: line.uid }), "plain"));
      }
      return item;
    },
  })));
  // The button under the focus may be gone: the next Tab goes on from here.
  if (focused && !list.contains(document.activeElement)) list.focus({ preventScroll: true });
  lines.forEach((line, n) => {
    const what = list.children[n].querySelector(".what");
    what.textContent = line.text;
    what.classList.toggle("bad", Boolean(line.veto));
  });
}

function choices(select, chosen) {
  const names = nodes.map((node) => node.uid);
  if (select.dataset.names === names.join()) return;
  select.dataset.names = names.join();
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  select.selectedIndex = Math.min(chosen, names.length - 1);
}

function veto(uid, action) {
  const node = nodes.find((one) => one.uid === uid);
  const why = node && (action === "charge" ? node.safety.charge_veto : action === "discharge" ? node.safety.discharge_veto : null);
  return why ? `${uid} may not ${action} now: ${why}` : "";
}

function notes() {
  const { sender, receiver } = byId("transfer").elements;
  const { node, action } = byId("hold").elements;
  const found = sender.value === receiver.value ? "choose two nodes"
    : veto(sender.value, "discharge") || veto(receiver.value, "charge");
  byId("transfer-note").textContent = found;
  byId("hold-note").textContent = veto(node.value, action.value);
}

/** With each frame. */
export function update(now) {
  nodes = now;
  if (!nodes.length) return;
  choices(byId("transfer").elements.sender, 0);
  choices(byId("transfer").elements.receiver, 1);
  choices(byId("hold").elements.node, 0);
  choices(byId("override").elements.node, 0);
  showLeases();
  notes();
}

function onSubmit(id, act) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act(event.target.elements);
  });
}

/** Once. */
export function start() {
  onSubmit("sign-in", async ({ password }) => {
    const { ok, said } = await call("/session", "POST", { password: password.value });
    password.value = "";
    say(ok ? "signed in" : said.error, !ok);
    if (ok) show(said, true);
  });
  onSubmit("transfer", (f) => command("transfer", { sender: f.sender.value, receiver: f.receiver.value, minutes: Number(f.minutes.value) }));
  onSubmit("hold", (f) => command("hold", { node: f.node.value, action: f.action.value, minutes: Number(f.minutes.value) }));
  onSubmit("override", (f) => command("override", { node: f.node.value, minutes: Number(f.minutes.value) }));
  for (const id of ["transfer", "hold"]) byId(id).addEventListener("change", notes);
  byId("stop-all").addEventListener("click", () => command("stop", { minutes: 30 }));
  byId("sign-out").addEventListener("click", async () => {
    await call("/session", "DELETE");
    say("signed out");
    await look();
  });
  look();
}
