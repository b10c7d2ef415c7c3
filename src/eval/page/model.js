// The data of the page, with what can be derived: who computes, reads and follows what.

/// A node keeps its track through the passes that leave it as it is.
class Stage {
  constructor(raw, kinds, before, next_track) {
    this.name = raw.name;
    this.by_track = new Map();
    this.nodes = raw.nodes.map(([name, kind, inputs, was], index) => {
      const [op, cls, attrs, type, line, call] = kinds[kind];
      const node =
          {index, name, op, cls, attrs, type, line, call, inputs, was, users: [], gone: false};
      node.track = was >= 0 ? before.nodes[was].track : next_track();
      node.leaf = cls === "leaf";
      this.by_track.set(node.track, node);
      return node;
    });
    for (const n of this.nodes)
      for (const i of new Set(n.inputs)) this.nodes[i].users.push(n.index);
    this.outputs = new Set(raw.outputs);
    this.compare(before);
  }

  // What is new here, what is fed by other nodes than before, what of the stage before is gone.
  compare(before) {
    if (!before) return;
    const stays = new Set();
    for (const n of this.nodes) {
      if (n.was < 0) {
        n.change = "new";
        continue;
      }
      stays.add(n.was);
      const old = before.nodes[n.was];
      const same = old.inputs.length === n.inputs.length &&
          n.inputs.every((k, i) => this.nodes[k].track === before.nodes[old.inputs[i]].track);
      if (!same) n.change = "rewired";
    }
    for (const old of before.nodes) old.gone = !stays.has(old.index);
    this.added = this.nodes.filter(n => n.change === "new").length;
    this.removed = before.nodes.length - stays.size;
  }
}

class Program {
  constructor(raw, lines) {
    Object.assign(this, {raw, lines, title: raw.title, timed: raw.timed, code: raw.code});
    let tracks = 0;
    this.stages = [];
    for (const s of raw.stages)
      this.stages.push(
          new Stage(s, raw.kinds, this.stages[this.stages.length - 1], () => tracks++));
    this.last = this.stages[this.stages.length - 1];
    this.buffers = raw.buffers.map((b, index) => ({...b, index, writers: [], readers: []}));
    this.kernels = raw.kernels.map((k, index) => this.kernel(k, index));
    this.connect();
    this.weigh();
    this.live_bytes();
    this.lines_used = this.by_line();
  }

  kernel(raw, index) {
    const k = {...raw, index, before: new Set(), after: new Set()};
    k.tracks = new Set(k.nodes.map(i => this.last.nodes[i].track));
    const classes = new Set(k.nodes.map(i => this.last.nodes[i].cls));
    k.kind = classes.has("contraction") ? "contraction"
        : classes.has("scatter")        ? "scatter"
        : classes.has("window")         ? "window"
        : classes.has("reduction")      ? "reduction"
        : classes.has("elementwise")    ? "pointwise"
                                        : "copy";
    // What only moves values around is known by how it does that.
    k.label = k.nodes.length ? k.what.split(" -> ")[0] : k.how;
    return k;
  }

  connect() {
    for (const k of this.kernels) {
      const written = new Set(k.written);
      for (const id of new Set(k.buffers)) {
        const b = this.buffers[id];
        for (const w of b.writers.slice(-1)) {
          if (w === k.index) continue;
          k.before.add(w);
          this.kernels[w].after.add(k.index);
        }
        (written.has(id) ? b.writers : b.readers).push(k.index);
      }
    }
    this.kernels_of_track = new Map();
    for (const k of this.kernels)
      for (const t of k.tracks) {
        if (!this.kernels_of_track.has(t)) this.kernels_of_track.set(t, []);
        this.kernels_of_track.get(t).push(k.index);
      }
    this.buffer_of_track = new Map();
    for (const b of this.buffers) {
      b.track = b.node >= 0 ? this.last.nodes[b.node].track : -1;
      if (b.track >= 0) this.buffer_of_track.set(b.track, b.index);
      const made = b.writers.length ? this.kernels[b.writers[0]] : null;
      b.line = b.node >= 0 ? this.last.nodes[b.node].line : made ? made.line : -1;
      b.color = made ? made.kind : "copy";
    }
  }

  // What a kernel weighs: its time; without one the model's cycles; without these its work.
  weigh() {
    const modelled = this.kernels.some(k => k.cycles > 0);
    this.weight = this.timed ? "ms" : modelled ? "cycles" : "work";
    for (const k of this.kernels)
      k.cost = this.timed ? k.ms : modelled ? k.cycles : k.flops / 4 + k.bytes;
    this.cost = sum(this.kernels, k => k.cost) || 1;
    // How much longer than the model says, as the kernels with a model go in the middle.
    const ratios = this.kernels.filter(k => this.timed && k.cycles > 0).map(k => k.ms / k.cycles);
    const usual = ratios.sort((a, b) => a - b)[ratios.length >> 1];
    for (const k of this.kernels)
      k.against_model = usual && k.cycles > 0 ? k.ms / k.cycles / usual : null;
    this.total = {
      ms: this.timed ? this.cost : null,
      flops: sum(this.kernels, k => k.flops),
      bytes: sum(this.kernels, k => k.bytes),
      cycles: sum(this.kernels, k => k.cycles),
    };
  }

  live_bytes() {
    this.live = new Array(this.kernels.length).fill(0);
    for (const b of this.buffers) {
      if (b.kind !== "arena" || b.first < 0) continue;
      for (let i = b.first; i <= b.last; ++i) this.live[i] += b.bytes;
    }
    this.peak = this.live.reduce((at, x, i) => (x > this.live[at] ? i : at), 0);
  }

  by_line() {
    const rows = new Map();
    for (const k of this.kernels) {
      if (!rows.has(k.line))
        rows.set(k.line, {line: k.line, kernels: [], cost: 0, flops: 0, bytes: 0});
      const row = rows.get(k.line);
      row.kernels.push(k.index);
      row.cost += k.cost;
      row.flops += k.flops;
      row.bytes += k.bytes;
    }
    return [...rows.values()].sort((a, b) => b.cost - a.cost);
  }

  line_at(id) { return id >= 0 ? this.lines[id] : null; }

  /// What belongs to a kernel, node (by track), buffer or line: sets by kind.
  related(ref) {
    const r = {kernels: new Set(), tracks: new Set(), buffers: new Set(), lines: new Set()};
    if (!ref) return r;
    const lines_of = tracks => tracks.forEach(t => {
      const n = this.node(t);
      if (n && n.line >= 0) r.lines.add(n.line);
    });
    if (ref.kind === "kernel") {
      const k = this.kernels[ref.id];
      r.kernels.add(k.index);
      k.tracks.forEach(t => r.tracks.add(t));
      k.buffers.forEach(b => r.buffers.add(b));
      r.lines.add(k.line);
    } else if (ref.kind === "node") {
      r.tracks.add(ref.id);
      (this.kernels_of_track.get(ref.id) || []).forEach(k => r.kernels.add(k));
      if (this.buffer_of_track.has(ref.id)) {
        const b = this.buffers[this.buffer_of_track.get(ref.id)];
        r.buffers.add(b.index);
        if (!r.kernels.size) b.readers.forEach(k => r.kernels.add(k));
      }
      lines_of(r.tracks);
    } else if (ref.kind === "buffer") {
      const b = this.buffers[ref.id];
      r.buffers.add(b.index);
      [...b.writers, ...b.readers].forEach(k => r.kernels.add(k));
      if (b.track >= 0) r.tracks.add(b.track);
      if (b.line >= 0) r.lines.add(b.line);
    } else {
      r.lines.add(ref.id);
      for (const k of this.kernels)
        if (k.line === ref.id) r.kernels.add(k.index);
      for (const s of this.stages)
        for (const n of s.nodes)
          if (n.line === ref.id) r.tracks.add(n.track);
      for (const b of this.buffers)
        if (b.line === ref.id) r.buffers.add(b.index);
    }
    return r;
  }

  /// A node by its track: as it is last.
  node(track) {
    for (let i = this.stages.length - 1; i >= 0; --i) {
      const n = this.stages[i].by_track.get(track);
      if (n) return n;
    }
    return null;
  }

  // "%12 = add(%x, %3)".
  text(node, stage = this.last) {
    const inputs = node.inputs.map(i => "%" + stage.nodes[i].name).join(", ");
    return `%${node.name} = ${node.op}${node.leaf ? "" : "(" + inputs + ")"}${node.attrs}`;
  }
}

function sum(list, of) {
  let total = 0;
  for (const x of list) total += of(x);
  return total;
}
