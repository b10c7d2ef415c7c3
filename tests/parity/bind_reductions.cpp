#include "lilith/ops.h"
#include "parity/bind.h"

namespace lilith::parity {
namespace {

IntList dims_of(const Call& c, int position) { return c.ints(position, "dim", {}); }
std::optional<int> dim_of(const Call& c, int position) {
  if (!c.has(position, "dim")) return {};
  return static_cast<int>(c.integer(position, "dim"));
}
std::optional<DType> dtype_of(const Call& c, int position) {
  if (!c.has(position, "dtype")) return {};
  return c.dtype(position, "dtype", DType::F32);
}
bool keepdim_of(const Call& c, int position) { return c.flag(position, "keepdim", false); }

/// var, std and their pairs: (x, unbiased) or (x, dim, unbiased | correction, keepdim).
struct Spread {
  IntList dims;
  double correction;
  bool keepdim;
  explicit Spread(const Call& c) {
    const bool unbiased_first = c.num_positional() == 2 && c.json(1).is_boolean();
    if (!unbiased_first) dims = dims_of(c, 1);
    const bool unbiased = unbiased_first ? c.flag(1, "", true) : c.flag(2, "unbiased", true);
    correction = c.real(-1, "correction", unbiased ? 1 : 0);
    keepdim = keepdim_of(c, 3);
  }
};

using Reduce = Tensor (*)(const Arg&, const IntList&, bool, std::optional<DType>);
using ReduceDims = Tensor (*)(const Arg&, const IntList&, bool);
using ReduceDim = Tensor (*)(const Arg&, std::optional<Dim>, bool);
using PairDim = ValuesIndices (*)(const Arg&, Dim, bool);

void bind_sums(Table& t) {
  for (const auto& [name, f] : {std::pair<const char*, Reduce>{"sum", sum},
                                {"nansum", nansum},
                                {"mean", mean},
                                {"nanmean", nanmean}}) {
    t[name] = [f = f](const Call& c) {
      return one(f(c.operand(0), dims_of(c, 1), keepdim_of(c, 2), dtype_of(c, 3)));
    };
  }
  for (const auto& [name, f] : {std::pair<const char*, ReduceDims>{"amax", amax},
                                {"amin", amin},
                                {"all", all},
                                {"any", any}}) {
    t[name] = [f = f](const Call& c) {
      return one(f(c.operand(0), dims_of(c, 1), keepdim_of(c, 2)));
    };
  }
  for (const auto& [name, f] :
       {std::pair<const char*, ReduceDim>{"argmax", argmax}, {"argmin", argmin}}) {
    t[name] = [f = f](const Call& c) {
      return one(f(c.operand(0), dim_of(c, 1), keepdim_of(c, 2)));
    };
  }
  t["prod"] = [](const Call& c) {
    return one(prod(c.operand(0), dim_of(c, 1), keepdim_of(c, 2), dtype_of(c, 3)));
  };
  t["var"] = [](const Call& c) {
    const Spread s(c);
    return one(var(c.operand(0), s.dims, s.correction, s.keepdim));
  };
  t["std"] = [](const Call& c) {
    const Spread s(c);
    return one(std(c.operand(0), s.dims, s.correction, s.keepdim));
  };
  t["var_mean"] = [](const Call& c) {
    const Spread s(c);
    return two(var_mean(c.operand(0), s.dims, s.correction, s.keepdim));
  };
  t["std_mean"] = [](const Call& c) {
    const Spread s(c);
    return two(std_mean(c.operand(0), s.dims, s.correction, s.keepdim));
  };
  t["aminmax"] = [](const Call& c) {
    auto [low, high] = aminmax(c.operand(0), dim_of(c, -1), keepdim_of(c, -1));
    // PyTorch 1 gave [1] for one number.
    const bool alone = c.operand(0).tensor().ndim() == 0 && dim_of(c, -1) && keepdim_of(c, -1);
    if (c.is_old() && alone) return std::vector{reshape(low, {1}), reshape(high, {1})};
    return std::vector{low, high};
  };
  t["max__reduction_no_dim"] = [](const Call& c) { return one(max(c.operand(0))); };
  t["min__reduction_no_dim"] = [](const Call& c) { return one(min(c.operand(0))); };
  for (const auto& [name, f] : {std::pair<const char*, PairDim>{"max", max}, {"min", min}}) {
    t[name + std::string("__reduction_with_dim")] = [f = f](const Call& c) {
      return two(f(c.operand(0), static_cast<int>(c.integer(1, "dim")), keepdim_of(c, 2)));
    };
  }
  t["max__binary"] = [](const Call& c) { return one(max(c.operand(0), c.tensor(1))); };
  t["min__binary"] = [](const Call& c) { return one(min(c.operand(0), c.tensor(1))); };
}

void bind_norms_and_scans(Table& t) {
  t["count_nonzero"] = [](const Call& c) {
    return one(count_nonzero(c.operand(0), dims_of(c, 1)));
  };
  t["logsumexp"] = [](const Call& c) {
    return one(logsumexp(c.operand(0), dims_of(c, 1), keepdim_of(c, 2)));
  };
  for (const char* name : {"norm", "norm__nuc", "norm__fro", "norm__inf"}) {
    t[name] = [](const Call& c) {
      if (c.is_text(1, "p") && c.text(1, "p", "") == "nuc") throw Unsupported("nuclear norm");
      const double p = c.is_text(1, "p") ? 2 : c.real(1, "p", 2);
      return one(norm(c.operand(0), p, dims_of(c, 2), keepdim_of(c, 3)));
    };
  }
  t["dist"] = [](const Call& c) {
    return one(dist(c.operand(0), c.operand(1), c.real(2, "p", 2)));
  };
  t["cumsum"] = [](const Call& c) {
    return one(cumsum(c.operand(0), static_cast<int>(c.integer(1, "dim")), dtype_of(c, 2)));
  };
  t["cumprod"] = [](const Call& c) {
    return one(cumprod(c.operand(0), static_cast<int>(c.integer(1, "dim")), dtype_of(c, 2)));
  };
  t["logcumsumexp"] = [](const Call& c) {
    return one(logcumsumexp(c.operand(0), static_cast<int>(c.integer(1, "dim"))));
  };
  t["diff"] = [](const Call& c) {
    return one(diff(c.operand(0), static_cast<int>(c.integer(1, "n", 1)),
                    static_cast<int>(c.integer(2, "dim", -1)), c.maybe_tensor(3, "prepend"),
                    c.maybe_tensor(4, "append")));
  };
  t["trapezoid"] = [](const Call& c) {
    const int dim = static_cast<int>(c.integer(-1, "dim", -1));
    if (c.is_tensor(1, "x")) return one(trapezoid(c.operand(0), c.tensor(1, "x"), dim));
    return one(trapezoid(c.operand(0), c.has(-1, "dx") ? c.operand(-1, "dx") : Arg(1), dim));
  };
}

}  // namespace

void bind_reductions(Table& t) {
  bind_sums(t);
  bind_norms_and_scans(t);
}

}  // namespace lilith::parity
