// Memory over time: a box for each buffer of the arena, as long as it lives, as high as it is
// large.

const memory = new Surface($("memory").querySelector("canvas"), draw_memory);
const kLeft = 58, kTop = 34, kBottom = 20, kRight = 10;
let span = {from: 0, to: 1};  // launches that are shown

const in_arena = p => p.buffers.filter(b => b.kind === "arena" && b.first >= 0 && b.bytes > 0);
const launch_x = i =>
    kLeft + (i - span.from) / (span.to - span.from) * (memory.width - kLeft - kRight);
const launch_at = x =>
    span.from + (x - kLeft) / (memory.width - kLeft - kRight) * (span.to - span.from);
const offset_y = (p, at) =>
    memory.height - kBottom - at / (p.raw.arena_bytes || 1) * (memory.height - kTop - kBottom);
function box_of(p, b) {
  const x = launch_x(b.first), y = offset_y(p, b.offset + b.bytes);
  return {
    x,
    y,
    w: Math.max(launch_x(b.last + 1) - x, 1),
    h: Math.max(offset_y(p, b.offset) - y, 1)
  };
}

// A step of 1, 2 or 5 of a unit, about this large.
function nice(step) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(step, 1e-9)));
  return [1, 2, 5, 10].map(m => m * unit).find(s => s >= step);
}

function draw_axes(c, p, width, height) {
  c.font = `11px ${theme.sans}`;
  c.textBaseline = "middle";
  c.lineWidth = 1;
  const step = 2 ** Math.ceil(Math.log2(Math.max(p.raw.arena_bytes / 5, 1)));
  c.textAlign = "right";
  for (let at = 0; at <= p.raw.arena_bytes; at += step) {
    const y = Math.round(offset_y(p, at)) + 0.5;
    c.strokeStyle = theme.soft;
    c.beginPath();
    c.moveTo(kLeft, y);
    c.lineTo(width - kRight, y);
    c.stroke();
    c.fillStyle = theme.dim;
    c.fillText(at === 0 ? "0" : bytes_text(at), kLeft - 6, y);
  }
  const every = Math.max(1, Math.round(nice((span.to - span.from) / Math.max(2, width / 90))));
  c.textAlign = "center";
  for (let i = Math.ceil(span.from / every) * every; i < span.to && i < p.kernels.length;
       i += every)
    c.fillText(String(i), launch_x(i + 0.5), height - kBottom / 2 + 1);
}

// The bytes alive at each launch, above the boxes; their largest sum is marked.
function draw_live(c, p, width) {
  const most = p.live[p.peak] || 1, high = kTop - 10;
  c.beginPath();
  c.moveTo(launch_x(0), kTop - 4);
  p.live.forEach((bytes, i) => {
    const y = kTop - 4 - bytes / most * high;
    c.lineTo(launch_x(i), y);
    c.lineTo(launch_x(i + 1), y);
  });
  c.lineTo(launch_x(p.live.length), kTop - 4);
  c.fillStyle = with_alpha(theme.dim, 0.22);
  c.fill();
  const x = launch_x(p.peak + 0.5);
  if (x < kLeft || x > width - kRight) return;
  c.strokeStyle = c.fillStyle = theme.gone;
  c.setLineDash([3, 3]);
  c.beginPath();
  c.moveTo(x, 4);
  c.lineTo(x, memory.height - kBottom);
  c.stroke();
  c.setLineDash([]);
  const text = `peak ${bytes_text(most)}`, right = x + c.measureText(text).width + 8 < width;
  c.textAlign = right ? "left" : "right";
  c.fillText(text, x + (right ? 5 : -5), 10);
}

function draw_buffer(c, p, b, some) {
  const {x, y, w, h} = box_of(p, b);
  const on = state.marked.buffers.has(b.index), near = state.near.buffers.has(b.index);
  const kernel =
      state.selected && state.selected.kind === "kernel" ? p.kernels[state.selected.id] : null;
  const read = on && kernel && !kernel.written.includes(b.index);
  const color = b.scratch ? theme.copy : theme[b.color];
  c.fillStyle = with_alpha(
      color,
      on && !read      ? 1
          : on || near ? 0.6
          : some       ? 0.22
          : b.scratch  ? 0.35
                       : 0.55);
  c.fillRect(x, y, Math.max(w - 0.5, 0.5), Math.max(h - 0.5, 0.5));
  if (on || near) {
    c.strokeStyle = near ? theme.text : theme.accent;
    c.lineWidth = 2;
    c.strokeRect(x + 0.5, y + 0.5, Math.max(w - 1, 1), Math.max(h - 1, 1));
  }
  if (w > 34 && h > 12) {
    c.fillStyle = theme.text;
    c.font = `11px ${theme.mono}`;
    c.textAlign = "left";
    c.fillText(
        fitted(c, h > 26 ? b.name : `${b.name} ${b.type}`, w - 8), x + 4, y + Math.min(h / 2, 9));
    if (h > 26) {
      c.fillStyle = theme.dim;
      c.fillText(fitted(c, b.type, w - 8), x + 4, y + 21);
    }
  }
}

function draw_memory(c, width, height) {
  const p = state.program, all = in_arena(p);
  c.textBaseline = "middle";
  if (!all.length) {
    c.fillStyle = theme.dim;
    c.font = `13px ${theme.sans}`;
    c.fillText("No temporaries: every value is an input or an output.", 14, 24);
    return;
  }
  draw_axes(c, p, width, height);
  c.save();
  c.beginPath();
  c.rect(kLeft, 0, width - kLeft - kRight + 1, height);
  c.clip();
  for (const set of [state.marked.kernels, state.near.kernels]) {
    if (set.size > 12) continue;
    c.fillStyle = with_alpha(set === state.near.kernels ? theme.text : theme.accent, 0.1);
    for (const k of set)
      c.fillRect(
          launch_x(k), kTop - 4, Math.max(launch_x(k + 1) - launch_x(k), 2),
          height - kTop - kBottom + 4);
  }
  const some = state.marked.buffers.size > 0;
  for (const b of all) draw_buffer(c, p, b, some);
  draw_live(c, p, width);
  c.restore();
}

function limit_span(from, to) {
  const n = Math.max(state.program.kernels.length, 1),
        length = Math.min(Math.max(to - from, Math.min(4, n)), n);
  const begin = Math.min(Math.max(from, 0), n - length);
  span = {from: begin, to: begin + length};
  memory.redraw();
}
function thing_at(x, y) {
  const p = state.program;
  const b = in_arena(p)
                .filter(o => {
                  const r = box_of(p, o);
                  return x >= r.x && x < r.x + r.w && y >= r.y && y < r.y + r.h;
                })
                .pop();
  if (b) return {ref: {kind: "buffer", id: b.index}, tip: buffer_tip(p, b)};
  const k = p.kernels[Math.floor(launch_at(x))];
  if (!k || x < kLeft || x > memory.width - kRight || (y > kTop && y < memory.height - kBottom))
    return null;
  return {
    ref: {kind: "kernel", id: k.index},
    tip: [`launch ${k.index}: ${bytes_text(p.live[k.index])} alive`, k.what, ...line_tip(p, k.line)]
  };
}
memory.listen({
  move: (x, y, e) => {
    const found = in_arena(state.program).length ? thing_at(x, y) : null;
    memory.canvas.style.cursor = found ? "pointer" : "default";
    hover(found && found.ref);
    show_tip(e, found && found.tip);
  },
  drag: dx => {
    const by = -dx / (memory.width - kLeft - kRight) * (span.to - span.from);
    limit_span(span.from + by, span.to + by);
  },
  click: (x, y) => {
    const found = thing_at(x, y);
    select(found && found.ref);
  },
  leave: () => {
    hover(null);
    show_tip(null);
  },
  wheel: (x, y, e) => {
    const at = launch_at(x), f = Math.exp(Math.max(-120, Math.min(120, e.deltaY)) / 400);
    limit_span(at - (at - span.from) * f, at + (span.to - at) * f);
  },
});
memory.canvas.addEventListener("dblclick", () => limit_span(0, state.program.kernels.length));

views.push(parts => {
  const p = state.program;
  if (parts.includes("program")) {
    limit_span(0, p.kernels.length);
    const values = sum(in_arena(p), b => b.bytes);
    $("memory-note").textContent = in_arena(p).length
        ? `${bytes_text(p.raw.arena_bytes)} for ${bytes_text(values)} of values; ${
              bytes_text(p.live[p.peak])} alive at the peak, launch ${p.peak}`
        : "";
  }
  // What is selected comes into view when the view is zoomed.
  const b = state.selected && parts.includes("selected") && state.selected.kind === "buffer"
      ? p.buffers[state.selected.id]
      : null;
  const k = state.selected && parts.includes("selected") && state.selected.kind === "kernel"
      ? state.selected.id
      : b && b.first >= 0 ? b.first
                          : -1;
  if (k >= 0 && (k < span.from || k >= span.to))
    limit_span(k - (span.to - span.from) / 2, k + (span.to - span.from) / 2);
  memory.redraw();
});
