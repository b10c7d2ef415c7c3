// Sorting and selecting, of a long row and of many.
#include "workload.h"

namespace lilith::bench {
namespace {

/// Values and places, as PyTorch's functions give both: forward.
Workload ordered(std::string name, const Shape& shape, ValuesIndices (*f)(const Tensor&)) {
  return {std::move(name), [shape, f] {
            const InputSets sets = make_sets({normal(shape)});
            const auto both = [f](const Tensor& x) {
              const ValuesIndices r = f(x);
              return Tensors{r.values, r.indices};
            };
            return std::vector<Mode>{{"forward", [sets, call = compile(both)](std::size_t set) {
                                        return call((*sets)[set][0]);
                                      }}};
          }};
}

std::vector<Workload> both_of_peers() {
  const Shape row = {10000000}, rows = {4096, 4096};
  const auto order = [](const Tensor& x) { return sort(x); };
  const auto largest = [](const Tensor& x) { return topk(x, 100); };
  return {
      ordered("both: sort [10000000]", row, order),
      ordered("both: sort [4096, 4096]", rows, order),
      ordered("both: sort [4096, 4096], dim 0", rows, [](const Tensor& x) { return sort(x, 0); }),
      ordered("both: sort [10000000], descending", row,
              [](const Tensor& x) { return sort(x, -1, true); }),
      ordered("both: topk 10 [10000000]", row, [](const Tensor& x) { return topk(x, 10); }),
      ordered("both: topk 100 [10000000]", row, largest),
      ordered("both: topk 100000 [10000000]", row, [](const Tensor& x) { return topk(x, 100000); }),
      ordered("both: topk 10 [4096, 4096]", rows, [](const Tensor& x) { return topk(x, 10); }),
      ordered("both: topk 100 [4096, 4096]", rows, largest),
      ordered("both: topk 1000 [4096, 4096]", rows, [](const Tensor& x) { return topk(x, 1000); })};
}

}  // namespace

std::vector<Workload> orders() {
  std::vector<Workload> all = {
      {"sort 10M", {normal({10000000})}, [](const Tensors& x) { return sort(x[0]).values; }},
      {"sort rows 4096x4096",
       {normal({4096, 4096})},
       [](const Tensors& x) { return sort(x[0]).values; }},
      {"sort columns 4096x1024",
       {normal({4096, 1024})},
       [](const Tensors& x) { return sort(x[0], 0).values; }},
      {"sort of integers 1M",
       {below(1000000, {1000000})},
       [](const Tensors& x) { return sort(x[0]).values; }},
      {"10 of 10M", {normal({10000000})}, [](const Tensors& x) { return topk(x[0], 10).values; }},
      {"100 of rows 4096x4096",
       {normal({4096, 4096})},
       [](const Tensors& x) { return topk(x[0], 100).values; }},
      {"median 10M", {normal({10000000})}, [](const Tensors& x) { return median(x[0]); }},
      {"bins of 1M, 1000 edges",
       {normal({1000000}), normal({1000})},
       [](const Tensors& x) { return searchsorted(sort(x[1]).values, x[0]); }},
      {"largest of each of 1000 groups, 1M",
       {normal({1000}), below(1000, {1000000}), normal({1000000})},
       [](const Tensors& x) { return scatter_reduce(x[0], 0, x[1], x[2], "amax"); }},
  };
  for (Workload& w : both_of_peers()) all.push_back(std::move(w));
  return all;
}

}  // namespace lilith::bench
