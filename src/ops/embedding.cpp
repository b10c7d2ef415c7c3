#include <cmath>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/half.h"
#include "ops/indices.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// Rows of a table by number: one by one, and in bags.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

struct Lookup {
  const char* op;
  Tensor index, weight;           // i64 [n], [V, D]
  std::optional<I> padding = {};  // in [0, V)

  Lookup(const char* op, const Tensor& index, const Tensor& weight,
         const std::optional<Int>& padding_idx)
      : op(op), weight(weight) {
    LILITH_CHECK(is_integral(index.dtype()), "{}: the index is {}; need integers", op,
                 index.aval().str());
    LILITH_CHECK(weight.ndim() == 2, "{}: weight is {}; need [rows, features]", op,
                 weight.aval().str());
    this->index = make_reshape(make_cast(index, DType::I64), {index.numel()});
    if (!padding_idx) return;
    padding = from_end(*padding_idx, weight.size(0));
    LILITH_CHECK(*padding >= 0 && *padding < weight.size(0), "{}: padding_idx {} of {} rows", op,
                 *padding_idx, weight.size(0));
  }
  I count() const { return index.numel(); }
  // bool [n]; undefined where every index counts.
  Tensor counted() const {
    return padding ? compare("ne", index, static_cast<double>(*padding)) : Tensor();
  }
  Tensor spread(const Tensor& per_index) const {
    return make_broadcast(per_index, {count(), weight.size(1)}, {0});
  }
  // [n, D]; the padding's row passes no gradient on.
  Tensor rows() const {
    const Tensor all = make_gather(weight, 0, spread(index));
    return padding ? make_select(spread(counted()), all, stop_gradient(all)) : all;
  }
  // How often index names what each of it names, of dtype; the padding does not count.
  Tensor frequency(DType dtype) const {
    const Tensor ones =
        padding ? make_cast(counted(), dtype) : make_full({count()}, 1, dtype, index.device());
    const Tensor none = make_full({weight.size(0)}, 0, dtype, index.device());
    return make_gather(make_scatter_add(none, 0, index, ones), 0, index);
  }
  // rows, as max_norm and scale_grad_by_freq have them.
  Tensor rows(const std::optional<Real>& max_norm, double norm_type, bool by_frequency) const {
    Tensor out = rows();
    if (max_norm) {
      const Tensor wide = widened(stop_gradient(out)), length = norm(wide, norm_type, 1, true);
      const Tensor factor = mul(full_as(length, *max_norm), reciprocal(shift(length, 1e-7)));
      const Tensor held = make_select(compare("gt", length, *max_norm), factor, full_as(length, 1));
      out = straight_through(narrowed(mul(wide, broadcast_last(held, out.shape())), out.dtype()),
                             out);
    }
    if (!by_frequency) return out;
    const Tensor often = frequency(out.dtype());
    return straight_through(out, div(out, spread(clamp_min(often, full_as(often, 1)))));
  }
};

}  // namespace

Tensor embedding(const Arg& index, const Tensor& weight, std::optional<Int> padding_idx) {
  LocScope scope(index.loc());
  return embedding(index, weight, EmbeddingFunctionOptions{.padding_idx = padding_idx});
}
Tensor embedding(const Arg& index, const Tensor& weight, const EmbeddingFunctionOptions& o) {
  LocScope scope(index.loc());
  const Tensor at = index.tensor();
  const Lookup lookup("embedding", at, weight, o.padding_idx);
  Shape out = at.shape();
  out.push_back(weight.size(1));
  return make_reshape(lookup.rows(o.max_norm, o.norm_type, o.scale_grad_by_freq), out);
}

namespace {

// Which bag each index is in: i64 [n].
Tensor bag_numbers(const Tensor& offsets, I n) {
  const Tensor none = make_full({n + 1}, 0, DType::I64, offsets.device());
  const Tensor begun = make_scatter_add(none, 0, offsets, full_as(offsets, 1));
  return shift(slice_dim(cumsum(begun, 0), 0, 0, n), -1);
}

// [n, D] -> [B, D], bags being of any size.
Tensor reduced_bags(const Tensor& values, const Tensor& bag, const Tensor& counted, I bags,
                    BagMode mode) {
  const I n = values.size(0), width = values.size(1);
  const Tensor none = make_full({bags, width}, 0, values.dtype(), values.device());
  if (n == 0) return none;
  if (mode != BagMode::Max) {
    const Tensor at = make_broadcast(bag, values.shape(), {0});
    const Tensor total = make_scatter_add(none, 0, at, values);
    if (mode == BagMode::Sum) return total;
    const Tensor ones = counted.defined() ? make_cast(counted, values.dtype())
                                          : make_full({n}, 1, values.dtype(), values.device());
    const Tensor zero = make_full({bags}, 0, values.dtype(), values.device());
    const Tensor sizes = make_scatter_add(zero, 0, bag, ones);
    return div(total, make_broadcast(clamp_min(sizes, full_as(sizes, 1)), total.shape(), {0}));
  }
  const Shape pairs{bags, n}, all{bags, n, width};
  Tensor member =
      eq(make_broadcast(bag, pairs, {1}), make_iota(pairs, 0, DType::I64, values.device()));
  if (counted.defined()) member = logical_and(member, make_broadcast(counted, pairs, {1}));
  const Tensor each = make_broadcast(values, all, {1, 2});
  const Tensor best =
      max(make_select(make_broadcast(member, all, {0, 1}), each, full_as(each, -INFINITY)), 1)
          .values;
  return masked(make_broadcast(any(member, 1), best.shape(), {0}), best);
}

// [B, L, D] -> [B, D], bags being rows.
Tensor reduced_rows(const Tensor& values, const Tensor& counted, BagMode mode) {
  const Shape& s = values.shape();
  const Shape out{s[0], s[2]};
  if (s[1] == 0) return make_full(out, 0, values.dtype(), values.device());
  if (mode != BagMode::Max) {
    const Tensor total = sum(values, 1);
    if (mode == BagMode::Sum) return total;
    if (!counted.defined()) return scale(total, 1 / static_cast<double>(s[1]));
    const Tensor sizes = make_cast(sum(counted, 1), values.dtype());
    return div(total, make_broadcast(clamp_min(sizes, full_as(sizes, 1)), out, {0}));
  }
  if (!counted.defined()) return max(values, 1).values;
  const Tensor best =
      max(make_select(make_broadcast(counted, s, {0, 1}), values, full_as(values, -INFINITY)), 1)
          .values;
  return masked(make_broadcast(any(counted, 1), out, {0}), best);
}

void check_bags(const Tensor& at, const EmbeddingBagFunctionOptions& o) {
  const Tensor &offsets = o.offsets, &weights = o.per_sample_weights;
  LILITH_CHECK(at.ndim() == 2 ? !offsets.defined() : at.ndim() == 1 && offsets.defined(),
               "embedding_bag: the index is {}, offsets {}; need [B, L] without offsets, or [L] "
               "with them",
               at.aval().str(), offsets.defined() ? offsets.aval().str() : "are not given");
  LILITH_CHECK(!offsets.defined() || (is_integral(offsets.dtype()) && offsets.ndim() == 1 &&
                                      offsets.numel() >= (o.include_last_offset ? 1 : 0)),
               "embedding_bag: offsets are {}; need integers [B]", offsets.aval().str());
  LILITH_CHECK(!weights.defined() || (o.mode == BagMode::Sum && weights.shape() == at.shape()),
               "embedding_bag: per_sample_weights {} for index {} in mode '{}'; need the index's "
               "shape and mode 'sum'",
               weights.aval().str(), at.aval().str(), o.mode.word());
  LILITH_CHECK(!(o.scale_grad_by_freq && o.mode == BagMode::Max),
               "embedding_bag: scale_grad_by_freq in mode 'max'; need 'sum' or 'mean'");
}

}  // namespace

Tensor embedding_bag(const Arg& index, const Tensor& weight, const EmbeddingBagFunctionOptions& o) {
  LocScope scope(index.loc());
  const Tensor at = index.tensor();
  check_bags(at, o);
  const Lookup lookup("embedding_bag", at, weight, o.padding_idx);
  Tensor values = widened(lookup.rows(o.max_norm, o.norm_type, o.scale_grad_by_freq));
  const Tensor counted = lookup.counted();
  if (o.per_sample_weights.defined()) {
    const Tensor each = make_cast(o.per_sample_weights, values.dtype());
    values = mul(values, lookup.spread(make_reshape(each, {each.numel()})));
  }
  if (counted.defined()) values = masked(lookup.spread(counted), values);
  if (at.ndim() == 2) {
    const Shape wide{at.size(0), at.size(1), weight.size(1)};
    const Tensor here = counted.defined() ? make_reshape(counted, at.shape()) : counted;
    return narrowed(reduced_rows(make_reshape(values, wide), here, o.mode), weight.dtype());
  }
  const I bags = o.offsets.numel() - (o.include_last_offset ? 1 : 0);
  const Tensor begins = slice_dim(make_cast(o.offsets, DType::I64), 0, 0, bags);
  const Tensor bag = bag_numbers(begins, at.numel());
  return narrowed(reduced_bags(values, bag, counted, bags, o.mode), weight.dtype());
}

}  // namespace lilith
