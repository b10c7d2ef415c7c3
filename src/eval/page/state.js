// What is shown and marked; every view listens.

const data = JSON.parse($("data").textContent);
const programs = data.programs.map(p => new Program(p, data.lines));

const state = {
  program: programs[programs.length - 1],
  stage: -1,  // -1: kernels
  tab: "kernels",
  filter: "",
  selected: null,
  hovered: null,
  marked: null,
  near: null,  // what belongs to the selected thing, to the hovered one
};
const views = [];

/// Redraws: parts says what has changed (program, stage, tab, filter, selected, hovered).
function show(...parts) {
  const p = state.program;
  if (parts.includes("program") || parts.includes("selected"))
    state.marked = p.related(state.selected);
  if (parts.includes("program") || parts.includes("hovered")) state.near = p.related(state.hovered);
  for (const view of views) view(parts);
}

const same = (a, b) => (a ? !!b && a.kind === b.kind && a.id === b.id : !b);

function hover(ref) {
  if (same(ref, state.hovered)) return;
  state.hovered = ref;
  show("hovered");
}
function select(ref, {keep_address = false} = {}) {
  state.selected = ref;
  show("selected");
  if (!keep_address) write_address();
}

// The address: #kernel=3, #buffer=12, #node=conv1.weight, #line=train.cpp:42, with &program=,
// &stage=, &view=.
function address_of(ref) {
  const p = state.program;
  if (!ref) return [];
  if (ref.kind === "node") {
    const n = p.last.by_track.get(ref.id);
    return n ? ["node", n.name] : ["track", ref.id];
  }
  if (ref.kind === "line") return ["line", p.lines[ref.id].at];
  return [ref.kind, ref.id];
}
function write_address() {
  const parts = [];
  const [key, value] = address_of(state.selected);
  if (key) parts.push(`${key}=${encodeURIComponent(value)}`);
  if (programs.length > 1) parts.push(`program=${programs.indexOf(state.program)}`);
  if (state.stage >= 0) parts.push(`stage=${state.stage}`);
  if (state.tab !== "kernels") parts.push(`view=${state.tab}`);
  history.replaceState(null, "", "#" + parts.join("&"));
}
function read_address() {
  const given = new Map(location.hash.slice(1).split("&").filter(Boolean).map(part => {
    const at = part.indexOf("=");
    return [part.slice(0, at), decodeURIComponent(part.slice(at + 1))];
  }));
  const number = key => (given.has(key) ? Number(given.get(key)) : -1);
  state.program = programs[number("program")] || programs[programs.length - 1];
  const p = state.program;
  state.stage = p.stages[number("stage")] ? number("stage") : -1;
  state.tab = ["lines", "buffers"].includes(given.get("view")) ? given.get("view") : "kernels";
  let ref = null;
  if (p.kernels[number("kernel")]) ref = {kind: "kernel", id: number("kernel")};
  if (p.buffers[number("buffer")]) ref = {kind: "buffer", id: number("buffer")};
  if (given.has("track") && p.node(number("track"))) ref = {kind: "node", id: number("track")};
  const node = p.last.nodes.find(n => n.name === given.get("node"));
  if (node) ref = {kind: "node", id: node.track};
  const line = p.lines.findIndex(l => l.at === given.get("line"));
  if (line >= 0) ref = {kind: "line", id: line};
  state.selected = ref;
  show("program", "stage", "tab", "filter", "selected", "hovered");
}

// ---- The tooltip, beside the pointer. ----

function show_tip(event, lines) {
  const tip = $("tip");
  if (!lines) return void tip.classList.remove("on");
  tip.replaceChildren(...lines.filter(Boolean).map(
      (line, i) =>
          el("div",
             {class: i === 0    ? "t"
                  : line.source ? "s"
                                : ""},
             line.source || line)));
  tip.classList.add("on");
  const box = tip.getBoundingClientRect(), gap = 14;
  let x = event.clientX + gap, y = event.clientY + gap;
  if (x + box.width > innerWidth - 6) x = Math.max(6, event.clientX - gap - box.width);
  if (y + box.height > innerHeight - 6) y = Math.max(6, event.clientY - gap - box.height);
  tip.style.left = x + "px";
  tip.style.top = y + "px";
}

function line_tip(program, id) {
  const l = program.line_at(id);
  return l ? [{source: l.at + (l.text ? "   " + l.text : "")}] : [];
}
function kernel_tip(program, k) {
  const rates = program.timed
      ? `${ms_text(k.ms)} (${percent(k.cost / program.cost)}), ${per_ms(k.flops, k.ms)} GFLOP/s, ${
            per_ms(k.bytes, k.ms)} GB/s`
      : `${cost_text(program, k.cost)}, ${rough(k.flops)}FLOP, ${bytes_text(k.bytes)}`;
  return [`kernel ${k.index}: ${k.what}`, rates, k.how, ...line_tip(program, k.line)];
}
function node_tip(program, stage, n) {
  const by = program.kernels_of_track.get(n.track) || [];
  const change = n.change === "new" ? `made by ${stage.name}`
      : n.change === "rewired" ? `other inputs since ${stage.name}`
                               : "";
  return [
    `${program.text(n, stage)}`, n.type + (by.length ? `, in kernel ${by.join(", ")}` : ""), change,
    n.gone && "gone after the next pass", ...line_tip(program, n.line)
  ];
}
function buffer_tip(program, b) {
  const made = b.writers.length ? `kernel ${b.writers[0]}`
      : b.kind === "input" ? "the caller"
                           : "nobody";
  const read = b.readers.length ? `, read by ${plural(b.readers.length, "kernel")}` : "";
  return [
    `${b.name}: ${b.type}`,
    `${bytes_text(b.bytes)}${b.kind === "arena" ? ` at ${bytes_text(b.offset)}` : `, ${b.kind}`}${
        b.scratch ? ", scratch of a kernel" : ""}`,
    b.first >= 0 && `alive in launches ${b.first} to ${b.last}, written by ${made}${read}`,
    ...line_tip(program, b.line)
  ];
}
