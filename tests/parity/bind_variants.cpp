#include <algorithm>
#include <functional>

#include "lilith/ops.h"
#include "lilith/ops/signal.h"
#include "lilith/ops/spectra.h"
#include "parity/bind.h"

// Other names and forms of operators that stand in the table already.
namespace lilith::parity {
namespace {

TensorOptions options_of(const Call& c) { return {.dtype = c.dtype(-1, "dtype", DType::F32)}; }

int dim_at(const Call& c, int position, int otherwise) {
  return static_cast<int>(c.integer(position, "dim", otherwise));
}

/// Views whose result is a copy, pieces that may be written to, and the like: the same values.
void bind_other_names(Table& t) {
  for (const char* name : {"as_strided", "diagonal", "expand", "permute", "split_with_sizes",
                           "squeeze", "t", "transpose", "unbind", "unfold", "unsqueeze", "view"})
    t[name + std::string("_copy")] = t.at(name);
  t["alias_copy"] = t["detach_copy"] = t.at("clone");
  t["as_strided__partial_views"] = t.at("as_strided");
  t["unsafe_chunk"] = t.at("chunk");
  t["unsafe_split"] = t.at("split");
  t["log_softmax__with_dtype"] = t.at("log_softmax");
  t["linspace__tensor_overload"] = t.at("linspace");
  t["logspace__tensor_overload"] = t.at("logspace");
  t["bmm__triton_optimized"] = t.at("bmm");
  t["nn.functional.pad__replicate_negative"] = t.at("nn.functional.pad__replicate");
  for (const char* how : {"prod", "mean", "amax", "amin"})
    t[std::string("index_reduce__") + how] = t.at("index_reduce");
}

/// std(x, unbiased) and its like.
template <class F>
Function unbiased(F f) {
  return [f](const Call& c) { return f(c, c.flag(1, "unbiased", true) ? 1 : 0); };
}
void bind_spreads(Table& t) {
  t["std__unbiased"] = unbiased([](const Call& c, int n) { return one(std(c.operand(0), {}, n)); });
  t["var__unbiased"] = unbiased([](const Call& c, int n) { return one(var(c.operand(0), {}, n)); });
  t["std_mean__unbiased"] =
      unbiased([](const Call& c, int n) { return two(std_mean(c.operand(0), {}, n)); });
  t["var_mean__unbiased"] =
      unbiased([](const Call& c, int n) { return two(var_mean(c.operand(0), {}, n)); });
}

void bind_forms(Table& t) {
  binary(t, "kron", kron);
  t["full"] = [](const Call& c) {
    const DType dtype = c.dtype(-1, "dtype", DType::F32);
    return one(full(c.sizes(0, "size"), c.operand(1, "fill_value"), {.dtype = dtype}));
  };
  t["scalar_tensor"] = [](const Call& c) {
    return one(full({}, c.operand(0), {.dtype = c.dtype(-1, "dtype", DType::F32)}));
  };
  t["squeeze__multiple"] = [](const Call& c) {
    Tensor x = c.operand(0).tensor();
    std::vector<std::int64_t> dims = c.longs(1, "dim");
    for (auto& d : dims) d = d < 0 ? d + std::max(x.ndim(), 1) : d;
    std::ranges::sort(dims, std::greater<>());
    for (const auto d : dims) x = squeeze(x, static_cast<int>(d));
    return one(x);
  };
  t["gradient"] = [](const Call& c) -> std::vector<Tensor> {
    std::vector<std::int64_t> dims = c.longs(-1, "dim", {});
    const std::int64_t order = c.integer(-1, "edge_order", 1);
    if (!c.is_list(-1, "spacing") && !c.is_tensor(-1, "spacing"))
      return gradient(c.operand(0), c.real(-1, "spacing", 1), dims, order);
    std::vector<Tensor> spacing;
    if (c.is_tensor(-1, "spacing")) {
      spacing = {c.tensor(-1, "spacing")};
    } else {
      const std::size_t n = c.json(-1, "spacing").size();
      const bool of_tensors = n > 0 && c.json(-1, "spacing").at(0).is_object();
      if (of_tensors) spacing = c.tensors(-1, "spacing");
      for (std::size_t k = 0; !of_tensors && k < n; ++k)
        spacing.push_back(
            full({}, c.json(-1, "spacing").at(k).get<double>(), {.dtype = DType::F64}));
    }
    return gradient(c.operand(0), spacing, dims, order);
  };
  t["scatter"] = [](const Call& c) {
    const Tensor index = c.tensor(2, "index");
    const int dim = dim_at(c, 1, 0);
    if (!c.has(-1, "reduce")) return one(scatter(c.operand(0), dim, index, c.operand(3, "src")));
    const bool adds = c.text(-1, "reduce", "") == "add";
    const Tensor src = c.is_tensor(3, "src")
                           ? c.tensor(3, "src")
                           : full(index.shape(), c.operand(3, "src"), {.dtype = c.floating()});
    return one(scatter_reduce(c.operand(0), dim, index, src, adds ? "sum" : "prod"));
  };
  t["nn.functional.scaled_dot_product_attention"] = [](const Call& c) {
    if (c.real(4, "dropout_p", 0) > 0) throw Unsupported("random");
    std::optional<double> scale;
    if (c.has(-1, "scale")) scale = c.real(-1, "scale", 1);
    return one(scaled_dot_product_attention(
        c.operand(0), c.tensor(1), c.tensor(2), c.maybe_tensor(3, "attn_mask"), 0,
        c.flag(5, "is_causal", false), scale, c.flag(-1, "enable_gqa", false)));
  };
  for (const char* name : {"grid_sampler_2d", "grid_sampler_3d"})
    t[name] = [](const Call& c) {
      constexpr const char* kModes[] = {"bilinear", "nearest", "bicubic"};
      constexpr const char* kPaddings[] = {"zeros", "border", "reflection"};
      return one(grid_sample(c.operand(0), c.tensor(1), kModes[c.integer(2, "mode")],
                             kPaddings[c.integer(3, "padding")],
                             c.flag(4, "align_corners", false)));
    };
}

/// Real values where the other side of the transform is complex.
void bind_transforms_of_reals(Table& t) {
  for (const char* name : {"irfft", "irfft2", "irfftn", "hfft", "hfft2", "hfftn"}) {
    const std::string key = std::string("fft.") + name;
    t[key] = [of_pairs = t.at(key)](const Call& c) {
      const Tensor x = c.tensor(0);
      return of_pairs(c.with_first(stack({x, zeros_like(x)}, -1)));
    };
  }
}

void bind_systems(Table& t) {
  // Each driver gives less than ours: the rank but for gels, singular values by gelsd and gelss,
  // residuals but for gelsy.
  for (const char* name : {"linalg.lstsq", "linalg.lstsq__grad_oriented"})
    t[name] = [](const Call& c) -> std::vector<Tensor> {
      const LstsqResult r = linalg::lstsq(c.operand(0), c.operand(1));
      const std::string driver = c.text(-1, "driver", "gelsy");
      const Tensor none = zeros({0}, {.dtype = c.floating()}),
                   no_rank = zeros({0}, {.dtype = DType::I64});
      const bool finds_values = driver == "gelsd" || driver == "gelss";
      std::vector<Tensor> all = {r.solution, driver == "gelsy" ? none : r.residuals,
                                 driver == "gels" ? no_rank : r.rank,
                                 finds_values ? r.singular_values : none};
      all.resize(std::min(all.size(), c.num_outs()));
      return all;
    };
  t["linalg.pinv__singular"] = [](const Call& c) {
    return one(linalg::pinv(matmul(c.tensor(0), transpose(c.tensor(1), -2, -1))));
  };
  t["linalg.solve_ex"] = [](const Call& c) -> std::vector<Tensor> {
    const auto [x, info] =
        linalg::solve_ex(c.operand(0), c.operand(1, "B"), c.flag(-1, "left", true));
    return {x, info};
  };
  t["linalg.lu_factor_ex"] = [](const Call& c) -> std::vector<Tensor> {
    if (!c.flag(-1, "pivot", true)) throw Unsupported("lu without pivoting");
    const auto [LU, pivots, info] = linalg::lu_factor_ex(c.operand(0));
    return {LU, pivots, info};
  };
  t["linalg.ldl_factor"] = [](const Call& c) -> std::vector<Tensor> {
    const auto [LD, pivots] = linalg::ldl_factor(c.operand(0));
    return {LD, pivots};
  };
  t["linalg.ldl_factor_ex"] = [](const Call& c) -> std::vector<Tensor> {
    const auto [LD, pivots, info] = linalg::ldl_factor_ex(c.operand(0));
    return {LD, pivots, info};
  };
  t["linalg.ldl_solve"] = [](const Call& c) {
    return one(linalg::ldl_solve(c.tensor(0), c.tensor(1), c.operand(2)));
  };
}

void bind_windows(Table& t) {
  using Plain = Tensor (*)(Int, bool, const TensorOptions&, SourceLocation);
  const std::pair<const char*, Plain> plain[] = {
      {"bartlett", windows::bartlett}, {"blackman", windows::blackman},
      {"cosine", windows::cosine},     {"hamming", windows::hamming},
      {"hann", windows::hann},         {"nuttall", windows::nuttall}};
  for (const auto& [name, f] : plain)
    t[std::string("signal.windows.") + name] = [f = f](const Call& c) {
      return one(
          f(c.integer(0, "M"), c.flag(-1, "sym", true), options_of(c), SourceLocation::current()));
    };
  using Shaped = Tensor (*)(Int, Real, bool, const TensorOptions&, SourceLocation);
  const std::tuple<const char*, Shaped, const char*, double> shaped[] = {
      {"exponential", windows::exponential, "tau", 1},
      {"gaussian", windows::gaussian, "std", 1},
      {"general_hamming", windows::general_hamming, "alpha", 0.54},
      {"kaiser", windows::kaiser, "beta", 12}};
  for (const auto& [name, f, key, otherwise] : shaped)
    t[std::string("signal.windows.") + name] = [f = f, key = key,
                                                otherwise = otherwise](const Call& c) {
      if (c.has(-1, "center")) throw Unsupported("an exponential window's own center");
      return one(f(c.integer(0, "M"), c.real(-1, key, otherwise), c.flag(-1, "sym", true),
                   options_of(c), SourceLocation::current()));
    };
  t["signal.windows.general_cosine"] = [](const Call& c) {
    return one(windows::general_cosine(c.integer(0, "M"),
                                       c.json(-1, "a").get<std::vector<double>>(),
                                       c.flag(-1, "sym", true), options_of(c)));
  };
}

}  // namespace

void bind_variants(Table& t) {
  bind_other_names(t);
  bind_spreads(t);
  bind_forms(t);
  bind_transforms_of_reals(t);
  bind_systems(t);
  bind_windows(t);
}

}  // namespace lilith::parity
