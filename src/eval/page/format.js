// Numbers and elements.

const $ = id => document.getElementById(id);

/// An element: el("td", {class: "number", onclick}, "text", child).
function el(tag, attrs = {}, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(attrs)) {
    if (key.startsWith("on"))
      e.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false)
      e.setAttribute(key, value);
  }
  e.append(...children.flat().filter(c => c !== null && c !== undefined && c !== false));
  return e;
}

const digits = (x, n) =>
    x.toLocaleString("en-US", {minimumFractionDigits: n, maximumFractionDigits: n});

function rough(x, units = ["", " k", " M", " G", " T"], step = 1000) {
  let unit = 0;
  while (Math.abs(x) >= step && unit < units.length - 1) {
    x /= step;
    ++unit;
  }
  return digits(x, unit === 0 || x >= 100 ? 0 : x >= 10 ? 1 : 2) + units[unit];
}
const bytes_text = x => rough(x, [" B", " KiB", " MiB", " GiB"], 1024);
const ms_text = ms => (ms >= 10         ? digits(ms, 1)
                           : ms >= 1    ? digits(ms, 2)
                           : ms >= 0.01 ? digits(ms, 3)
                                        : digits(ms, 4)) +
    " ms";
const percent = x => (x >= 0.0995 ? digits(100 * x, 0) : digits(100 * x, 1)) + " %";
const per_ms = (amount, ms) => (ms ? digits(amount / 1e6 / ms, 1) : "");

function cost_text(program, cost) {
  return program.weight === "ms"    ? ms_text(cost)
      : program.weight === "cycles" ? rough(cost) + " cycles"
                                    : percent(cost / program.cost);
}
const plural = (n, what) => `${digits(n, 0)} ${what}${n === 1 ? "" : "s"}`;
