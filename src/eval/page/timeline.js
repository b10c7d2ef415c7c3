// All kernels in order, each as wide as the time it takes.

const timeline = new Surface($("timeline").querySelector("canvas"), draw_timeline);
let spans = [];  // [left, right] of each kernel, in pixels

function lay_spans(p, width) {
  let at = 0;
  spans = p.kernels.map(k => {
    const left = at;
    at += k.cost / p.cost * width;
    return [left, at];
  });
}

function draw_timeline(c, width, height) {
  const p = state.program;
  lay_spans(p, width);
  c.font = `600 11px ${theme.mono}`;
  c.textBaseline = "middle";
  const marked = state.marked.kernels, some = marked.size > 0;
  for (const k of p.kernels) {
    const [left, right] = spans[k.index],
                 w = Math.max(right - left - (right - left > 3 ? 1 : 0), 0.3);
    const on = marked.has(k.index), near = state.near.kernels.has(k.index);
    c.fillStyle = some && !on && !near ? with_alpha(theme[k.kind], 0.45) : theme[k.kind];
    c.fillRect(left, 4, w, height - 8);
    if (near || on) {
      c.fillStyle = near ? theme.text : theme.accent;
      c.fillRect(left, height - 3, Math.max(w, 2), 3);
      c.fillRect(left, 0, Math.max(w, 2), 3);
    }
    if (w > 22) {
      c.fillStyle = some && !on && !near ? theme.dim : theme.pane;
      const text = w > 90 ? `${k.index} ${k.label}` : String(k.index);
      c.fillText(fitted(c, text, w - 8), left + 4, height / 2 + 0.5);
    }
  }
}

function kernel_at(x) {
  const at = spans.findIndex(([left, right]) => x >= left && x < Math.max(right, left + 1));
  return at < 0 ? null : state.program.kernels[at];
}
timeline.listen({
  move: (x, y, e) => {
    const k = kernel_at(x);
    hover(k && {kind: "kernel", id: k.index});
    show_tip(e, k && kernel_tip(state.program, k));
  },
  click: x => {
    const k = kernel_at(x);
    if (k) select({kind: "kernel", id: k.index});
  },
  leave: () => {
    hover(null);
    show_tip(null);
  },
});

views.push(parts => {
  const p = state.program;
  if (parts.includes("program")) {
    $("timeline-caption").textContent = p.timed
        ? `Time of the kernels in order, ${ms_text(p.cost)} in all`
        : p.weight === "cycles"
        ? "Kernels in order, as wide as the model's cycles (not measured)"
        : "Kernels in order, as wide as their work and bytes (not measured)";
    const kinds = [...new Set(p.kernels.map(k => k.kind))];
    $("kinds").replaceChildren(...kinds.map(kind => {
      const share = sum(p.kernels.filter(k => k.kind === kind), k => k.cost) / p.cost;
      return el(
          "span", {}, el("i", {class: "dot", style: `background:var(--${kind})`}),
          `${kind} ${percent(share)}`);
    }));
  }
  timeline.redraw();
});
