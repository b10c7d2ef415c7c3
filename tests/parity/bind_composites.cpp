#include "lilith/ops.h"
#include "parity/bind.h"

namespace lilith::parity {
namespace {

void bind_transposes(Table& t) {
  for (const char* name :
       {"contiguous", "conj", "conj_physical", "resolve_conj", "resolve_neg", "real"})
    t[name] = [](const Call& c) { return one(c.operand(0).tensor().contiguous()); };
  for (const char* name : {"H", "mH", "mT"})
    t[name] = [](const Call& c) { return one(c.operand(0).tensor().mT()); };
  t["T"] = [](const Call& c) { return one(c.operand(0).tensor().T()); };
  unary(t, "isreal", isreal);
  t["narrow_copy"] = [](const Call& c) {
    return one(narrow(c.operand(0), static_cast<int>(c.integer(1, "dim")), c.integer(2, "start"),
                      c.integer(3, "length")));
  };
}

void bind_new(Table& t) {
  const auto dtype = [](const Call& c) {
    return c.dtype(-1, "dtype", c.operand(0).tensor().dtype());
  };
  t["new_zeros"] = [dtype](const Call& c) {
    return one(c.tensor(0).new_zeros(c.sizes(1, "size"), dtype(c)));
  };
  t["new_ones"] = [dtype](const Call& c) {
    return one(c.tensor(0).new_ones(c.sizes(1, "size"), dtype(c)));
  };
  t["new_full"] = [dtype](const Call& c) {
    return one(c.tensor(0).new_full(c.longs(1, "size"), c.operand(2, "fill_value"), dtype(c)));
  };
}

// With the statistics that PyTorch keeps for its gradient.
void bind_norms(Table& t) {
  t["native_layer_norm"] = [](const Call& c) {
    const auto shape = c.longs(1, "normalized_shape");
    const double eps = c.real(4, "eps", 1e-5);
    std::vector<std::int64_t> dims;
    for (std::size_t d = 1; d <= shape.size(); ++d) dims.push_back(-static_cast<std::int64_t>(d));
    const auto [var, mean] = var_mean(c.operand(0), dims, 0, true);
    return std::vector{layer_norm(c.operand(0), shape, c.maybe_tensor(2, "weight"),
                                  c.maybe_tensor(3, "bias"), eps),
                       mean, rsqrt(var + eps)};
  };
  t["native_batch_norm"] = [](const Call& c) {
    const Tensor x = c.tensor(0);
    const bool training = c.flag(5, "training", false);
    const double eps = c.real(7, "eps", 1e-5);
    std::vector<std::int64_t> dims;
    for (int d = 0; d < x.ndim(); ++d)
      if (d != 1) dims.push_back(d);
    const auto [var, mean] = var_mean(x, dims, 0);
    const Tensor out = batch_norm(x, c.maybe_tensor(3), c.maybe_tensor(4), c.maybe_tensor(1),
                                  c.maybe_tensor(2), training, c.real(6, "momentum", 0.1), eps);
    if (!training) return std::vector{out, x.new_zeros(0), x.new_zeros(0)};
    return std::vector{out, mean, rsqrt(var + eps)};
  };
  t["native_group_norm"] = [](const Call& c) {
    const Tensor x = c.tensor(0);
    const std::int64_t groups = c.integer(6, "group"), n = x.size(0);
    const double eps = c.real(7, "eps", 1e-5);
    if (x.numel() == 0) throw Unsupported("statistics of nothing");
    const auto [var, mean] = var_mean(reshape(x, {n, groups, -1}), {2}, 0);
    return std::vector{
        group_norm(x, groups, c.maybe_tensor(1, "weight"), c.maybe_tensor(2, "bias"), eps), mean,
        rsqrt(var + eps)};
  };
  for (const char* name : {"resize_", "resize_as_"})
    t[name] = [](const Call&) -> std::vector<Tensor> {
      throw Unsupported("a tensor's size never changes: x = x.reshape(...)");
    };
  // In place: of the variable's dtype and shape.
  t["zero_"] = [](const Call& c) {
    Tensor x = c.tensor(0);
    return one(x.zero_());
  };
  t["fill"] = [](const Call& c) {
    Tensor x = c.tensor(0);
    return one(x.fill_(c.operand(1, "value")));
  };
}

void bind_matrices(Table& t) {
  t["cov"] = [](const Call& c) {
    return one(cov(c.operand(0), c.integer(-1, "correction", 1), c.maybe_tensor(-1, "fweights"),
                   c.maybe_tensor(-1, "aweights")));
  };
  unary(t, "corrcoef", corrcoef);
  t["renorm"] = [](const Call& c) {
    return one(renorm(c.operand(0), c.real(1, "p", 2), static_cast<int>(c.integer(2, "dim")),
                      c.real(3, "maxnorm", 1)));
  };
  t["diagonal_scatter"] = [](const Call& c) {
    return one(diagonal_scatter(c.operand(0), c.tensor(1), c.integer(2, "offset", 0),
                                static_cast<int>(c.integer(3, "dim1", 0)),
                                static_cast<int>(c.integer(4, "dim2", 1))));
  };
  t["as_strided"] = [](const Call& c) {
    return one(as_strided(c.operand(0), c.longs(1, "size"), c.longs(2, "stride"),
                          c.integer(3, "storage_offset", 0)));
  };
  t["as_strided_scatter"] = [](const Call& c) {
    return one(as_strided_scatter(c.operand(0), c.tensor(1, "src"), c.longs(2, "size"),
                                  c.longs(3, "stride"), c.integer(4, "storage_offset", 0)));
  };
  t["cartesian_prod"] = [](const Call& c) { return one(cartesian_prod(c.tensors(0))); };
  for (const char* p : {"1", "3", "5"})
    t[std::string("mvlgamma__mvlgamma_p_") + p] = [](const Call& c) {
      return one(mvlgamma(c.operand(0), c.integer(1, "p")));
    };
}

void bind_integrals(Table& t) {
  const auto integral = [](auto over, auto by) {
    return [over, by](const Call& c) {
      const int dim = static_cast<int>(c.integer(-1, "dim", -1));
      if (c.has(1, "x")) return one(over(c.operand(0), c.tensor(1, "x"), dim));
      return one(by(c.operand(0), c.real(-1, "dx", 1), dim));
    };
  };
  t["cumulative_trapezoid"] =
      integral([](const Arg& y, const Tensor& x, int d) { return cumulative_trapezoid(y, x, d); },
               [](const Arg& y, double dx, int d) { return cumulative_trapezoid(y, dx, d); });
  t["trapz"] = integral([](const Arg& y, const Tensor& x, int d) { return trapz(y, x, d); },
                        [](const Arg& y, double dx, int d) { return trapz(y, dx, d); });
}

}  // namespace

void bind_composites(Table& t) {
  bind_transposes(t);
  bind_new(t);
  bind_norms(t);
  bind_matrices(t);
  bind_integrals(t);
}

}  // namespace lilith::parity
