#include "nn/blocked_attention.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "lilith/loops.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "lilith/transforms.h"

namespace lilith::detail {

namespace {

using I = std::int64_t;
using Tensors = std::vector<Tensor>;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr I kRows = 128;               // of a block
constexpr I kBlockElements = 1 << 18;  // scores at a time: they stay in a cache of 2 MB
constexpr I kMostParts = 8;            // pieces of a causal mask: each is code of its own
constexpr I kFewScores = I{1} << 22;   // fewer are computed at once
constexpr I kFewScoresOfDevice = I{1} << 28;

/// `blocks` blocks of rows, the first of which begins at `first`; they look at the first `keys`.
struct Part {
  I first, rows, blocks, keys;
};

std::vector<Part> parts_of(I length, I keys, bool causal) {
  if (length < 2 * kRows) return {{0, length, 1, causal ? std::min(keys, length) : keys}};
  std::vector<Part> parts;
  const I blocks = length / kRows, most = causal ? std::min(blocks, kMostParts) : 1;
  for (I p = 0; p < most; ++p) {
    const I first = blocks * p / most, end = blocks * (p + 1) / most;
    parts.push_back(
        {first * kRows, kRows, end - first, causal ? std::min(keys, end * kRows) : keys});
  }
  if (const I rest = length % kRows; rest > 0)
    parts.push_back({length - rest, rest, 1, causal ? std::min(keys, length) : keys});
  return parts;
}

Tensor rows_of(const Tensor& x, const Part& p) { return narrow(x, 1, p.first, p.rows * p.blocks); }

/// What both directions know of a problem.
struct Problem {
  I length, keys;
  bool causal;
  double scale;  // of the scores
};

/// One block of rows of a few problems. rows: q [G, R, E] and what else has a row for each of q;
/// k [G, K, E], v [G, K, Ev].
struct Block {
  const Problem& problem;
  Tensor first;  // the number of its first row, an integer scalar
  Tensor q, k, v;
  Tensor shown_rows, shown_keys;  // bool [R, K], [G, K], or undefined

  Tensor hidden(const Tensor& scores, const Tensor& shown) const {
    return masked_fill(scores, logical_not(shown), -kInf);
  }
  Tensor scores() const {
    Tensor s = matmul(q, transpose(k, -2, -1)) * problem.scale;
    if (problem.causal) {
      const TensorOptions integers{.dtype = DType::I32, .device = q.device()};
      s = hidden(
          s, le(arange(k.size(1), integers), unsqueeze(arange(q.size(1), integers) + first, 1)));
    }
    if (shown_rows.defined()) s = hidden(s, shown_rows);
    if (shown_keys.defined()) s = hidden(s, unsqueeze(shown_keys, 1));
    return s;
  }
  bool may_be_empty() const { return shown_rows.defined() || shown_keys.defined(); }
  /// [G, R, Ev + 1]: the result, and the logarithm of each row's sum of exponentials. A row that
  /// sees nothing is 0; its logarithm is infinite, which makes the weights 0 again.
  Tensor forward() const {
    const Tensor s = scores();
    Tensor most = amax(s, -1, true);
    if (may_be_empty()) most = masked_fill(most, eq(most, -kInf), 0);
    const Tensor weights = exp(s - most);
    const Tensor total = sum(weights, -1, true);
    Tensor out = matmul(weights, v) / total, log_total = most + log(total);
    if (may_be_empty()) {
      const Tensor none = eq(total, 0);
      out = masked_fill(out, none, 0);
      log_total = masked_fill(log_total, none, kInf);
    }
    return cat({out, log_total}, -1);
  }
  /// The cotangents of q, k and v; out as forward() gives it, ct of the same shape.
  Tensors backward(const Tensor& out, const Tensor& ct) const {
    const I ev = v.size(2);
    const Tensor g = narrow(ct, 2, 0, ev), log_total = narrow(out, 2, ev, 1);
    const Tensor weights = exp(scores() - log_total);
    const Tensor of_row = sum(g * narrow(out, 2, 0, ev), -1, true) - narrow(ct, 2, ev, 1);
    const Tensor slope = weights * (matmul(g, transpose(v, -2, -1)) - of_row) * problem.scale;
    return {matmul(slope, k), matmul(transpose(slope, -2, -1), q),
            matmul(transpose(weights, -2, -1), g)};
  }
};

// x [G, S', …] with zeros behind, up to `keys`.
Tensor with_keys(const Tensor& x, I keys) {
  return x.size(1) == keys ? x : pad(x, {0, 0, 0, keys - x.size(1)});
}
Tensor sum_of(const Tensor& before, const Tensor& x) {
  return before.defined() ? with_keys(before, x.size(1)) + x : x;
}

/// A few problems: [G, L, …] and [G, S, …].
struct Few {
  const Problem& problem;
  Tensor q, k, v, shown_rows, shown_keys;

  Tensor keys(const Tensor& x, const Part& p) const {
    return x.defined() ? narrow(x, 1, 0, p.keys) : x;
  }
  Block block(const Part& p, const Tensor& first, const Tensors& rows) const {
    return {problem,
            first,
            rows[0],
            keys(k, p),
            keys(v, p),
            shown_rows.defined() ? rows.back()[0] : Tensor(),
            keys(shown_keys, p)};
  }
  // What the blocks of a part read row by row: q, `more`, the mask.
  Tensors rows(const Part& p, Tensors more) const {
    Tensors all{rows_of(q, p)};
    for (const Tensor& x : more) all.push_back(rows_of(x, p));
    if (shown_rows.defined())
      all.push_back(narrow(rows_of(unsqueeze(shown_rows, 0), p), 2, 0, p.keys));
    return all;
  }
};

Tensor number_of(I v, const Tensor& like) {
  return full({}, v, {.dtype = DType::I32, .device = like.device()});
}

// [G, blocks * R, …] <-> [blocks, G, R, …]
Tensor cut(const Tensor& x, const Part& p) {
  return transpose(reshape(x, {x.size(0), p.blocks, p.rows, x.size(2)}), 0, 1);
}
Tensor joined(const Tensor& x) {
  return reshape(transpose(x, 0, 1), {x.size(1), x.size(0) * x.size(2), x.size(3)});
}
Tensors cut(const Tensors& rows, const Part& p) {
  Tensors all;
  for (const Tensor& x : rows) all.push_back(cut(x, p));
  const TensorOptions integers{.dtype = DType::I32, .device = rows[0].device()};
  all.push_back(arange(p.blocks, integers) * p.rows + p.first);
  return all;
}
// The last of a row of `cut`'s tensors is the number of the first row.
Tensor take_first(Tensors* rows) {
  Tensor first = std::move(rows->back());
  rows->pop_back();
  return first;
}

Tensor forward(const Few& few) {
  Tensors out;
  for (const Part& p : parts_of(few.problem.length, few.problem.keys, few.problem.causal)) {
    const Tensors rows = few.rows(p, {});
    if (p.blocks == 1) {
      out.push_back(few.block(p, number_of(p.first, few.q), rows).forward());
      continue;
    }
    const auto step = [&](std::tuple<> none, Tensors row) {
      const Tensor first = take_first(&row);
      return std::pair(none, few.block(p, first, row).forward());
    };
    out.push_back(joined(scan(step, std::tuple<>(), cut(rows, p)).ys));
  }
  return out.size() == 1 ? out[0] : cat(out, 1);
}

// The cotangents of q, k and v of one part; those of k and v for the keys that it sees.
Tensors backward_of(const Few& few, const Part& p, const Tensor& out, const Tensor& ct) {
  const Tensors rows = few.rows(p, {out, ct});
  if (p.blocks == 1)
    return few.block(p, number_of(p.first, few.q), rows).backward(rows[1], rows[2]);
  const auto step = [&](Tensors sums, Tensors row) {
    const Tensor first = take_first(&row);
    const Tensors each = few.block(p, first, row).backward(row[1], row[2]);
    return std::pair(Tensors{sums[0] + each[1], sums[1] + each[2]}, each[0]);
  };
  const Tensors none{zeros_like(few.keys(few.k, p)), zeros_like(few.keys(few.v, p))};
  auto [sums, dq] = scan(step, none, cut(rows, p));
  return {joined(dq), sums[0], sums[1]};
}

Tensors backward(const Few& few, const Tensor& out, const Tensor& ct) {
  Tensors dq;
  Tensor dk, dv;
  for (const Part& p : parts_of(few.problem.length, few.problem.keys, few.problem.causal)) {
    const Tensors each = backward_of(few, p, out, ct);
    dq.push_back(each[0]);
    dk = sum_of(dk, each[1]);
    dv = sum_of(dv, each[2]);
  }
  return {dq.size() == 1 ? dq[0] : cat(dq, 1), with_keys(dk, few.problem.keys),
          with_keys(dv, few.problem.keys)};
}

// How many problems go together: as many as the caches hold, at least two, where they divide `all`.
I group_size(I all, I length, I keys) {
  const I rows = length < 2 * kRows ? length : kRows;
  I most = std::min(all, std::max<I>(2, kBlockElements / std::max<I>(rows * keys, 1)));
  while (all % most != 0) --most;
  return most;
}

// f over groups of problems: xs [N, …] -> tensors [N, …].
template <class F>
Tensors over_groups(I size, const Tensors& xs, F f) {
  if (xs[0].size(0) == size) return f(xs);
  Tensors rows;
  for (const Tensor& x : xs) {
    Shape shape{x.size(0) / size, size};
    for (int d = 1; d < x.ndim(); ++d) shape.push_back(x.size(d));
    rows.push_back(reshape(x, shape));
  }
  const auto step = [&](std::tuple<> none, const Tensors& x) { return std::pair(none, f(x)); };
  Tensors ys = scan(step, std::tuple<>(), rows).ys;
  for (Tensor& y : ys) y = flatten(y, 0, 1);
  return ys;
}

}  // namespace

bool attends_in_blocks(const Tensor& q, const Tensor& k) {
  const I scores = q.numel() / std::max<I>(q.size(-1), 1) * k.size(-2);
  return scores >= (q.device() == cpu() ? kFewScores : kFewScoresOfDevice) && q.size(-2) > 1;
}

Tensor blocked_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                         const AttentionMask& mask, double scale) {
  const Problem problem{q.size(1), k.size(1), mask.causal, scale};
  const I size = group_size(q.size(0), problem.length, problem.keys);
  const bool hides_rows = mask.rows.defined(), hides_keys = mask.keys.defined();
  // in: q, k, v, the masks that there are. A few problems of them and `more`, with the rows' mask,
  // which all share.
  const auto over = [=](const Tensors& in, const Tensors& more, auto f) {
    Tensors each(in.begin(), in.begin() + 3);
    each.insert(each.end(), more.begin(), more.end());
    if (hides_keys) each.push_back(in.back());
    const Tensor rows = hides_rows ? in[3] : Tensor();
    return over_groups(size, each, [&](const Tensors& x) {
      return f(Few{problem, x[0], x[1], x[2], rows, hides_keys ? x.back() : Tensor()}, x);
    });
  };
  Tensors in{q, k, v};
  if (hides_rows) in.push_back(mask.rows);
  if (hides_keys) in.push_back(mask.keys);
  const Tensor out =
      over(in, {}, [](const Few& few, const Tensors&) { return Tensors{forward(few)}; })[0];
  const auto rule = [over](const Tensors& given, const Tensor& result, const Tensor& ct) {
    Tensors cts = over(given, {result, ct},
                       [](const Few& few, const Tensors& x) { return backward(few, x[3], x[4]); });
    cts.resize(given.size());
    return cts;
  };
  return narrow(with_rule(rule, out, in), 2, 0, v.size(2));
}

}  // namespace lilith::detail
