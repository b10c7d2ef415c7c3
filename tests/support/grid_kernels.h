#pragma once
#include <functional>

#include "core/compute_dtype.h"
#include "lilith/kernel_math.h"
#include "support/loop_kernels.h"

// Kernels for a GPU, one of each kind that schedules make, with what they should compute.
namespace lilith::codegen::testing::kernels {

struct GridCase {
  Kernel kernel;
  /// By parameter: what it should hold afterwards, from what all held before. Empty: as before.
  std::function<std::vector<std::vector<double>>(const Inputs&)> plain;
  double tolerance = 0;  // relative to 1 + |value|
};

inline std::vector<double> numbers(const std::vector<char>& bytes) {
  std::vector<double> out;
  for (std::size_t i = 0; i < bytes.size() / 4; ++i)
    out.push_back(element(bytes.data(), DType::F32, i));
  return out;
}

inline BufferId shared(Builder& b, DType d, std::int64_t size) {
  return b.k.add_buffer("tile" + std::to_string(b.k.buffers.size()), d, size, Space::Shared);
}
inline Stmt grid(Expr var, Block body) { return make_for(var, LoopKind::Grid, std::move(body)); }
inline Stmt thread(Expr var, Block body) {
  return make_for(var, LoopKind::Thread, std::move(body));
}
inline Stmt thread(Expr row, Expr lane, Block body) {
  return thread(row, {thread(lane, std::move(body))});
}
inline Stmt serial(Expr var, Block body) {
  return make_for(var, LoopKind::Serial, std::move(body));
}
inline Stmt unroll(Expr var, Block body) {
  return make_for(var, LoopKind::Unroll, std::move(body));
}

/// z = x + y, four elements a thread; the last block is not full.
inline GridCase vector_add() {
  Builder b("vector add");
  b.k.threads = 128;
  const std::int64_t n = 1000;
  const BufferId x = b.in(DType::F32, n), y = b.in(DType::F32, n), z = b.out(DType::F32, n);
  const Expr block = b.p.var(2, "block"), t = b.p.var(128, "t"), v = b.p.var(4, "v");
  const Expr i = block * b.n(512) + t * b.n(4) + v;
  b.k.body = {grid(
      block, {thread(t, {make_for(v, LoopKind::Vector,
                                  {Store{z, i, b.load(x, i) + b.load(y, i), lt(i, b.n(n))}})})})};
  const auto plain = [](const Inputs& in) {
    std::vector<double> p = numbers(in[0]), q = numbers(in[1]);
    for (std::size_t k = 0; k < p.size(); ++k)
      p[k] = static_cast<float>(p[k]) + static_cast<float>(q[k]);
    return std::vector<std::vector<double>>{{}, {}, p};
  };
  return {std::move(b.k), plain};
}

/// y[r] = sum of row r, a block a row, by `lanes` of its threads.
inline GridCase row_sum(int threads, int lanes) {
  Builder b("row sum by " + std::to_string(lanes));
  b.k.threads = threads;
  const std::int64_t rows = 5, n = 300, steps = (n + lanes - 1) / lanes;
  const BufferId x = b.in(DType::F32, rows * n), y = b.out(DType::F32, rows);
  const Expr r = b.p.var(rows, "r"), t = b.p.var(lanes, "t"), k = b.p.var(steps, "k");
  const Expr one = b.p.var(1, "one"), j = k * b.n(lanes) + t;
  const RegId sum = b.k.add_reg("sum", DType::F32);
  b.k.body = {grid(
      r,
      {DeclReg{sum, b.f(0)},
       thread(
           t,
           {serial(k, {Accumulate{
                          sum, {}, Combine::Add, b.load(x, r * b.n(n) + j), {}, lt(j, b.n(n))}})}),
       thread(one, {Store{y, r, b.p.read(sum, DType::F32), {}}})})};
  const auto plain = [=](const Inputs& in) {
    const std::vector<double> p = numbers(in[0]);
    std::vector<double> sums;
    for (std::int64_t row = 0; row < rows; ++row) {
      std::vector<float> part(static_cast<std::size_t>(lanes), -0.0f);
      for (std::int64_t c = 0; c < n; ++c)
        part[static_cast<std::size_t>(c % lanes)] +=
            static_cast<float>(p[static_cast<std::size_t>(row * n + c)]);
      while (part.size() > 1) {  // pairs of neighbours
        std::vector<float> next;
        for (std::size_t c = 0; c < part.size(); c += 2)
          next.push_back(c + 1 < part.size() ? part[c] + part[c + 1] : part[c]);
        part = next;
      }
      sums.push_back(0.0f + part[0]);
    }
    return std::vector<std::vector<double>>{{}, sums};
  };
  return {std::move(b.k), plain};
}

/// Rows of 40, eight lanes a row, several rows a block: sums and maxima of a row held by its lanes.
inline GridCase rows_of_a_block() {
  Builder b("rows of a block");
  b.k.threads = 64;
  const std::int64_t rows = 21, n = 40;
  const BufferId x = b.in(DType::F32, rows * n), y = b.out(DType::F32, rows * n);
  const Expr block = b.p.var(3, "block"), i = b.p.var(8, "i"), lane = b.p.var(8, "lane");
  const Expr k = b.p.var(5, "k"), row = block * b.n(8) + i, j = k * b.n(8) + lane;
  const RegId high = b.k.add_thread_reg("high", DType::F32, {8}, 1);
  const RegId kept = b.k.add_thread_reg("kept", DType::F32, {8, 8, 5}, 2);
  const Expr inside = lt(row, b.n(rows)), v = b.load(x, row * b.n(n) + j, inside);
  const Expr top = b.p.read(high, DType::F32, {i});
  b.k.body = {
      grid(block,
           {DeclReg{high, b.f(-100)}, DeclReg{kept, b.f(0)},
            thread(i, lane,
                   {serial(k, {SetReg{kept, {i, lane, k}, v},
                               Accumulate{high, {i}, Combine::Max, v, {}, {}}})}),
            thread(i, lane,
                   {serial(k, {Store{y, row * b.n(n) + j,
                                     b.p.read(kept, DType::F32, {i, lane, k}) - top, inside}})})})};
  const auto plain = [=](const Inputs& in) {
    std::vector<double> p = numbers(in[0]);
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto begin = p.begin() + r * n;
      const auto most = static_cast<float>(*std::max_element(begin, begin + n));
      for (auto at = begin; at < begin + n; ++at) *at = static_cast<float>(*at) - most;
    }
    return std::vector<std::vector<double>>{{}, p};
  };
  return {std::move(b.k), plain};
}

/// y[n, m] = x[m, n] by tiles of 32x32, a column more in memory.
inline GridCase transpose() {
  Builder b("transpose");
  b.k.threads = 256;
  const std::int64_t m = 50, n = 70;
  const BufferId x = b.in(DType::F32, m * n), y = b.out(DType::F32, m * n);
  const BufferId tile = shared(b, DType::F32, 32 * 33);
  const Expr block = b.p.var(6, "block"), ty = b.p.var(8, "ty"), tx = b.p.var(32, "tx");
  const Expr k = b.p.var(4, "k"), i0 = floor_div(block, 3) * b.n(32);
  const Expr j0 = floor_mod(block, 3) * b.n(32), step = k * b.n(8) + ty;
  const Expr row = i0 + step, col = j0 + tx, row2 = j0 + step, col2 = i0 + tx;
  const Expr in = logical_and(lt(row, b.n(m)), lt(col, b.n(n)));
  const Expr out = logical_and(lt(row2, b.n(n)), lt(col2, b.n(m)));
  b.k.body = {grid(
      block,
      {thread(
           ty, tx,
           {unroll(k, {Store{tile, step * b.n(33) + tx, b.load(x, row * b.n(n) + col, in), {}}})}),
       Barrier{},
       thread(ty, tx,
              {unroll(
                  k, {Store{y, row2 * b.n(m) + col2, b.load(tile, tx * b.n(33) + step), out}})})})};
  const auto plain = [=](const Inputs& inputs) {
    const std::vector<double> p = numbers(inputs[0]);
    std::vector<double> q(p.size());
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j)
        q[static_cast<std::size_t>(j * m + i)] = p[static_cast<std::size_t>(i * n + j)];
    }
    return std::vector<std::vector<double>>{{}, q};
  };
  return {std::move(b.k), plain};
}

/// partials[c][j] = sum of column j over the rows of chunk c: 8 threads a column, then one.
inline GridCase column_partials() {
  Builder b("column partials");
  b.k.threads = 256;
  const std::int64_t chunks = 3, rows = 40, n = 70;  // 40 rows a chunk
  const BufferId x = b.in(DType::F32, chunks * rows * n), y = b.out(DType::F32, chunks * n);
  const BufferId part = shared(b, DType::F32, 8 * 32);
  const Expr block = b.p.var(chunks * 3, "block"), ty = b.p.var(8, "ty"), tx = b.p.var(32, "tx");
  const Expr t = b.p.var(32, "t"), k = b.p.var(5, "k"), q = b.p.var(8, "q");
  const Expr chunk = floor_div(block, 3), j0 = floor_mod(block, 3) * b.n(32);
  const Expr row = chunk * b.n(rows) + k * b.n(8) + ty, inside = lt(j0 + tx, b.n(n));
  const RegId acc = b.k.add_thread_reg("acc", DType::F32, {8, 32}, 2);
  const RegId sum = b.k.add_reg("sum", DType::F32);
  b.k.body = {grid(
      block,
      {DeclReg{acc, b.f(0)},
       thread(ty, tx,
              {serial(k, {Accumulate{acc,
                                     {ty, tx},
                                     Combine::Add,
                                     b.load(x, row * b.n(n) + j0 + tx, inside),
                                     {},
                                     {}}})}),
       thread(ty, tx, {Store{part, ty * b.n(32) + tx, b.p.read(acc, DType::F32, {ty, tx}), {}}}),
       Barrier{},
       thread(
           t,
           {DeclReg{sum, b.f(0)},
            serial(q, {Accumulate{sum, {}, Combine::Add, b.load(part, q * b.n(32) + t), {}, {}}}),
            Store{y, chunk * b.n(n) + j0 + t, b.p.read(sum, DType::F32), lt(j0 + t, b.n(n))}})})};
  const auto plain = [=](const Inputs& in) {
    const std::vector<double> p = numbers(in[0]);
    std::vector<double> sums(static_cast<std::size_t>(chunks * n));
    for (std::size_t i = 0; i < p.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      sums[static_cast<std::size_t>(at / (rows * n) * n + at % n)] += p[i];
    }
    return std::vector<std::vector<double>>{{}, sums};
  };
  return {std::move(b.k), plain, 1e-5};
}

/// The second stage: one thread a column.
inline GridCase column_totals() {
  Builder b("column totals");
  b.k.threads = 32;
  const std::int64_t chunks = 3, n = 70;
  const BufferId x = b.in(DType::F32, chunks * n), y = b.out(DType::F32, n);
  const Expr block = b.p.var(3, "block"), t = b.p.var(32, "t"), c = b.p.var(chunks, "c");
  const Expr j = block * b.n(32) + t;
  const RegId sum = b.k.add_reg("sum", DType::F32);
  b.k.body = {grid(
      block,
      {thread(
          t,
          {DeclReg{sum, b.f(0)},
           serial(c, {Accumulate{
                         sum, {}, Combine::Add, b.load(x, c * b.n(n) + j, lt(j, b.n(n))), {}, {}}}),
           Store{y, j, b.p.read(sum, DType::F32), lt(j, b.n(n))}})})};
  const auto plain = [=](const Inputs& in) {
    const std::vector<double> p = numbers(in[0]);
    std::vector<double> sums;
    for (std::size_t col = 0; col < static_cast<std::size_t>(n); ++col) {
      float s = 0;
      for (std::size_t k = 0; k < static_cast<std::size_t>(chunks); ++k)
        s += static_cast<float>(p[k * static_cast<std::size_t>(n) + col]);
      sums.push_back(s);
    }
    return std::vector<std::vector<double>>{{}, sums};
  };
  return {std::move(b.k), plain};
}

/// c = a @ b, tiles of 64x64x16 in shared memory, 4x4 elements a thread; m and k are no multiples.
inline GridCase matmul() {
  Builder b("matmul");
  b.k.threads = 256;
  const std::int64_t m = 100, n = 128, k = 40;
  const BufferId x = b.in(DType::F32, m * k), y = b.in(DType::F32, k * n);
  const BufferId z = b.out(DType::F32, m * n);
  const BufferId xs = shared(b, DType::F32, 16 * 68), ys = shared(b, DType::F32, 16 * 64);
  const Expr block = b.p.var(4, "block"), t = b.p.var(256, "t"), ty = b.p.var(16, "ty");
  const Expr tx = b.p.var(16, "tx"), k0 = b.p.var(3, "k0"), e = b.p.var(4, "e");
  const Expr kk = b.p.var(16, "kk"), r = b.p.var(4, "r"), c = b.p.var(4, "c");
  const Expr i0 = floor_div(block, 2) * b.n(64), j0 = floor_mod(block, 2) * b.n(64);
  const Expr at = e * b.n(256) + t;
  const Expr xr = floor_div(at, 16), xk = floor_mod(at, 16), xa = k0 * b.n(16) + xk;
  const Expr yk = floor_div(at, 64), yc = floor_mod(at, 64), ya = k0 * b.n(16) + yk;
  const Expr from_x =
      b.load(x, (i0 + xr) * b.n(k) + xa, logical_and(lt(i0 + xr, b.n(m)), lt(xa, b.n(k))));
  const Expr from_y = b.load(y, ya * b.n(n) + j0 + yc, lt(ya, b.n(k)));
  const RegId acc = b.k.add_thread_reg("acc", DType::F32, {16, 16, 4, 4}, 2);
  const Accumulate step{acc,
                        {ty, tx, r, c},
                        Combine::Add,
                        b.load(ys, kk * b.n(64) + tx * b.n(4) + c),
                        b.load(xs, kk * b.n(68) + ty * b.n(4) + r),
                        {}};
  const Expr row = i0 + ty * b.n(4) + r;
  const Store out{z, row * b.n(n) + j0 + tx * b.n(4) + c, b.p.read(acc, DType::F32, {ty, tx, r, c}),
                  lt(row, b.n(m))};
  b.k.body = {grid(
      block, {DeclReg{acc, b.f(0)},
              serial(k0, {thread(t, {unroll(e, {Store{xs, xk * b.n(68) + xr, from_x, {}},
                                                Store{ys, yk * b.n(64) + yc, from_y, {}}})}),
                          Barrier{}, thread(ty, tx, {serial(kk, {unroll(r, {unroll(c, {step})})})}),
                          Barrier{}}),
              thread(ty, tx, {unroll(r, {make_for(c, LoopKind::Vector, {out})})})})};
  const auto plain = [=](const Inputs& in) {
    const std::vector<double> p = numbers(in[0]), q = numbers(in[1]);
    std::vector<double> product;
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        float s = 0;
        for (std::int64_t l = 0; l < k; ++l)
          s = std::fma(static_cast<float>(p[static_cast<std::size_t>(i * k + l)]),
                       static_cast<float>(q[static_cast<std::size_t>(l * n + j)]), s);
        product.push_back(s);
      }
    }
    return std::vector<std::vector<double>>{{}, {}, product};
  };
  return {std::move(b.k), plain};
}

/// Softmax of rows of 300 in shared memory, a block a row.
inline GridCase softmax() {
  Builder b("softmax");
  b.k.threads = 128;
  const std::int64_t rows = 4, n = 300;
  const BufferId x = b.in(DType::F32, rows * n), y = b.out(DType::F32, rows * n);
  const BufferId kept = shared(b, DType::F32, n);
  const Expr row = b.p.var(rows, "row"), t = b.p.var(128, "t"), k = b.p.var(3, "k");
  const Expr j = k * b.n(128) + t, inside = lt(j, b.n(n));
  const RegId high = b.k.add_reg("high", DType::F32), sum = b.k.add_reg("sum", DType::F32);
  const Expr v = b.load(x, row * b.n(n) + j, inside), held = b.load(kept, j, inside);
  const Expr power = exp(held - b.p.read(high, DType::F32));
  b.k.body = {
      grid(row, {DeclReg{high, b.f(-1e30)}, DeclReg{sum, b.f(0)},
                 thread(t, {serial(k, {Store{kept, j, v, inside},
                                       Accumulate{high, {}, Combine::Max, v, {}, inside}})}),
                 Barrier{},
                 thread(t, {serial(k, {Accumulate{sum, {}, Combine::Add, power, {}, inside},
                                       Store{kept, j, power, inside}})}),
                 Barrier{},
                 thread(t, {serial(k, {Store{y, row * b.n(n) + j, held / b.p.read(sum, DType::F32),
                                             inside}})})})};
  const auto plain = [=](const Inputs& in) {
    std::vector<double> p = numbers(in[0]);
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto begin = p.begin() + r * n;
      const double most = *std::max_element(begin, begin + n);
      double total = 0;
      for (auto at = begin; at < begin + n; ++at) total += * at = std::exp(*at - most);
      for (auto at = begin; at < begin + n; ++at) *at /= total;
    }
    return std::vector<std::vector<double>>{{}, p};
  };
  return {std::move(b.k), plain, 1e-6};
}

inline std::vector<GridCase> grid_kernels() {
  std::vector<GridCase> all;
  all.push_back(vector_add());
  for (auto [threads, lanes] : {std::pair{64, 64}, {64, 40}, {256, 256}, {96, 96}, {48, 1}})
    all.push_back(row_sum(threads, lanes));
  all.push_back(rows_of_a_block());
  all.push_back(transpose());
  all.push_back(column_partials());
  all.push_back(column_totals());
  all.push_back(matmul());
  all.push_back(softmax());
  return all;
}

// More that printers may get wrong, without a plain computation: the interpreter's bits count.

inline std::vector<Combine> combines_of(DType d) {
  std::vector<Combine> all{Combine::Add, Combine::Mul, Combine::Max, Combine::Min};
  if (!is_floating(d)) all.insert(all.end(), {Combine::And, Combine::Or});
  return all;
}

/// Three rows of `lanes` lanes: every combination of a row and of the block, of values of a dtype.
inline Kernel every_combination(DType d, int lanes, int threads) {
  Builder b("combinations of " + std::to_string(lanes) + " " + std::string(name(d)));
  b.k.threads = threads;
  const DType of = compute_dtype(d);
  const auto ways = static_cast<std::int64_t>(combines_of(d).size());
  const BufferId x = b.in(d, 4 * 3 * lanes), of_row = b.out(of, 4 * 3 * ways);
  const BufferId of_block = b.out(of, 4 * ways);
  const Expr block = b.p.var(4, "block"), i = b.p.var(3, "i"), lane = b.p.var(lanes, "lane");
  const Expr one = b.p.var(1, "one"), row = block * b.n(3) + i;
  const Expr v = b.load(x, row * b.n(lanes) + lane);
  Block declare, accumulate, store_rows, store;
  for (const Combine c : combines_of(d)) {
    const std::string of_c = std::to_string(static_cast<int>(c));
    const RegId r = b.k.add_thread_reg("row" + of_c, of, {3}, 1);
    const RegId all = b.k.add_reg("all" + of_c, of);
    for (const RegId reg : {r, all}) declare.push_back(DeclReg{reg, b.p.constant(of, 1)});
    accumulate.push_back(Accumulate{r, {i}, c, v, {}, {}});
    accumulate.push_back(Accumulate{all, {}, c, v, {}, ne(lane, b.n(1))});
    const Expr at = b.n(static_cast<std::int64_t>(store.size()));
    store_rows.push_back(
        Store{of_row, row * b.n(ways) + at, b.p.read(r, of, {i}), eq(lane, b.n(0))});
    store.push_back(Store{of_block, block * b.n(ways) + at, b.p.read(all, of), {}});
  }
  declare.push_back(thread(i, lane, accumulate));
  declare.push_back(thread(i, lane, store_rows));
  declare.push_back(thread(one, store));
  b.k.body = {grid(block, declare)};
  return std::move(b.k);
}

/// An array of sums, each lane adds to some: products, in two dimensions.
inline Kernel arrays_of_sums() {
  Builder b("arrays of sums");
  b.k.threads = 64;
  const BufferId x = b.in(DType::F32, 5 * 60), y = b.out(DType::F32, 5 * 6);
  const Expr block = b.p.var(5, "block"), t = b.p.var(60, "t"), u = b.p.var(6, "u");
  const RegId sums = b.k.add_reg("sums", DType::F32, {2, 3});
  const Expr v = b.load(x, block * b.n(60) + t);
  b.k.body = {
      grid(block, {DeclReg{sums, b.f(0.5)},
                   thread(t, {Accumulate{sums,
                                         {floor_mod(t, 2), floor_mod(t, 3)},
                                         Combine::Add,
                                         v,
                                         v + 1.0,
                                         lt(t, b.n(50))}}),
                   thread(u, {Store{y,
                                    block * b.n(6) + u,
                                    b.p.read(sums, DType::F32, {floor_div(u, 3), floor_mod(u, 3)}),
                                    {}}})})};
  return std::move(b.k);
}

/// Halves in both memories, `width` in one access.
inline Kernel halves(DType d, int width) {
  Builder b("halves " + std::string(name(d)));
  b.k.threads = 32;
  const std::int64_t n = 32 * width, all = 3 * n;
  const BufferId x = b.in(d, all), y = b.in(DType::F32, all), z = b.out(d, all);
  const BufferId tile = shared(b, d, n);
  const Expr block = b.p.var(3, "block"), t = b.p.var(32, "t"), v = b.p.var(width, "v");
  const Expr j = t * b.n(width) + v, back = (b.n(31) - t) * b.n(width) + v;
  const Expr first = lt(block * b.n(n) + t * b.n(width), b.n(all - 8));
  const auto vector = [&](Stmt s) { return make_for(v, LoopKind::Vector, {std::move(s)}); };
  b.k.body = {grid(
      block,
      {thread(t, {vector(Store{
                     tile, j, b.load(x, block * b.n(n) + j) * b.load(y, block * b.n(n) + j), {}})}),
       Barrier{},
       thread(t,
              {vector(Store{z, block * b.n(n) + j,
                            b.load(tile, back) + b.load(x, block * b.n(n) + j, first), first})})})};
  return std::move(b.k);
}

/// Vector loops that are no single accesses: strides, masks of a lane, a sum in place, a branch.
inline Kernel vectors_in_parts() {
  Builder b("vectors in parts");
  b.k.threads = 16;
  const BufferId x = b.in(DType::F32, 300), y = b.out(DType::F32, 64), z = b.out(DType::F32, 64);
  const BufferId w = b.out(DType::F64, 64), q = b.out(DType::F32, 80);
  const Expr block = b.p.var(1, "block"), t = b.p.var(16, "t"), v = b.p.var(4, "v");
  const Expr i = t * b.n(4) + v;
  const RegId r = b.k.add_reg("r", DType::F32);
  const auto body = [](Stmt s) { return std::make_shared<Block>(Block{std::move(s)}); };
  b.k.body = {
      grid(block,
           {thread(t, {DeclReg{r, b.f(0)},
                       make_for(v, LoopKind::Vector,
                                {Store{y, i, b.load(x, i * b.n(3)) + b.load(x, i + b.n(1)), {}},
                                 Store{z, i, b.load(z, i) + b.load(x, i), lt(i, b.n(50))},
                                 Accumulate{r, {}, Combine::Add, b.load(x, i), {}, {}},
                                 Store{w, i, b.p.cast(b.p.read(r, DType::F32), DType::F64), {}}}),
                       make_for(v, LoopKind::Vector,
                                {If{lt(v, b.n(3)), body(Store{q, t * b.n(5) + v, b.load(x, i), {}}),
                                    body(Store{q, t * b.n(5) + b.n(4), b.f(7), {}})}})})})};
  return std::move(b.k);
}

/// A tree in shared memory by hand, in a loop that the block leaves together.
inline Kernel tree_by_hand() {
  Builder b("tree by hand");
  b.k.threads = 64;
  const BufferId x = b.in(DType::F32, 4 * 64), y = b.out(DType::F32, 4);
  const BufferId tile = shared(b, DType::F32, 64);
  const Expr block = b.p.var(4, "block"), t = b.p.var(64, "t"), one = b.p.var(1, "one");
  const RegId half = b.k.add_reg("half", DType::I64);
  const Expr h = b.p.read(half, DType::I64);
  const auto body = [](Block s) { return std::make_shared<Block>(std::move(s)); };
  const Store add{tile, t, b.load(tile, t) + b.load(tile, t + h), lt(t, h)};
  const Store out{y, block, b.load(tile, b.n(0)), {}},
      twice{y, block, b.load(tile, b.n(0)) * 2.0, {}};
  b.k.body = {grid(
      block,
      {DeclReg{half, b.n(32)}, thread(t, {Store{tile, t, b.load(x, block * b.n(64) + t), {}}}),
       Barrier{},
       While{lt(b.n(0), h), body({thread(t, {add}), Barrier{},
                                  SetReg{half, {}, b.p.make(Op::Div, DType::I64, {h, b.n(2)})}})},
       If{lt(block, b.n(2)), body({thread(one, {out})}), body({thread(one, {twice})})}})};
  return std::move(b.k);
}

inline std::vector<Kernel> combination_kernels() {
  std::vector<Kernel> all;
  for (const DType d :
       {DType::F32, DType::Bool, DType::F64, DType::BF16, DType::I32, DType::I64, DType::U8})
    all.push_back(every_combination(d, 24, 80));
  for (auto [lanes, threads] :
       {std::pair{32, 96}, {32, 128}, {64, 192}, {96, 288}, {8, 32}, {1, 3}})
    all.push_back(every_combination(DType::F32, lanes, threads));
  all.push_back(every_combination(DType::I64, 64, 256));
  return all;
}

inline std::vector<Kernel> more_grid_kernels() {
  std::vector<Kernel> all;
  all.push_back(arrays_of_sums());
  for (const int width : {2, 4}) {
    all.push_back(halves(DType::F16, width));
    all.push_back(halves(DType::BF16, width));
  }
  all.push_back(vectors_in_parts());
  all.push_back(tree_by_hand());
  return all;
}

}  // namespace lilith::codegen::testing::kernels
