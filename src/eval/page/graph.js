// The graph: kernels with the nodes they fuse, or the nodes of one stage. Drawn on a canvas that
// can be moved and zoomed, with all of it small at the right edge.

const kRow = 15, kTitle = 19, kPad = 7, kMostRows = 14,
      kNear = 5;  // layers that a whole edge spans
const kFew = 12;  // users of a box whose edges decide where they lie
const kMap = 52;  // width of the overview
const graph = new Surface($("graph").querySelector("canvas"), draw_graph);
const layouts = new Map();
let view = {x: 0, y: 0, zoom: 1};

function stage_name(p, i) {
  const s = p.stages[i];
  if (i === p.stages.length - 1 && s.name === "prepared") return "scheduled";
  const nth = p.stages.slice(0, i + 1).filter(o => o.name === s.name).length;
  return p.stages.filter(o => o.name === s.name).length > 1 ? `${s.name} ${nth}` : s.name;
}

// ---- Boxes. ----

function kernel_boxes(p) {
  return p.kernels.map(k => {
    const rows = k.nodes.slice(0, k.nodes.length > kMostRows ? kMostRows - 1 : kMostRows)
                     .map(i => ({
                            track: p.last.nodes[i].track,
                            text: p.text(p.last.nodes[i]).replace(/ \{.*/, ""),
                            result: k.results.includes(i)
                          }));
    if (k.nodes.length > rows.length)
      rows.push({track: -1, text: `… ${k.nodes.length - rows.length} more`});
    const cost = p.weight === "work" ? "" : cost_text(p, k.cost);
    return {
      ref: {kind: "kernel", id: k.index},
      title: `${k.index}  ${k.label}`,
      side: cost,
      color: k.kind,
      rows,
      from: [...k.before].filter(b => b < k.index && p.kernels[b].after.size <= kFew),
      far: [...k.before].filter(b => b < k.index && p.kernels[b].after.size > kFew)
    };
  });
}
function node_boxes(p, stage) {
  const shown = stage.nodes.filter(n => !n.leaf || stage.outputs.has(n.index));
  const at = new Map(shown.map((n, i) => [n.index, i]));
  return shown.map(n => {
    const leaves = n.inputs.filter(i => !at.has(i)).map(i => stage.nodes[i]);
    const names = leaves.map(
        leaf => leaf.op === "constant" ? leaf.attrs.replace(/^ \{value=|\}$/g, "") : leaf.name);
    const inner = [...new Set(n.inputs)].filter(i => at.has(i));
    const many = inner.filter(i => stage.nodes[i].users.length > kFew);
    names.push(...many.map(i => "%" + stage.nodes[i].name));
    const rows = [{track: -1, text: `%${n.name} ${n.type}`}];
    if (names.length) rows.push({track: -1, text: "of " + names.join(", ")});
    const by = p.kernels_of_track.get(n.track), color = by ? p.kernels[by[0]].kind : "copy";
    return {
      ref: {kind: "node", id: n.track},
      title: n.op,
      side: by ? "k" + by.slice(0, 3).join(",") + (by.length > 3 ? "…" : "") : "",
      color,
      rows,
      from: inner.filter(i => stage.nodes[i].users.length <= kFew).map(i => at.get(i)),
      far: many.map(i => at.get(i)),
      node: n,
      leaves: leaves.map(leaf => leaf.track)
    };
  });
}

function layout_of(p, stage) {
  const key = `${programs.indexOf(p)} ${stage}`;
  if (layouts.has(key)) return layouts.get(key);
  const boxes = stage < 0 ? kernel_boxes(p) : node_boxes(p, p.stages[stage]);
  const c = graph.context;
  for (const b of boxes) {
    c.font = `600 12px ${theme.mono}`;
    const head = c.measureText(b.title).width + (b.side ? c.measureText(b.side).width + 16 : 0);
    c.font = `11px ${theme.mono}`;
    const body = Math.max(0, ...b.rows.map(r => c.measureText(r.text).width));
    b.w = Math.min(400, Math.max(90, head, body) + 2 * kPad + 4);
    b.h = kTitle + b.rows.length * kRow + 8;
  }
  const size = boxes.length ? lay_out(boxes) : {width: 1, height: 1};
  const of_kernel = new Map(), of_track = new Map();
  boxes.forEach((b, i) => {
    if (b.ref.kind === "kernel") {
      of_kernel.set(b.ref.id, i);
      for (const t of p.kernels[b.ref.id].tracks) of_track.set(t, i);
    } else
      of_track.set(b.ref.id, i);
  });
  const made = {boxes, ...size, of_kernel, of_track, view: null};
  layouts.set(key, made);
  return made;
}
const layout = () => layout_of(state.program, state.stage);

// ---- Drawing. ----

// A box whose node takes an input that is pointed at: inputs have no boxes of their own.
const takes = (set, b) => !!b.leaves && b.leaves.some(t => set.tracks.has(t));
const is_marked = (set, b) =>
    (b.ref.kind === "kernel" ? set.kernels.has(b.ref.id) : set.tracks.has(b.ref.id));

function draw_edge(c, a, b, color, width) {
  const x0 = a.x + a.w / 2, y0 = a.y + a.h, x1 = b.x + b.w / 2, y1 = b.y;
  const bend = Math.min(60, Math.max(16, Math.abs(y1 - y0) / 2));
  c.strokeStyle = c.fillStyle = color;
  c.lineWidth = width;
  c.beginPath();
  c.moveTo(x0, y0);
  c.bezierCurveTo(x0, y0 + bend, x1, y1 - bend, x1, y1 - 3);
  c.stroke();
  c.beginPath();
  c.moveTo(x1, y1);
  c.lineTo(x1 - 3.5, y1 - 6);
  c.lineTo(x1 + 3.5, y1 - 6);
  c.fill();
}
// Of an edge over many layers only its ends, unless it is asked for.
function draw_stub(c, a, b, color) {
  c.strokeStyle = color;
  c.lineWidth = 1;
  c.setLineDash([2, 3]);
  c.beginPath();
  c.moveTo(a.x + a.w / 2 + 8, a.y + a.h);
  c.lineTo(a.x + a.w / 2 + 14, a.y + a.h + 9);
  c.moveTo(b.x + b.w / 2 - 8, b.y);
  c.lineTo(b.x + b.w / 2 - 14, b.y - 9);
  c.stroke();
  c.setLineDash([]);
}

function draw_edges(c, l, top, bottom) {
  const strong = [];
  for (const b of l.boxes) {
    for (const f of [...b.from, ...b.far]) {
      const a = l.boxes[f];
      const asked = is_marked(state.near, b) || is_marked(state.near, a) ||
          is_marked(state.marked, a) || is_marked(state.marked, b);
      if (asked) {
        strong.push([a, b]);
        continue;
      }
      if (Math.max(a.y + a.h, b.y) < top - 60 || Math.min(a.y + a.h, b.y) > bottom + 60) continue;
      if (b.layer - a.layer > kNear || b.far.includes(f))
        draw_stub(c, a, b, theme.faint);
      else
        draw_edge(c, a, b, with_alpha(theme.faint, 0.75), 1);
    }
  }
  for (const [a, b] of strong) draw_edge(c, a, b, theme.accent, 1.5);
}

function border_of(b) {
  if (b.node && b.node.gone) return [theme.gone, [4, 3]];
  if (b.node && b.node.change) return [theme[b.node.change], []];
  return [theme.line, []];
}

function draw_box(c, b, detailed) {
  const on = is_marked(state.marked, b) || takes(state.marked, b);
  const near = is_marked(state.near, b) || takes(state.near, b);
  const [border, dash] = border_of(b), changed = border !== theme.line;
  round_box(c, b.x, b.y, b.w, b.h, 6);
  c.fillStyle = on ? theme["accent-soft"] : theme.pane;
  c.fill();
  c.save();
  c.clip();
  c.fillStyle = with_alpha(theme[b.color], near ? 0.34 : 0.2);
  c.fillRect(b.x, b.y, b.w, kTitle + 2);
  c.fillStyle = theme[b.color];
  c.fillRect(b.x, b.y, 4, b.h);
  c.restore();
  round_box(c, b.x, b.y, b.w, b.h, 6);
  c.setLineDash(dash);
  c.strokeStyle = on ? theme.accent : near ? theme.text : border;
  c.lineWidth = (on || near || changed ? 2 : 1) / Math.min(1, Math.max(view.zoom, 0.35));
  c.stroke();
  c.setLineDash([]);
  if (detailed) draw_texts(c, b);
}

function draw_texts(c, b) {
  c.textBaseline = "middle";
  c.textAlign = "left";
  c.font = `600 12px ${theme.mono}`;
  const side = b.side ? c.measureText(b.side).width + 10 : 0;
  c.fillStyle = theme.text;
  c.fillText(fitted(c, b.title, b.w - 2 * kPad - side), b.x + kPad + 3, b.y + kTitle / 2 + 1.5);
  if (b.side) {
    c.font = `11px ${theme.mono}`;
    c.fillStyle = theme.dim;
    c.textAlign = "right";
    c.fillText(b.side, b.x + b.w - kPad, b.y + kTitle / 2 + 1.5);
    c.textAlign = "left";
  }
  b.rows.forEach((row, i) => {
    const y = b.y + kTitle + 4 + i * kRow;
    const near = row.track >= 0 && b.ref.kind === "kernel" && state.near.tracks.has(row.track) &&
        same(state.hovered, {kind: "node", id: row.track});
    const on = row.track >= 0 && b.ref.kind === "kernel" && state.selected &&
        state.selected.kind !== "kernel" && state.marked.tracks.has(row.track);
    if (near || on) {
      c.fillStyle = on ? with_alpha(theme.accent, 0.25) : theme.hover;
      c.fillRect(b.x + 5, y, b.w - 7, kRow);
    }
    c.font = `${row.result ? 600 : 400} 11px ${theme.mono}`;
    c.fillStyle = row.track < 0 ? theme.dim : theme.text;
    c.fillText(fitted(c, row.text, b.w - 2 * kPad - 4), b.x + kPad + 3, y + kRow / 2 + 0.5);
  });
}

function draw_graph(c, width, height) {
  const l = layout();
  const top = -view.y / view.zoom, bottom = (height - view.y) / view.zoom,
        left = -view.x / view.zoom, right = (width - view.x) / view.zoom;
  c.save();
  c.translate(view.x, view.y);
  c.scale(view.zoom, view.zoom);
  draw_edges(c, l, top, bottom);
  for (const b of l.boxes)
    if (b.y + b.h > top && b.y < bottom && b.x + b.w > left && b.x < right)
      draw_box(c, b, view.zoom > 0.38);
  c.restore();
  draw_map(c, l, width, height);
}

function map_scale(l, height) {
  const scale = Math.min((kMap - 8) / l.width, (height - 16) / l.height);
  // A long thin graph is drawn wider than it is.
  return {y: scale, x: Math.min((kMap - 8) / l.width, Math.max(scale, 4 / 100))};
}
function draw_map(c, l, width, height) {
  const scale = map_scale(l, height), x0 = width - kMap + 4, y0 = 8;
  c.fillStyle = with_alpha(theme.bg, 0.92);
  c.fillRect(width - kMap, 0, kMap, height);
  for (const b of l.boxes) {
    const on = is_marked(state.marked, b) || takes(state.marked, b);
    const near = is_marked(state.near, b) || takes(state.near, b);
    c.fillStyle = on              ? theme.accent
        : near                    ? theme.text
        : b.node && b.node.change ? theme[b.node.change]
        : b.node && b.node.gone   ? theme.gone
                                  : theme[b.color];
    const w = Math.max(b.w * scale.x, on || near ? 8 : 2),
          h = Math.max(b.h * scale.y, on || near ? 3 : 1);
    c.fillRect(x0 + b.x * scale.x, y0 + b.y * scale.y, w, h);
  }
  c.strokeStyle = theme.dim;
  c.lineWidth = 1;
  const clamp = (v, low, high) => Math.min(high, Math.max(low, v));
  const top = clamp(y0 - view.y / view.zoom * scale.y, 2, height - 4),
        bottom = clamp(y0 + (height - view.y) / view.zoom * scale.y, top + 4, height - 2);
  c.strokeRect(width - kMap + 1.5, top, kMap - 3, bottom - top);
}

// ---- Moving. ----

let moving = 0;
function go_to(target, at_once) {
  cancelAnimationFrame(moving);
  if (at_once || matchMedia("(prefers-reduced-motion: reduce)").matches) {
    view = target;
    return graph.redraw();
  }
  const start = {...view}, begin = performance.now();
  const step = now => {
    const t = Math.min(1, (now - begin) / 180), s = t * (2 - t);
    for (const key of ["x", "y", "zoom"]) view[key] = start[key] + (target[key] - start[key]) * s;
    graph.redraw();
    if (t < 1) moving = requestAnimationFrame(step);
  };
  moving = requestAnimationFrame(step);
}
function fit(at_once) {
  const l = layout(), w = graph.canvas.clientWidth - kMap, h = graph.canvas.clientHeight;
  const zoom = Math.min(1.2, (w - 24) / l.width, (h - 24) / l.height);
  go_to({zoom, x: (w - l.width * zoom) / 2, y: Math.max(12, (h - l.height * zoom) / 2)}, at_once);
}
// All of it where it can be read; else its beginning.
function begin() {
  const l = layout(), w = graph.canvas.clientWidth - kMap, h = graph.canvas.clientHeight;
  if (Math.min((w - 24) / l.width, (h - 24) / l.height) > 0.55) return fit(true);
  const zoom = Math.min(0.95, Math.max(0.75, (w - 24) / l.width));
  const first = l.boxes.reduce((a, b) => (b.to.length && b.y < a.y ? b : a));
  const middle = first.x + first.w / 2;
  go_to({zoom, x: w / 2 - middle * zoom, y: 14}, true);
}
function zoom_at(x, y, factor) {
  const zoom = Math.min(3, Math.max(0.02, view.zoom * factor)), f = zoom / view.zoom;
  cancelAnimationFrame(moving);
  view = {zoom, x: x - (x - view.x) * f, y: y - (y - view.y) * f};
  graph.redraw();
}
// Brings boxes into view, unless they are.
function reveal(boxes) {
  if (!boxes.length) return;
  const w = graph.canvas.clientWidth - kMap, h = graph.canvas.clientHeight;
  const left = Math.min(...boxes.map(b => b.x)), right = Math.max(...boxes.map(b => b.x + b.w)),
        top = Math.min(...boxes.map(b => b.y)), bottom = Math.max(...boxes.map(b => b.y + b.h));
  const zoom = Math.max(view.zoom, 0.6);
  const inside = zoom === view.zoom && left * zoom + view.x >= 0 && right * zoom + view.x <= w &&
      top * zoom + view.y >= 0 && bottom * zoom + view.y <= h;
  if (inside) return;
  const b = boxes[0], whole = (bottom - top) * zoom < h - 20 && (right - left) * zoom < w - 20;
  const [x, y] = whole ? [(left + right) / 2, (top + bottom) / 2] : [b.x + b.w / 2, b.y + b.h / 2];
  go_to({zoom, x: w / 2 - x * zoom, y: h / 2 - y * zoom});
}
function marked_boxes() {
  const l = layout(), s = state.selected;
  if (!s) return [];
  if (state.stage < 0) {
    const made =
        s.kind === "buffer" ? state.program.buffers[s.id].writers : [...state.marked.kernels];
    return made.map(k => l.boxes[l.of_kernel.get(k)]).filter(Boolean);
  }
  const boxes = [...state.marked.tracks].map(t => l.boxes[l.of_track.get(t)]).filter(Boolean);
  return boxes.length ? boxes : l.boxes.filter(b => takes(state.marked, b)).slice(0, 1);
}

// ---- Pointing. ----

function box_at(x, y) {
  const gx = (x - view.x) / view.zoom, gy = (y - view.y) / view.zoom;
  const b = layout().boxes.find(o => gx >= o.x && gx <= o.x + o.w && gy >= o.y && gy <= o.y + o.h);
  if (!b) return null;
  const row = b.rows[Math.floor((gy - b.y - kTitle - 4) / kRow)];
  return {
    b,
    ref: row && row.track >= 0 && view.zoom > 0.38 ? {kind: "node", id: row.track} : b.ref
  };
}
function go_on_map(y) {
  const l = layout(), scale = map_scale(l, graph.height);
  go_to({...view, y: graph.height / 2 - (y - 8) / scale.y * view.zoom}, true);
}
const on_map = x => x > graph.width - kMap;
graph.listen({
  move: (x, y, e) => {
    const found = on_map(x) ? null : box_at(x, y);
    graph.canvas.style.cursor = found || on_map(x) ? "pointer" : "grab";
    hover(found && found.ref);
    const p = state.program, stage = state.stage < 0 ? p.last : p.stages[state.stage];
    show_tip(
        e,
        found &&
            (found.ref.kind === "kernel" ? kernel_tip(p, p.kernels[found.ref.id])
                                         : node_tip(p, stage, stage.by_track.get(found.ref.id))));
  },
  drag: (dx, dy, x, y) => {
    if (on_map(x)) return go_on_map(y);
    show_tip(null);
    go_to({...view, x: view.x + dx, y: view.y + dy}, true);
  },
  click: (x, y) => {
    if (on_map(x)) return go_on_map(y);
    const found = box_at(x, y);
    select(found ? found.ref : null);
  },
  leave: () => {
    hover(null);
    show_tip(null);
  },
  wheel: (x, y, e) => zoom_at(x, y, Math.exp(-Math.max(-120, Math.min(120, e.deltaY)) / 400)),
});
$("zoom-in").onclick = () => zoom_at(graph.width / 2, graph.height / 2, 1.35);
$("zoom-out").onclick = () => zoom_at(graph.width / 2, graph.height / 2, 1 / 1.35);
$("zoom-fit").onclick = () => fit();

// ---- Stages. ----

function draw_stages() {
  const p = state.program;
  const button = (i, name, ...rest) =>
      el("button", {
        class: i === state.stage ? "on" : "",
        onclick: () => {
          state.stage = i;
          show("stage");
          write_address();
        }
      },
         name, ...rest);
  $("stages").replaceChildren(
      button(-1, "Kernels", el("small", {}, String(p.kernels.length))), ...p.stages.map((s, i) => {
        const change = i > 0 && s.added + s.removed > 0 ? [s.added > 0 && el("span", { class: "plus" }, ` +${s.added}`), s.removed > 0 && el("span", { class: "minus" }, ` −${s.removed}`)] : [];
        return button(i, stage_name(p, i), el("small", {}, String(s.nodes.length), change));
      }));
  const on = $("stages").querySelector(".on");
  if (on) $("stages").scrollLeft = on.offsetLeft - $("stages").offsetLeft - 120;
}

let change_at = -1;
function changed_boxes() {
  return layout().boxes.filter(b => b.node && (b.node.change || b.node.gone));
}
function next_change() {
  const all = changed_boxes().sort((a, b) => a.y - b.y || a.x - b.x);
  if (!all.length) return;
  change_at = (change_at + 1) % all.length;
  select(all[change_at].ref);
}
function draw_changes() {
  const p = state.program, s = p.stages[state.stage];
  if (!s) return void $("changes").replaceChildren();
  const count = what => s.nodes.filter(n => n.change === what).length,
        gone = s.nodes.filter(n => n.gone).length;
  const next = p.stages[state.stage + 1];
  const parts = [];
  if (count("new")) parts.push(el("b", {class: "new"}, `${count("new")} new`), "  ");
  if (count("rewired"))
    parts.push(el("b", {class: "rewired"}, `${count("rewired")} with other inputs`), "  ");
  if (gone)
    parts.push(el(
        "b", {class: "gone"}, `${gone} gone after ${next ? stage_name(p, state.stage + 1) : ""}`));
  $("changes").replaceChildren(
      ...parts,
      parts.length && changed_boxes().length
          ? el("button", {onclick: next_change, title: "The next change (n)"}, "Next")
          : "");
}

let fitted_to = "";
views.push(parts => {
  if (parts.includes("program") || parts.includes("stage")) {
    draw_stages();
    draw_changes();
    change_at = -1;
    const key = `${programs.indexOf(state.program)} ${state.stage}`;
    if (key !== fitted_to && graph.canvas.clientWidth > 0) {
      begin();
      fitted_to = key;
    }
  }
  if (["selected", "stage", "program"].some(x => parts.includes(x))) reveal(marked_boxes());
  graph.redraw();
});
