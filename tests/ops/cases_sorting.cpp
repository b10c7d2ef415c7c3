#include "ops/cases.h"

// Orders, selections and scatters. Random operands have no equal elements.
namespace lilith::testing {
namespace {

using Ts = std::vector<Tensor>;

// Whole numbers where the operands lie.
Tensor at(const Ts& x, const Tensor& numbers) { return numbers.to(x[0].device()); }

std::vector<Case> scatter_cases() {
  const auto scattered = [](const char* op, const char* how, bool self) {
    return Case{op, {{{4, 3}}, {{5, 2}, 0, 3, DType::I64}, {{5, 3}}}, [how, self](const Ts& x) {
                  return scatter_reduce(x[0], 0, x[1], x[2], how, self);
                }};
  };
  const auto segments = [](const char* how) {
    return Case{"segment_reduce", {{{6, 2}}}, [how](const Ts& x) {
                  // 2, 0, 3 and 1 of 6: together they are as long as x, whatever size it is given.
                  const std::int64_t n = x[0].size(0);
                  const Tensor lengths = at(x, tensor({n / 3, 0L, n / 2, n - n / 3 - n / 2}));
                  return segment_reduce(x[0], how, {.lengths = lengths, .initial = 1.5});
                }};
  };
  return {scattered("scatter_reduce", "sum", false),
          scattered("scatter_reduce", "mean", true),
          scattered("scatter_mul", "prod", true),
          scattered("scatter_max", "amax", false),
          scattered("scatter_min", "amin", true),
          segments("mean"),
          segments("max")};
}

}  // namespace

std::vector<Case> sorting_cases() {
  std::vector<Case> out = scatter_cases();
  const std::vector<Case> more = {
      {"scatter",
       {{{4, 3}}, {{4, 3}}},
       [](const Ts& x) { return scatter(x[0], 0, at(x, tensor({{2, 1, 0}, {0, 3, 1}})), x[1]); }},
      {"index_copy",
       {{{4, 3}}, {{2, 3}}},
       [](const Ts& x) {
         return index_copy(x[0], 0, at(x, arange(x[1].size(0)) % x[0].size(0)), x[1]);
       }},
      {"put",
       {{{4, 3}}, {{3}}},
       [](const Ts& x) { return put(x[0], at(x, arange(x[1].numel()) % x[0].numel()), x[1]); }},
      {"masked_scatter",
       {{{4, 3}}, {{4, 3}, 0, 1, DType::Bool}, {{4, 3}}},
       [](const Ts& x) { return masked_scatter(x[0], x[1], x[2]); }},
      {"argsort",
       {{{3, 5}}},
       [](const Ts& x) { return sort(x[0], 0, true).values * at(x, arange(3)).unsqueeze(1); }},
      {"topk", {{{3, 7}}}, [](const Ts& x) { return topk(x[0], 3).values * at(x, arange(3)); }},
      {"kthvalue", {{{3, 5}}}, [](const Ts& x) { return kthvalue(x[0], 2, 0).values; }},
      {"median", {{{3, 5}}}, [](const Ts& x) { return median(x[0]); }},
      {"nanmedian", {{{3, 5}}}, [](const Ts& x) { return nanmedian(x[0], 1).values; }},
      {"cummax", {{{3, 5}}}, [](const Ts& x) { return cummax(x[0], 1).values; }},
      {"searchsorted",
       {{{3, 4}}, {{3, 6}}},
       [](const Ts& x) {
         return (searchsorted(sort(x[0]).values, x[1]).to(x[1].dtype()) + 1) * x[1];
       }},
      {"cdist", {{{2, 3, 4}}, {{2, 5, 4}}}, [](const Ts& x) { return cdist(x[0], x[1]); }},
      {"pdist", {{{4, 3}}}, [](const Ts& x) { return pdist(x[0], 1.5); }},
      {"combinations", {{{5}}}, [](const Ts& x) { return combinations(x[0], 3); }},
  };
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

}  // namespace lilith::testing
