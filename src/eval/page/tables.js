// Kernels, lines and buffers as tables that sort by a click on a title.

const sorting = {
  kernels: ["#", false],
  lines: ["cost", true],
  buffers: ["bytes", true]
};

function meter(share, kind) {
  const bar =
      el("i", {style: `width:${Math.max(1, 100 * share)}%;background:var(--${kind || "copy"})`});
  return el("span", {class: "meter"}, bar);
}
function badge(k) {
  return el("span", {class: "badge", style: `background:var(--${k.kind})`}, String(k.index));
}

// A column: title, value (to sort by), cell (to show), help (what its title explains), total.
const number = (title, value, cell, more = {}) =>
    ({title, number: true, down: true, value, cell, ...more});
const words = (title, value, more = {}) => ({title, value, cell: x => value(x) || null, ...more});
const at_line = (p, id) => (p.line_at(id) ? p.line_at(id).at : "");
const source_at = (p, id) => (p.line_at(id) ? p.line_at(id).text : "");
const cost_title = p => ({ms: "time", cycles: "model", work: "work"})[p.weight];
const short_cost = (p, cost) =>
    (p.weight === "ms"           ? digits(cost, 4)
         : p.weight === "cycles" ? rough(cost)
                                 : "");

function cost_columns(p, rows, kind_of, help) {
  const most = Math.max(...rows.map(r => r.cost), 1e-9);
  return [
    number(
        cost_title(p), r => r.cost, r => [meter(r.cost / most, kind_of(r)), short_cost(p, r.cost)],
        {key: "cost", help, total: p.weight === "work" ? "" : cost_text(p, p.cost)}),
    number("%", r => r.cost, r => digits(100 * r.cost / p.cost, 1)),
  ];
}
const work_columns = p =>
    [number(
         "MFLOP", r => r.flops, r => digits(r.flops / 1e6, 2),
         {total: digits(p.total.flops / 1e6, 1)}),
     number(
         "KiB", r => r.bytes, r => digits(r.bytes / 1024, 0),
         {total: digits(p.total.bytes / 1024, 0)}),
];

const kHelp = {
  cost: "The best measured time; without one the model's cycles, or a guess from work and bytes",
  bytes: "Each buffer of a kernel counted once",
  cycles: "What the schedule's model expects of one thread",
  model:
      "Time over the model's cycles, beside that of the kernel in the middle: above 1 it is slower than the model thinks",
  lines: "Of the kernels whose last result is of this line",
};

function kernel_columns(p) {
  const columns = [
    {title: "#", value: k => k.index, cell: badge},
    ...cost_columns(p, p.kernels, k => k.kind, kHelp.cost),
  ];
  if (p.timed) {
    columns.push(
        number(
            "GFLOP/s", k => k.flops / k.ms, k => per_ms(k.flops, k.ms),
            {total: per_ms(p.total.flops, p.total.ms)}),
        number(
            "GB/s", k => k.bytes / k.ms, k => per_ms(k.bytes, k.ms),
            {total: per_ms(p.total.bytes, p.total.ms), help: kHelp.bytes}));
  }
  columns.push(
      words("line", k => at_line(p, k.line)), words("computes", k => k.what, {text: true}),
      words("schedule", k => k.how + (k.single ? ", one thread" : "")),
      words("next best", k => k.next_best));
  if (p.weight !== "cycles")
    columns.push(number(
        "cycles", k => k.cycles, k => (k.cycles > 0 ? rough(k.cycles) : null),
        {total: p.total.cycles ? rough(p.total.cycles) : "", help: kHelp.cycles}));
  if (p.kernels.some(k => k.against_model !== null))
    columns.push(number(
        "× model", k => k.against_model || 0,
        k => (k.against_model === null ? null : digits(k.against_model, 2)), {help: kHelp.model}));
  return [...columns, ...work_columns(p)];
}

function line_columns(p) {
  return [
    words("line", r => at_line(p, r.line) || "of no line"),
    number(
        "kernels", r => r.kernels.length, r => String(r.kernels.length),
        {total: String(p.kernels.length)}),
    ...cost_columns(p, p.lines_used, r => p.kernels[r.kernels[0]].kind, kHelp.lines),
    ...work_columns(p),
    words("what stands there", r => source_at(p, r.line), {text: true}),
  ];
}

function buffer_columns(p) {
  const launch = title => number(
      title, b => b[title === "from" ? "first" : "last"],
      b => (b.first >= 0 ? String(b[title === "from" ? "first" : "last"]) : null), {down: false});
  return [
    number("#", b => b.index, b => String(b.index), {down: false}),
    words("name", b => b.name, {text: true}),
    words("type", b => b.type, {text: true}),
    number("bytes", b => b.bytes, b => bytes_text(b.bytes), {key: "bytes"}),
    {
      title: "where",
      value: b => b.kind + String(b.offset).padStart(14),
      cell: b =>
          (b.kind !== "arena" ? b.kind + (b.donor >= 0 ? ", in an input's memory" : "")
                              : "arena + " + digits(b.offset, 0))
    },
    launch("from"),
    launch("to"),
    words("use", b => (b.scratch ? "scratch" : "value")),
    words("line", b => at_line(p, b.line)),
  ];
}

const tabs = {
  kernels: {
    rows: p => p.kernels,
    columns: kernel_columns,
    ref: k => ({kind: "kernel", id: k.index}),
    tip: kernel_tip,
    near: (set, k) => set.kernels.has(k.index),
    search: (p, k) => `${k.index} ${k.kind} ${k.what} ${k.how} ${at_line(p, k.line)}`
  },
  lines: {
    rows: p => p.lines_used,
    columns: line_columns,
    ref: r => ({kind: "line", id: r.line}),
    tip: (p, r) => line_tip(p, r.line),
    near: (set, r) => set.lines.has(r.line),
    search: (p, r) => `${at_line(p, r.line)} ${source_at(p, r.line)}`
  },
  buffers: {
    rows: p => p.buffers,
    columns: buffer_columns,
    ref: b => ({kind: "buffer", id: b.index}),
    tip: buffer_tip,
    near: (set, b) => set.buffers.has(b.index),
    search: (p, b) => `${b.name} ${b.type} ${b.kind} ${at_line(p, b.line)}`
  },
};

let shown_rows = [];  // {item, row}, in the order of the table

function sorted_rows(p, tab) {
  const wanted = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = tabs[tab].rows(p).filter(r => {
    const text = tabs[tab].search(p, r).toLowerCase();
    return wanted.every(w => text.includes(w));
  });
  const [title, down] = sorting[tab];
  const column = tabs[tab].columns(p).find(c => (c.key || c.title) === title);
  if (!column) return rows;
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return rows.map(r => [column.value(r), r])
      .sort((a, b) => order(a[0], b[0]) * (down ? -1 : 1))
      .map(x => x[1]);
}

function sort_by(tab, column) {
  const key = column.key || column.title;
  const [now, down] = sorting[tab];
  sorting[tab] = [key, now === key ? !down : !!column.down];
  show("tab");
}

function draw_table() {
  const p = state.program, tab = state.tab, columns = tabs[tab].columns(p);
  const head = el("tr", {}, columns.map(c => {
    const [key, down] = sorting[tab];
    const sorted = key === (c.key || c.title) ? ` sorted${down ? " down" : ""}` : "";
    return el(
        "th", {
          class: (c.number ? "number" : "") + sorted,
          title: c.help || null,
          onclick: () => sort_by(tab, c)
        },
        c.title);
  }));
  shown_rows = sorted_rows(p, tab).map(item => {
    const ref = tabs[tab].ref(item);
    const row =
        el("tr", {
          onclick: () =>
              (ref.id >= 0 || tab !== "lines") && select(same(ref, state.selected) ? null : ref),
          onmousemove: e => {
            hover(ref.id >= 0 ? ref : null);
            show_tip(e, tabs[tab].tip(p, item));
          },
          onmouseleave: () => {
            hover(null);
            show_tip(null);
          }
        },
           columns.map(c => {
             const cell = c.cell(item);
             return el(
                 "td", {
                   class: [c.number && "number", c.text && "text", cell === null && "none"]
                              .filter(Boolean)
                              .join(" ")
                 },
                 cell === null ? "–" : cell);
           }));
    return {item, ref, row};
  });
  const foot = el(
      "tr", {},
      columns.map(
          (c, i) => el("td", {class: c.number ? "number" : ""}, i === 0 ? "all" : c.total || "")));
  $("rows").replaceChildren(el(
      "table", {class: "rows"}, el("thead", {}, head), el("tbody", {}, shown_rows.map(r => r.row)),
      tab === "buffers" || shown_rows.length < 2 || state.filter ? "" : el("tfoot", {}, foot)));
  $("table-note").textContent =
      state.filter ? `${shown_rows.length} of ${tabs[tab].rows(p).length}` : "";
}

function mark_rows(scroll) {
  for (const {item, ref, row} of shown_rows) {
    const selected = same(ref, state.selected) && state.selected;
    row.classList.toggle("selected", !!selected);
    row.classList.toggle(
        "near",
        !selected &&
            (tabs[state.tab].near(state.near, item) ||
             (state.selected && state.selected.kind !== ref.kind &&
              tabs[state.tab].near(state.marked, item))));
  }
  if (!scroll || !state.selected) return;
  const first = shown_rows.find(r => same(r.ref, state.selected)) ||
      shown_rows.find(r => tabs[state.tab].near(state.marked, r.item));
  if (first) into_view(first.row, $("rows"));
}

// Scrolls no more than it takes, behind the titles.
function into_view(row, box) {
  const r = row.getBoundingClientRect(), b = box.getBoundingClientRect();
  if (r.top < b.top + 34) box.scrollTop += r.top - b.top - 40;
  if (r.bottom > b.bottom - 30) box.scrollTop += r.bottom - b.bottom + 40;
}

function draw_tabs() {
  const p = state.program;
  const counts = {kernels: p.kernels.length, lines: p.lines_used.length, buffers: p.buffers.length};
  $("tabs").replaceChildren(...Object.keys(tabs).map(
      name =>
          el("button", {
            class: name === state.tab ? "on" : "",
            onclick: () => {
              state.tab = name;
              show("tab");
              write_address();
            }
          },
             name[0].toUpperCase() + name.slice(1), el("small", {}, String(counts[name])))));
}

views.push(parts => {
  const redraw = ["program", "tab", "filter"].some(x => parts.includes(x));
  if (redraw) {
    draw_tabs();
    draw_table();
  }
  if (redraw || parts.includes("selected") || parts.includes("hovered"))
    mark_rows(redraw || parts.includes("selected"));
});

/// The row after the selected one, or before it.
function step_row(by) {
  if (!shown_rows.length) return;
  const at = shown_rows.findIndex(r => same(r.ref, state.selected));
  const next = at < 0 ? (by > 0 ? 0 : shown_rows.length - 1)
                      : Math.min(shown_rows.length - 1, Math.max(0, at + by));
  select(shown_rows[next].ref);
}
