// Where the boxes of a graph go: layers by the longest way from a source, in each the boxes beside
// each other, near what they are connected to.

const kGapX = 18, kGapY = 34;

/// boxes: {w, h, from: [indices of boxes]}, from before to. Sets x, y (corners), layer.
function lay_out(boxes) {
  for (const b of boxes) {
    b.to = [];
    b.layer = 0;
  }
  boxes.forEach((b, i) => b.from.forEach(f => boxes[f].to.push(i)));
  for (const b of boxes)
    for (const f of b.from) b.layer = Math.max(b.layer, boxes[f].layer + 1);
  // What nothing leads to sits right above what it leads to.
  for (const b of boxes)
    if (!b.from.length && b.to.length) b.layer = Math.min(...b.to.map(t => boxes[t].layer)) - 1;
  const layers = [], alone = boxes.filter(b => !b.from.length && !b.to.length);
  for (const b of boxes)
    if (b.from.length || b.to.length) (layers[b.layer] = layers[b.layer] || []).push(b);
  for (const layer of layers)
    if (layer) place(layer, layer.map((b, i) => i * 200));
  for (let round = 0; round < 14; ++round) {
    const up = round % 2 === 1;
    for (let i = 0; i < layers.length; ++i) {
      const layer = layers[up ? layers.length - 1 - i : i];
      if (layer) place(layer, layer.map(b => wanted(boxes, b, up)));
    }
  }
  let y = 0;
  for (const layer of layers) {
    if (!layer) continue;
    for (const b of layer) b.y = y;
    y += Math.max(...layer.map(b => b.h)) + kGapY;
  }
  const placed = layers.flat();
  const left = Math.min(0, ...placed.map(b => b.x));
  for (const b of placed) b.x -= left;
  y = place_alone(alone, y, Math.max(900, ...placed.map(b => b.x + b.w)));
  return {width: Math.max(...boxes.map(b => b.x + b.w), 1), height: Math.max(y - kGapY, 1)};
}

// What is connected to nothing comes last, in rows.
function place_alone(alone, y, width) {
  let x = 0, high = 0;
  for (const b of alone) {
    if (x > 0 && x + b.w > width) {
      y += high + kGapX;
      x = high = 0;
    }
    Object.assign(b, {x, y});
    x += b.w + kGapX;
    high = Math.max(high, b.h);
  }
  return alone.length ? y + high + kGapY : y;
}

// The middle that a box would like: of what it is connected to, the nearest layers first.
function wanted(boxes, b, up) {
  let total = 0, weight = 0;
  const add = (list, factor) => {
    for (const i of list) {
      const o = boxes[i], w = factor / (1 + (Math.abs(o.layer - b.layer) - 1) ** 2);
      total += (o.x + o.w / 2) * w;
      weight += w;
    }
  };
  add(b.from, up ? 0.3 : 1);
  add(b.to, up ? 1 : 0.3);
  return weight > 0 ? total / weight : b.x + b.w / 2;
}

// Puts the boxes of a layer as near as can be to these middles, without overlap and in their order:
// neighbours that would overlap become a block around the mean of their wishes.
function place(layer, middles) {
  const order = layer.map((b, i) => [middles[i], b]).sort((a, b) => a[0] - b[0]);
  layer.splice(0, layer.length, ...order.map(x => x[1]));
  const blocks = [];
  let offset = 0;
  for (const [middle, b] of order) {
    blocks.push({sum: middle - b.w / 2 - offset, count: 1});
    offset += b.w + kGapX;
    while (blocks.length > 1) {
      const last = blocks[blocks.length - 1], before = blocks[blocks.length - 2];
      if (before.sum / before.count <= last.sum / last.count) break;
      before.sum += last.sum;
      before.count += last.count;
      blocks.pop();
    }
  }
  offset = 0;
  let at = 0;
  for (const block of blocks) {
    for (let i = 0; i < block.count; ++i, ++at) {
      layer[at].x = block.sum / block.count + offset;
      offset += layer[at].w + kGapX;
    }
  }
}
