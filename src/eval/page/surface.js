// What canvases share: colours of the scheme, sharp pixels, pointers.

const theme = {};
function read_theme() {
  const style = getComputedStyle(document.documentElement);
  for (const name
           of ["bg", "pane", "line", "soft", "text", "dim", "faint", "accent", "accent-soft",
               "hover", "contraction", "reduction", "pointwise", "window", "scatter", "copy", "new",
               "rewired", "gone", "mono", "sans"])
    theme[name] = style.getPropertyValue("--" + name).trim();
}
read_theme();

function with_alpha(color, alpha) {
  const n = parseInt(color.slice(1), 16);
  return `rgba(${n >> 16}, ${(n >> 8) & 255}, ${n & 255}, ${alpha})`;
}

/// A canvas that is drawn by draw(context, width, height), at most once a frame.
class Surface {
  constructor(canvas, draw) {
    this.canvas = canvas;
    this.width = this.height = 0;
    let asked = false;
    this.redraw = () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        this.fit();
        if (this.width > 0) draw(this.context, this.width, this.height);
      });
    };
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => {
      if (this.onresize) this.onresize();
      this.redraw();
    }).observe(canvas);
  }
  fit() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    const w = Math.round(this.width * ratio), h = Math.round(this.height * ratio);
    if (this.canvas.width !== w || this.canvas.height !== h)
      Object.assign(this.canvas, {width: w, height: h});
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
  }
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
  /// Pointer events: move(x, y, event) without a button, drag(dx, dy, x, y), click(x, y), leave().
  listen({move, drag, click, leave, wheel}) {
    let down = null, dragged = false;
    this.canvas.addEventListener("pointerdown", e => {
      down = this.at(e);
      dragged = false;
      this.canvas.setPointerCapture(e.pointerId);
    });
    this.canvas.addEventListener("pointermove", e => {
      const [x, y] = this.at(e);
      if (!down) return move && move(x, y, e);
      if (!dragged && Math.hypot(x - down[0], y - down[1]) < 4) return;
      dragged = true;
      if (drag) drag(x - down[0], y - down[1], x, y);
      down = [x, y];
    });
    this.canvas.addEventListener("pointerup", e => {
      if (down && !dragged && click) click(...this.at(e), e);
      down = null;
    });
    this.canvas.addEventListener("pointercancel", () => (down = null));
    this.canvas.addEventListener("pointerleave", () => {
      if (!down && leave) leave();
    });
    if (wheel)
      this.canvas.addEventListener("wheel", e => {
        e.preventDefault();
        wheel(...this.at(e), e);
      }, {passive: false});
  }
}

function round_box(c, x, y, w, h, r) {
  c.beginPath();
  c.roundRect(x, y, w, h, Math.min(r, w / 2, h / 2));
}

/// As much of a text as fits.
function fitted(c, text, width) {
  if (c.measureText(text).width <= width) return text;
  let low = 0, high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (c.measureText(text.slice(0, middle) + "…").width <= width)
      low = middle;
    else
      high = middle - 1;
  }
  return low > 0 ? text.slice(0, low) + "…" : "";
}
