#include "ops/cases.h"
#include "ops/conv.h"
#include "ops/primitives.h"
#include "ops/window.h"

namespace lilith::testing {
namespace {

using namespace ops;
using Ts = std::vector<Tensor>;

Window window(Ints size, Ints stride, Ints lo, Ints hi, Ints dilation) {
  return {size, stride, lo, hi, dilation};
}
const Window kOverlapping = window({1, 3, 2}, {1, 2, 1}, {0, 1, 1}, {0, 1, 0}, {1, 1, 2});

std::vector<Case> view_cases() {
  return {
      {"reshape", {{{2, 3, 4}}}, [](const Ts& x) { return reshape(x[0], {4, -1}); }},
      {"broadcast", {{{3, 1}}}, [](const Ts& x) { return expand(x[0], {2, 3, 4}); }},
      {"transpose", {{{2, 3, 4}}}, [](const Ts& x) { return permute(x[0], {2, 0, 1}); }},
      {"slice", {{{5, 7}}}, [](const Ts& x) { return slice(slice(x[0], 1, 1, 6, 2), 0, -3); }},
      {"pad", {{{3, 4}}}, [](const Ts& x) { return make_pad(x[0], {1, 0}, {2, 3}, {0, 2}, 0.5); }},
      {"reverse", {{{3, 4}}}, [](const Ts& x) { return flip(x[0], {0, 1}); }},
      {"concat",
       {{{2, 3}}, {{2, 1}}, {{2, 0}}},
       [](const Ts& x) { return cat({x[0], x[1], x[2], x[0]}, 1); }},
      {"iota",
       {{{3, 4}}},
       [](const Ts& x) {
         return x[0] * arange(4.0, {.dtype = kFloat64, .device = x[0].device()});
       }},
      {"copy_to",
       {{{3, 4}}},
       [](const Ts& x) { return apply("copy_to", {x[0]}, {{"device", std::string("cpu")}}); }},
      {"gather",
       {{{4, 3}}, {{5, 3}, 0, 3, DType::I64}},
       [](const Ts& x) { return gather(x[0], 0, x[1]); }},
      {"scatter_add",
       {{{4, 3}}, {{5, 3}, 0, 3, DType::I64}, {{5, 3}}},
       [](const Ts& x) { return scatter_add(x[0], 0, x[1], x[2]); }},
      {"index",
       {{{4, 3, 5}}, {{2, 1}, 0, 3, DType::I64}, {{3}, 0, 4, DType::I64}},
       [](const Ts& x) { return x[0].index({x[1], Slice{0, 2}, x[2], None}); }},
      {"index_put",
       {{{4, 3, 5}}, {{6}, 0, 3, DType::I64}, {{6}, 0, 2, DType::I64}, {{6, 5}}},
       [](const Ts& x) { return index_put(x[0], {x[1], x[2]}, x[3]); }},
      {"index_put",
       {{{4, 3}}, {{6}, 0, 3, DType::I64}, {{6, 3}}},
       [](const Ts& x) { return index_put(x[0], {x[1]}, x[2], true); }},
      {"slice_update",
       {{{3, 7}}, {{3, 3}}},
       [](const Ts& x) { return slice_update(x[0], x[1], 1, 1, -1, 2); }},
      {"random_bits",
       {{{}, 0, 1e6, DType::I64}},
       [](const Ts& x) { return apply("random_bits", {x[0]}, {{"shape", Ints{3, 5}}}); }},
      {"barrier",
       {{{3, 4}}},
       [](const Ts& x) { return apply("barrier", {x[0]}); },
       [](const double* x) { return x[0]; }},
      {"after",
       {{{3, 4}}, {{3, 4}}},
       [](const Ts& x) { return apply("after", {x[0], x[1]}); },
       [](const double* x) { return x[0]; }},
  };
}

std::vector<Case> reduction_cases() {
  return {
      {"reduce_sum", {{{2, 3, 4}}}, [](const Ts& x) { return sum(x[0], {0, 2}); }},
      {"reduce_prod", {{{3, 4}}}, [](const Ts& x) { return prod(x[0], 1); }, nullptr, {}, {}},
      {"reduce_max", {{{3, 4}}}, [](const Ts& x) { return amax(x[0], 1); }},
      {"reduce_min", {{{3, 4}}}, [](const Ts& x) { return amin(x[0], 0); }},
      {"bitcast", {{{3, 4}}}, [](const Ts& x) { return x[0].view(kUInt8); }},
      {"argmax", {{{3, 4}}}, [](const Ts& x) { return argmax(x[0], 1); }},
      {"argmin", {{{3, 4}}}, [](const Ts& x) { return argmin(x[0]); }},
      {"prod around zeros",
       {{{2, 4}}},
       [](const Ts& x) {
         const Tensor zeros = tensor({{1.0, 0.0, 1.0, 1.0}, {0.0, 0.0, 1.0, 1.0}},
                                     {.dtype = kFloat64, .device = x[0].device()});
         return prod(x[0] * zeros, 1);
       }},
  };
}

std::vector<Case> window_cases() {
  return {
      {"reduce_window_sum",
       {{{2, 6, 7}}},
       [](const Ts& x) { return make_window("reduce_window_sum", x[0], kOverlapping); }},
      {"reduce_window_sum",
       {{{2, 6, 7}}},
       [](const Ts& x) {
         return make_window("reduce_window_sum", x[0],
                            window({1, 2, 2}, {1, 3, 4}, {0, -1, 0}, {0, 0, -2}, {1, 2, 1}));
       }},
      {"reduce_window_max",
       {{{2, 6, 7}}},
       [](const Ts& x) { return make_window("reduce_window_max", x[0], kOverlapping); }},
      {"window_argmax",
       {{{2, 6, 7}}},
       [](const Ts& x) { return make_window("window_argmax", x[0], kOverlapping); }},
      {"unpool",
       {{{2, 3, 6}}, {{2, 3, 6}, 0, 5, DType::I64}},
       [](const Ts& x) { return make_unpool(x[0], x[1], kOverlapping, {2, 6, 7}); }},
      {"window_gather",
       {{{2, 6, 7}}, {{2, 3, 6}, -1, 6, DType::I64}},
       [](const Ts& x) { return make_window_gather(x[0], x[1], kOverlapping); }},
  };
}

ConvSpec conv_spec(std::int64_t groups, std::int64_t batch_groups) {
  return {.stride = {2, 1},
          .lo = {1, 3},
          .hi = {0, -1},
          .lhs_dilation = {1, 2},
          .rhs_dilation = {2, 1},
          .groups = groups,
          .batch_groups = batch_groups,
          .lhs = {0, 3, 1, 2},
          .rhs = {3, 2, 0, 1},
          .out = {1, 0, 2, 3}};
}

// Behind two stacked dimensions.
ConvSpec stacked_spec(std::int64_t groups, std::int64_t batch_groups) {
  ConvSpec s = conv_spec(groups, batch_groups);
  s.stacked = 2;
  for (auto* spec : {&s.lhs, &s.rhs, &s.out})
    for (std::int64_t& d : *spec) d += 2;
  return s;
}

std::vector<Case> contraction_cases() {
  const auto conv = [](const ConvSpec& spec, Shape x, Shape w) {
    return Case{
        "conv_general", {{x}, {w}}, [=](const Ts& t) { return make_conv(t[0], t[1], spec); }};
  };
  return {
      {"dot_general", {{{3, 4}}, {{4, 5}}}, [](const Ts& x) { return matmul(x[0], x[1]); }},
      {"dot_general",
       {{{4, 2, 3, 5}}, {{5, 6, 3, 4}}},
       [](const Ts& x) { return dot_general(x[0], x[1], {2}, {2}, {3, 0}, {0, 3}); }},
      {"dot_general", {{{4}}, {{4}}}, [](const Ts& x) { return dot(x[0], x[1]); }},
      conv(conv_spec(1, 1), {2, 7, 4, 3}, {3, 2, 3, 4}),
      conv(conv_spec(2, 1), {2, 7, 4, 6}, {3, 2, 3, 4}),
      conv(conv_spec(1, 2), {4, 7, 4, 3}, {3, 2, 3, 4}),
      conv(stacked_spec(1, 1), {1, 2, 2, 7, 4, 3}, {1, 2, 3, 2, 3, 4}),
      conv(stacked_spec(2, 1), {2, 1, 2, 7, 4, 6}, {2, 1, 3, 2, 3, 4}),
      conv(stacked_spec(1, 2), {1, 2, 4, 7, 4, 3}, {1, 2, 3, 2, 3, 4}),
  };
}

}  // namespace

std::vector<Case> structure_cases() {
  std::vector<Case> out;
  for (const auto& family :
       {view_cases(), reduction_cases(), window_cases(), contraction_cases()}) {
    out.insert(out.end(), family.begin(), family.end());
  }
  return out;
}

}  // namespace lilith::testing
