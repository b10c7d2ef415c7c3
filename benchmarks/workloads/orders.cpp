// Sorting and selecting, of a long row and of many.
#include "workload.h"

namespace lilith::bench {

std::vector<Workload> orders() {
  return {
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
}

}  // namespace lilith::bench
