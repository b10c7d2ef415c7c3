// All about what is selected; without, about the program.

function link(ref, ...content) {
  return el(
      "span", {
        class: "chip",
        onclick: () => select(ref),
        onmouseenter: () => hover(ref),
        onmouseleave: () => hover(null)
      },
      ...content);
}
function item(ref, cls, main, ...sides) {
  return el(
      "li", {
        class: cls,
        onclick: () => select(ref),
        onmouseenter: () => hover(ref),
        onmouseleave: () => hover(null)
      },
      el("span", {class: "main", title: typeof main === "string" ? main : null}, main),
      sides.filter(Boolean).map(s => el("span", {class: "side"}, s)));
}
function figure(name, value, help) {
  return value === null || value === ""
      ? null
      : el("div", {title: help || null}, el("span", {}, name), el("b", {}, value));
}
function source_box(p, id) {
  const l = p.line_at(id);
  if (!l) return null;
  const ref = {kind: "line", id};
  return el(
      "div", {
        class: "source",
        title: l.file + ":" + l.line,
        onclick: () => select(ref),
        onmouseenter: () => hover(ref),
        onmouseleave: () => hover(null)
      },
      el("b", {}, l.at), l.text);
}

const keywords =
    /\b(kernel|param|written|parallel|for|in|decl|unroll|vector|if|else|barrier|fma|select|min|max)\b|(\b\d[\d.e+-]*\b)|(%?\b[a-z_][\w.]*(?=\[))/g;
// The kernel's IR, coloured a little.
function code_box(text) {
  const pre = el("pre", {class: "code"});
  let at = 0;
  if (text.length < 200000) {
    for (const m of text.matchAll(keywords)) {
      pre.append(text.slice(at, m.index), el("span", {class: m[1] ? "k" : m[2] ? "n" : "b"}, m[0]));
      at = m.index + m[0].length;
    }
  }
  pre.append(text.slice(at));
  const copy =
      el("button", {
        class: "copy",
        onclick: e => {
          e.preventDefault();
          navigator.clipboard && navigator.clipboard.writeText(text);
        }
      },
         "Copy");
  return el("details", {open: ""}, el("summary", {}, "Kernel IR", copy), pre);
}

function buffer_item(p, id, k) {
  const b = p.buffers[id];
  const others = k.written.includes(id) ? b.readers.filter(i => i !== k.index)
                                        : b.writers.filter(i => i !== k.index);
  const few = others.slice(0, 6).join(", ") + (others.length > 6 ? " …" : "");
  const role = k.written.includes(id) ? (others.length ? `read by ${few}`
                                             : b.kind === "output" ? "output"
                                                                   : "")
      : others.length                                  ? `of ${few}`
                                                       : b.kind;
  return item(
      {kind: "buffer", id}, "", [el("span", {class: "name"}, b.name), "  " + b.type],
      bytes_text(b.bytes), role, b.scratch && "scratch");
}

function why(p, k) {
  const notes = [];
  if (k.single && k.cost / p.cost > 0.02 && p.raw.threads > 1)
    notes.push(`It runs on one of ${p.raw.threads} threads.`);
  if (k.against_model > 1.5)
    notes.push(`It takes ${
        digits(
            k.against_model, 1)} times what the model expects, beside the kernel in the middle.`);
  if (p.timed && k.flops > 0) {
    const peers = p.kernels.filter(o => o.kind === k.kind && o.ms > 0);
    const best = peers.reduce((m, o) => Math.max(m, o.flops / o.ms), 0), own = k.flops / k.ms;
    if (k.kind === "contraction" && peers.length > 2 && own < best / 3 && k.cost / p.cost > 0.02)
      notes.push(`The fastest contraction here does ${per_ms(best, 1)} GFLOP/s, this one ${
          per_ms(own, 1)}.`);
  }
  return notes.map(n => el("div", {class: "warn"}, n));
}

function kernel_details(p, k) {
  const twins = p.kernels.filter(o => o.code === k.code && o.index !== k.index);
  const reads = [...new Set(k.buffers)].filter(b => !k.written.includes(b));
  const results = new Set(k.results);
  return [
    el("div", {class: "what"}, badge(k), "  ", k.what),
    source_box(p, k.line),
    el("div", {class: "grid"}, figure("time", k.ms === null ? null : ms_text(k.ms)),
       figure("of all", percent(k.cost / p.cost), p.weight === "ms" ? null : `by ${p.weight}`),
       figure("GFLOP/s", k.ms ? per_ms(k.flops, k.ms) : null),
       figure("GB/s", k.ms ? per_ms(k.bytes, k.ms) : null), figure("work", rough(k.flops) + "FLOP"),
       figure("touches", bytes_text(k.bytes)),
       figure("FLOP per byte", k.bytes ? digits(k.flops / k.bytes, 2) : null),
       figure("model", k.cycles > 0 ? rough(k.cycles) + " cycles" : null, "Of one thread"),
       figure("× model", k.against_model === null ? null : digits(k.against_model, 2)),
       figure("threads", k.single ? "one" : "all " + p.raw.threads),
       figure("barrier before", k.barrier ? "yes" : "no")),
    el("div", {class: "ways"}, el("span", {}, "chosen"), el("div", {}, k.how),
       k.next_best && [el("span", {}, "next best"), el("div", {}, k.next_best)]),
    why(p, k),
    el("h3", {}, `Fuses ${plural(k.nodes.length, "node")}`),
    el("ul", {class: "list"}, k.nodes.map(i => {
      const n = p.last.nodes[i];
      return item(
          {kind: "node", id: n.track}, results.has(i) ? "result" : "", p.text(n), n.type,
          at_line(p, n.line));
    })),
    el("h3", {}, "Writes"),
    el("ul", {class: "list"}, k.written.map(b => buffer_item(p, b, k))),
    reads.length &&
        [el("h3", {}, "Reads"), el("ul", {class: "list"}, reads.map(b => buffer_item(p, b, k)))],
    twins.length &&
        [
          el("h3", {}, "The same code as"),
          el("div", {}, twins.map(o => link({kind: "kernel", id: o.index}, `kernel ${o.index}`)))
        ],
    code_box(p.code[k.code]),
  ];
}

function kernel_items(p, indices) {
  return el("ul", {class: "list"}, indices.map(i => {
    const k = p.kernels[i];
    return item(
        {kind: "kernel", id: i}, "", [badge(k), "  " + k.what],
        p.weight === "work" ? "" : cost_text(p, k.cost), at_line(p, k.line));
  }));
}

function buffer_details(p, b) {
  return [
    el("div", {class: "what"}, `${b.name}  ${b.type}`),
    source_box(p, b.line),
    el("div", {class: "grid"}, figure("bytes", bytes_text(b.bytes)),
       figure("where", b.kind === "arena" ? "arena + " + digits(b.offset, 0) : b.kind),
       figure("alive", b.first >= 0 ? `launch ${b.first} to ${b.last}` : "never"),
       figure(
           "dimensions in memory", b.order.length > 1 ? b.order.join(" ") : null,
           "Outermost first"),
       figure("use", b.scratch ? "scratch of a kernel" : "a value"),
       figure(
           "takes over", b.donor >= 0 ? p.buffers[b.donor].name : null,
           "The input's memory, where the caller lets go of it")),
    b.node >= 0 &&
        [
          el("h3", {}, "Holds"),
          el("ul", {class: "list"},
             item(
                 {kind: "node", id: b.track}, "", p.text(p.last.nodes[b.node]),
                 p.last.nodes[b.node].type))
        ],
    b.writers.length > 0 && [el("h3", {}, "Written by"), kernel_items(p, b.writers)],
    b.readers.length > 0 && [el("h3", {}, "Read by"), kernel_items(p, b.readers)],
  ];
}

function node_details(p, track) {
  const seen = p.stages.map((s, i) => [s, s.by_track.get(track), i]).filter(x => x[1]);
  const [stage, n] = seen[seen.length - 1];
  const kernels = p.kernels_of_track.get(track) || [];
  const buffer = p.buffer_of_track.get(track);
  const end = stage === p.last ? null : p.stages[p.stages.indexOf(stage) + 1].name;
  return [
    el("div", {class: "what"}, p.text(n, stage)),
    el("div", {class: "mono"}, n.type + (n.call ? `, of ${n.call}` : "")),
    source_box(p, n.line),
    end && el("div", {class: "warn"}, `Not in the program: ${end} replaced or removed it.`),
    kernels.length > 0 &&
        [
          el("h3", {},
             kernels.length > 1 ? `Computed by ${kernels.length} kernels` : "Computed by"),
          kernel_items(p, kernels)
        ],
    !n.leaf && stage === p.last && buffer === undefined && kernels.length > 0 &&
        el("div", {class: "note"}, "It is never stored: whoever needs it computes it."),
    buffer !== undefined &&
        [
          el("h3", {}, "Stored in"),
          el("ul", {class: "list"},
             item(
                 {kind: "buffer", id: buffer}, "",
                 p.buffers[buffer].name + "  " + p.buffers[buffer].type,
                 bytes_text(p.buffers[buffer].bytes)))
        ],
    n.inputs.length > 0 &&
        [
          el("h3", {}, "Takes"),
          el("ul", {class: "list"},
             n.inputs.map(
                 i => item(
                     {kind: "node", id: stage.nodes[i].track}, "", p.text(stage.nodes[i], stage),
                     stage.nodes[i].type)))
        ],
    n.users.length > 0 &&
        [
          el("h3", {}, "Used by"),
          el("ul", {class: "list"},
             n.users.slice(0, 40).map(
                 i => item(
                     {kind: "node", id: stage.nodes[i].track}, "", p.text(stage.nodes[i], stage),
                     stage.nodes[i].type)))
        ],
    el("h3", {}, "In the graphs"),
    el("div", {},
       seen.map(
           ([s, m, i]) =>
               el("span", {
                 class: "chip",
                 onclick: () => {
                   state.stage = i;
                   show("stage");
                   write_address();
                 }
               },
                  `${stage_name(p, i)}: %${m.name}${m.change ? ", " + m.change : ""}`))),
  ];
}

function line_details(p, id) {
  const row = p.lines_used.find(r => r.line === id);
  const l = p.lines[id];
  const fused =
      p.kernels.filter(k => k.line !== id && k.nodes.some(i => p.last.nodes[i].line === id))
          .map(k => k.index);
  return [
    el("div", {class: "what"}, l.at),
    source_box(p, id),
    el("div", {class: "note"}, l.file),
    row &&
        el("div", {class: "grid"}, figure("kernels", String(row.kernels.length)),
           figure(cost_title(p), p.weight === "work" ? null : cost_text(p, row.cost)),
           figure("of all", percent(row.cost / p.cost)), figure("work", rough(row.flops) + "FLOP")),
    row &&
        [el("h3", {}, "Kernels whose last result is of this line"), kernel_items(p, row.kernels)],
    fused.length > 0 &&
        [
          el("h3", {}, "Kernels of other lines that compute something of this one"),
          kernel_items(p, fused)
        ],
  ];
}

function overview(p) {
  const slowest = [...p.kernels].sort((a, b) => b.cost - a.cost).slice(0, 8);
  const most = slowest.length ? slowest[0].cost : 1;
  const in_arena = p.buffers.filter(b => b.kind === "arena" && b.first >= 0);
  const at_peak =
      in_arena.filter(b => b.first <= p.peak && p.peak <= b.last).sort((a, b) => b.bytes - a.bytes);
  const bytes_of = kind => sum(p.buffers.filter(b => b.kind === kind), b => b.bytes);
  const taken = p.buffers.filter(b => b.kind === "output" && b.donor >= 0);
  const inner = p.last.nodes.filter(n => !n.leaf).length,
        first = p.stages[0].nodes.filter(n => !n.leaf).length;
  return [
    el("div", {class: "grid"}, figure("asked for", plural(first, "op")),
       figure("after the passes", plural(inner, "op")), figure("kernels", String(p.kernels.length)),
       figure("time", p.timed ? ms_text(p.cost) : null, "Sum of the best times"),
       figure("GFLOP/s", p.timed ? per_ms(p.total.flops, p.cost) : null),
       figure("work", rough(p.total.flops) + "FLOP"),
       figure("inputs", bytes_text(bytes_of("input"))),
       figure("outputs", bytes_text(bytes_of("output"))),
       figure(
           "of these in an input's memory",
           taken.length ? bytes_text(sum(taken, b => b.bytes)) : null),
       figure("arena", bytes_text(p.raw.arena_bytes))),
    el("h3", {},
       p.timed
           ? "The slowest kernels"
           : `The heaviest kernels, by ${
                 p.weight === "cycles" ? "the model's cycles" : "work and bytes (not measured)"}`),
    el("ul", {class: "list"},
       slowest.map(
           k => item(
               {kind: "kernel", id: k.index}, "",
               [badge(k), "  ", meter(k.cost / most, k.kind), k.what],
               p.weight === "work" ? "" : cost_text(p, k.cost), percent(k.cost / p.cost),
               at_line(p, k.line)))),
    el("h3", {}, "The lines they come from"),
    el("ul", {class: "list"},
       p.lines_used.slice(0, 6)
           .filter(r => r.line >= 0)
           .map(
               r => item(
                   {kind: "line", id: r.line}, "",
                   [el("span", {class: "name"}, at_line(p, r.line)), "  " + source_at(p, r.line)],
                   plural(r.kernels.length, "kernel"), percent(r.cost / p.cost)))),
    at_peak.length > 0 &&
        [
          el("h3", {},
             `Alive at the peak of memory, launch ${p.peak}: ${bytes_text(p.live[p.peak])}`),
          el("ul", {class: "list"},
             at_peak.slice(0, 8).map(
                 b => item(
                     {kind: "buffer", id: b.index}, "",
                     [el("span", {class: "name"}, b.name), "  " + b.type], bytes_text(b.bytes),
                     b.scratch && "scratch", at_line(p, b.line))))
        ],
    el("h3", {}, "Passes"),
    el("div", {},
       p.stages.map(
           (s, i) =>
               el("span", {
                 class: "chip",
                 onclick: () => {
                   state.stage = i;
                   show("stage");
                   write_address();
                 }
               },
                  `${stage_name(p, i)}: ${s.nodes.length}${
                      i > 0 ? `  (+${s.added} −${s.removed})` : ""}`))),
  ];
}

views.push(parts => {
  if (!parts.includes("selected") && !parts.includes("program")) return;
  const p = state.program, s = state.selected;
  const title = !s        ? "Overview"
      : s.kind === "node" ? "Node"
      : s.kind === "line" ? "Line"
                          : `${s.kind[0].toUpperCase()}${s.kind.slice(1)} ${s.id}`;
  $("path").replaceChildren(
      title,
      s ? el("button", {style: "margin-left:10px", onclick: () => select(null), title: "Esc"},
             "Overview")
        : "");
  const content = !s        ? overview(p)
      : s.kind === "kernel" ? kernel_details(p, p.kernels[s.id])
      : s.kind === "buffer" ? buffer_details(p, p.buffers[s.id])
      : s.kind === "node"   ? node_details(p, s.id)
                            : line_details(p, s.id);
  $("facts").replaceChildren(
      ...content.flat(3).filter(c => c instanceof Node || (typeof c === "string" && c)));
  $("facts").scrollTop = 0;
});
