// The head of the page, keys, panes.

views.unshift(parts => {
  if (!parts.includes("program")) return;
  const p = state.program;
  $("title").textContent = p.title;
  $("title").title = p.title;
  $("program").value = programs.indexOf(p);
  document.title = `${p.title} — Lilith`;
  const figures = [
    [String(p.kernels.length), "kernels"], p.timed && [ms_text(p.cost), "in kernels"],
    [rough(p.total.flops) + "FLOP", ""], [bytes_text(p.raw.arena_bytes), "arena"],
    [plural(p.raw.threads, "thread"), p.raw.cpu]
  ];
  $("figures").replaceChildren(...figures.filter(Boolean).map(
      ([value, what]) => el("span", {}, el("b", {}, value), " " + what)));
});

$("program").replaceChildren(...programs.map(
    (p, i) => el("option", {value: i}, `${i + 1} of ${programs.length}: ${p.title}`)));
$("program").hidden = programs.length < 2;
$("program").onchange = e => {
  Object.assign(
      state, {program: programs[e.target.value], stage: -1, selected: null, hovered: null});
  show("program", "stage", "tab", "selected", "hovered");
  write_address();
};
$("filter").oninput = e => {
  state.filter = e.target.value;
  show("filter");
};
$("help-button").onclick = () => $("help").showModal();

for (const button of document.querySelectorAll(".grow"))
  button.onclick = () => button.closest(".pane").classList.toggle("whole");

// Bars between panes.
for (const bar of document.querySelectorAll(".split")) {
  bar.addEventListener("pointerdown", e => {
    bar.setPointerCapture(e.pointerId);
    const column = bar.classList.contains("column"),
          box = bar.parentElement.getBoundingClientRect();
    const move = m => {
      const share =
          column ? (m.clientX - box.left) / box.width : (m.clientY - box.top) / box.height;
      document.documentElement.style.setProperty(
          bar.dataset.var, `${Math.min(85, Math.max(15, 100 * share))}%`);
    };
    bar.addEventListener("pointermove", move);
    bar.addEventListener(
        "pointerup", () => bar.removeEventListener("pointermove", move), {once: true});
  });
}

function go_to_stage(by) {
  // The kernels come after the last stage.
  const n = state.program.stages.length, at = state.stage < 0 ? n : state.stage,
        next = Math.min(n, Math.max(0, at + by));
  state.stage = next === n ? -1 : next;
  show("stage");
  write_address();
}
const keys = {
  j: () => step_row(1),
  ArrowDown: () => step_row(1),
  k: () => step_row(-1),
  ArrowUp: () => step_row(-1),
  "/": () => $("filter").focus(),
  "?": () => $("help").showModal(),
  "[": () => go_to_stage(-1),
  "]": () => go_to_stage(1),
  n: next_change,
  1: () => {
    state.tab = "kernels";
    show("tab");
  },
  2: () => {
    state.tab = "lines";
    show("tab");
  },
  3: () => {
    state.tab = "buffers";
    show("tab");
  },
  "+": () => $("zoom-in").click(),
  "-": () => $("zoom-out").click(),
  0: () => fit(),
  Escape: () => {
    const whole = document.querySelector(".pane.whole");
    if (whole)
      whole.classList.remove("whole");
    else
      select(null);
  },
};
document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || $("help").open) return;
  if (e.target.matches("input, select")) {
    if (e.key === "Escape") {
      e.target.blur();
      if (e.target.value && e.target.id === "filter") {
        e.target.value = state.filter = "";
        show("filter");
      }
    }
    return;
  }
  if (!keys[e.key]) return;
  e.preventDefault();
  keys[e.key]();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  read_theme();
  show();
});
window.addEventListener("hashchange", read_address);
read_address();
