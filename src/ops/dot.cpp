#include <algorithm>

#include "lilith/ops/linalg.h"
#include "ops/batch.h"
#include "ops/define.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// dot_general: the contraction that every product of matrices is.
namespace lilith {
namespace ops {
namespace {

using I = std::int64_t;
using U = std::uint64_t;
using Cts = std::vector<Tensor>;

Ints concat(std::initializer_list<Ints> lists) {
  Ints out;
  for (const Ints& list : lists) out.insert(out.end(), list.begin(), list.end());
  return out;
}
Ints free_dims(int rank, const Ints& batch, const Ints& contract) {
  return other_dims(rank, concat({batch, contract}));
}

struct Spec {
  const Ints &lhs_batch, &rhs_batch, &lhs_contract, &rhs_contract;
  explicit Spec(const Attrs& a)
      : lhs_batch(a.ints("lhs_batch")),
        rhs_batch(a.ints("rhs_batch")),
        lhs_contract(a.ints("lhs_contract")),
        rhs_contract(a.ints("rhs_contract")) {}
};

void check_side(const InferCtx& c, int side, const Ints& batch, const Ints& contract) {
  Ints dims = concat({batch, contract});
  std::sort(dims.begin(), dims.end());
  const bool ok =
      std::adjacent_find(dims.begin(), dims.end()) == dims.end() &&
      (dims.empty() ||
       (dims.front() >= 0 && dims.back() < c.in[static_cast<std::size_t>(side)].shape.rank()));
  LILITH_CHECK(ok, "dot_general: dimensions of the {} operand {} are out of range or named twice",
               side == 0 ? "left" : "right", c.in[static_cast<std::size_t>(side)].str());
}

Aval infer_dot(const InferCtx& c) {
  const Spec s(c.attrs);
  const Shape &a = c.in[0].shape, &b = c.in[1].shape;
  LILITH_CHECK(c.in[0].dtype == c.in[1].dtype, "dot_general: dtypes differ: {}; need equal dtypes",
               describe(c));
  LILITH_CHECK(
      s.lhs_batch.size() == s.rhs_batch.size() && s.lhs_contract.size() == s.rhs_contract.size(),
      "dot_general: {} batch and {} contracted dimensions on the left, {} and {} on the right; "
      "need as many",
      s.lhs_batch.size(), s.lhs_contract.size(), s.rhs_batch.size(), s.rhs_contract.size());
  check_side(c, 0, s.lhs_batch, s.lhs_contract);
  check_side(c, 1, s.rhs_batch, s.rhs_contract);
  const auto check_pairs = [&](const Ints& l, const Ints& r, const char* what) {
    for (std::size_t i = 0; i < l.size(); ++i) {
      const I m = a[static_cast<int>(l[i])], n = b[static_cast<int>(r[i])];
      LILITH_CHECK(m == n, "dot_general: {} sizes differ: {}; need equal sizes ({} vs {})", what,
                   describe(c), m, n);
    }
  };
  check_pairs(s.lhs_batch, s.rhs_batch, "batch");
  check_pairs(s.lhs_contract, s.rhs_contract, "contracted");
  Shape out;
  for (I d : s.lhs_batch) out.push_back(a[static_cast<int>(d)]);
  for (I d : free_dims(a.rank(), s.lhs_batch, s.lhs_contract))
    out.push_back(a[static_cast<int>(d)]);
  for (I d : free_dims(b.rank(), s.rhs_batch, s.rhs_contract))
    out.push_back(b[static_cast<int>(d)]);
  return {.shape = out, .dtype = c.in[0].dtype, .device = c.in[0].device};
}

// The gradient of one operand: contract ct with the other operand over that one's free dimensions.
// Of the two orders of the operands the one that needs no transpose afterwards is taken.
Tensor operand_gradient(const Tensor& ct, const Tensor& x, const Tensor& other, const Ints& x_batch,
                        const Ints& x_contract, const Ints& other_batch, const Ints& other_contract,
                        bool x_is_lhs) {
  const auto nb = static_cast<I>(x_batch.size());
  const Ints x_free = free_dims(x.ndim(), x_batch, x_contract);
  const Ints other_free = free_dims(other.ndim(), other_batch, other_contract);
  const Ints ct_batch = range(nb);
  Ints ct_other = range(static_cast<I>(other_free.size()));
  for (I& d : ct_other) d += nb + (x_is_lhs ? static_cast<I>(x_free.size()) : 0);
  // The contracted dimensions come out in the order that they have in `other`.
  Ints order = range(static_cast<I>(other_contract.size()));
  std::sort(order.begin(), order.end(), [&](I i, I j) {
    return other_contract[static_cast<std::size_t>(i)] <
           other_contract[static_cast<std::size_t>(j)];
  });
  Ints contracted;
  for (I i : order) contracted.push_back(x_contract[static_cast<std::size_t>(i)]);
  const Ints ct_first = concat({x_batch, x_free, contracted});
  const Ints other_first = concat({x_batch, contracted, x_free});
  if (!std::is_sorted(ct_first.begin(), ct_first.end()) &&
      std::is_sorted(other_first.begin(), other_first.end())) {
    return dot_general(other, ct, other_batch, ct_batch, other_free, ct_other);
  }
  const Tensor g = dot_general(ct, other, ct_batch, other_batch, ct_other, other_free);
  return make_transpose(g, inverse_permutation(ct_first));
}

void reference_dot(RefCtx& c) {
  const Spec s(c.attrs);
  const RefTensor &a = *c.in[0], &b = *c.in[1];
  const Shape &as = a.aval.shape, &bs = b.aval.shape;
  const Ints a_free = free_dims(as.rank(), s.lhs_batch, s.lhs_contract);
  const Ints b_free = free_dims(bs.rank(), s.rhs_batch, s.rhs_contract);
  Shape inner;
  for (I d : s.lhs_contract) inner.push_back(as[static_cast<int>(d)]);
  Ints ai(as.size()), bi(bs.size());
  for_each_index(c.out.aval.shape, [&](const Ints& to, I k) {
    std::size_t d = 0;
    for (std::size_t i = 0; i < s.lhs_batch.size(); ++i, ++d) {
      ai[static_cast<std::size_t>(s.lhs_batch[i])] = bi[static_cast<std::size_t>(s.rhs_batch[i])] =
          to[d];
    }
    for (I f : a_free) ai[static_cast<std::size_t>(f)] = to[d++];
    for (I f : b_free) bi[static_cast<std::size_t>(f)] = to[d++];
    double sum = 0;
    U int_sum = 0;
    for_each_index(inner, [&](const Ints& at, I) {
      for (std::size_t i = 0; i < at.size(); ++i) {
        ai[static_cast<std::size_t>(s.lhs_contract[i])] =
            bi[static_cast<std::size_t>(s.rhs_contract[i])] = at[i];
      }
      const auto x = static_cast<std::size_t>(linear_index(as, ai)),
                 y = static_cast<std::size_t>(linear_index(bs, bi));
      if (a.floating())
        sum += a.f[x] * b.f[y];
      else
        int_sum += static_cast<U>(a.i[x]) * static_cast<U>(b.i[y]);
    });
    if (c.out.floating())
      c.out.f[static_cast<std::size_t>(k)] = sum;
    else
      c.out.set_int(k, static_cast<I>(int_sum));
  });
}

std::vector<ContractionAxis> dot_axes(const Attrs& attrs, const Shape& lhs, const Shape& rhs,
                                      const Shape&) {
  const Spec s(attrs);
  std::vector<ContractionAxis> axes;
  const auto index = [](I d) { return static_cast<int>(d); };
  int out = 0;
  for (std::size_t i = 0; i < s.lhs_batch.size(); ++i) {
    const int l = index(s.lhs_batch[i]), r = index(s.rhs_batch[i]);
    axes.push_back({fmt::format("batch{}", i), lhs[l], {l}, {r}, {out++}});
  }
  for (const I d : free_dims(lhs.rank(), s.lhs_batch, s.lhs_contract))
    axes.push_back({fmt::format("m{}", d), lhs[index(d)], {index(d)}, {}, {out++}});
  for (const I d : free_dims(rhs.rank(), s.rhs_batch, s.rhs_contract))
    axes.push_back({fmt::format("n{}", d), rhs[index(d)], {}, {index(d)}, {out++}});
  for (std::size_t i = 0; i < s.lhs_contract.size(); ++i) {
    const int l = index(s.lhs_contract[i]), r = index(s.rhs_contract[i]);
    axes.push_back({fmt::format("k{}", i), lhs[l], {l}, {r}, {}});
  }
  return axes;
}

Ints shifted(Ints dims) {
  for (I& d : dims) ++d;
  return dims;
}

// Two batched operands: one more batch dimension. One: its examples are rows (or columns) of one
// product. A product with the other operand's columns first needs no transpose where it has none.
Cts batch_dot(const BatchCtx& c) {
  const Spec s(c.attrs);
  const Tensor &a = c.in[0], &b = c.in[1];
  if (c.batched[0] && c.batched[1])
    return {dot_general(a, b, behind_batch(s.lhs_batch), behind_batch(s.rhs_batch),
                        shifted(s.lhs_contract), shifted(s.rhs_contract))};
  const auto nb = static_cast<I>(s.lhs_batch.size());
  Tensor y;
  I at = nb;  // where the examples are in y
  if (c.batched[0]) {
    y = dot_general(a, b, shifted(s.lhs_batch), s.rhs_batch, shifted(s.lhs_contract),
                    s.rhs_contract);
  } else if (free_dims(b.ndim() - 1, s.rhs_batch, s.rhs_contract).empty()) {
    y = dot_general(b, a, shifted(s.rhs_batch), s.lhs_batch, shifted(s.rhs_contract),
                    s.lhs_contract);
  } else {
    y = dot_general(a, b, s.lhs_batch, shifted(s.rhs_batch), s.lhs_contract,
                    shifted(s.rhs_contract));
    at += static_cast<I>(free_dims(a.ndim(), s.lhs_batch, s.lhs_contract).size());
  }
  return {move_dim(y, static_cast<int>(at), 0)};
}

const OpDef& dot_general_op = register_builtin(
    {.name = "dot_general",
     .arity = 2,
     .cls = OpClass::Contraction,
     .infer = infer_dot,
     .vjp = [](const VjpCtx& c, const Tensor& ct) -> Cts {
       const Spec s(c.attrs);
       Cts out(2);
       if (c.wanted[0]) {
         out[0] = operand_gradient(ct, c.in[0], c.in[1], s.lhs_batch, s.lhs_contract, s.rhs_batch,
                                   s.rhs_contract, true);
       }
       if (c.wanted[1]) {
         out[1] = operand_gradient(ct, c.in[1], c.in[0], s.rhs_batch, s.rhs_contract, s.lhs_batch,
                                   s.lhs_contract, false);
       }
       return out;
     },
     .reference = reference_dot,
     .axes = dot_axes,
     .batch = batch_dot});

}  // namespace
}  // namespace ops

Tensor dot_general(const Tensor& lhs, const Tensor& rhs, const std::vector<std::int64_t>& lhs_batch,
                   const std::vector<std::int64_t>& rhs_batch,
                   const std::vector<std::int64_t>& lhs_contract,
                   const std::vector<std::int64_t>& rhs_contract) {
  return apply(ops::dot_general_op, {lhs, rhs},
               {{"lhs_batch", lhs_batch},
                {"rhs_batch", rhs_batch},
                {"lhs_contract", lhs_contract},
                {"rhs_contract", rhs_contract}});
}

}  // namespace lilith
