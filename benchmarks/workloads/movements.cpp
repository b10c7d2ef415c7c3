// What moves elements: other shapes and orders, pieces put together, indices.
#include "workload.h"

namespace lilith::bench {

std::vector<Workload> movements() {
  return {
      {"transpose 2048x3000",
       {normal({2048, 3000})},
       [](const Tensors& x) { return x[0].t() * 2; }},
      {"sum with the transpose 1500x1500",
       {normal({1500, 1500})},
       [](const Tensors& x) { return x[0] + x[0].t(); }},
      {"transpose of pairs 64x128x130",
       {normal({64, 128, 130})},
       [](const Tensors& x) { return x[0].transpose(1, 2) * 2; }},
      {"channels last 16x64x56x56",
       {normal({16, 64, 56, 56})},
       [](const Tensors& x) { return x[0].permute({0, 2, 3, 1}) * 2; }},
      {"channels first 16x56x56x64",
       {normal({16, 56, 56, 64})},
       [](const Tensors& x) { return x[0].permute({0, 3, 1, 2}) * 2; }},
      {"heads apart 16x128x6x64",
       {normal({16, 128, 384})},
       [](const Tensors& x) { return x[0].reshape({16, 128, 6, 64}).transpose(1, 2) * 2; }},
      {"dimensions reversed 32x40x48x50",
       {normal({32, 40, 48, 50})},
       [](const Tensors& x) { return x[0].permute({3, 2, 1, 0}) * 2; }},
  };
}

std::vector<Workload> pieces() {
  return {
      {"concatenated rows 3 of 1000x512",
       {normal({1000, 512}), normal({1000, 512}), normal({1000, 512})},
       [](const Tensors& x) { return cat({x[0], x[1], x[2]}, 0); }},
      {"concatenated columns 4096x100, 300, 50",
       {normal({4096, 100}), normal({4096, 300}), normal({4096, 50})},
       [](const Tensors& x) { return relu(cat({x[0], x[1], x[2]}, 1)); }},
      {"concatenated channels 8x32 and 8x64x56x56",
       {normal({8, 32, 56, 56}), normal({8, 64, 56, 56})},
       [](const Tensors& x) { return cat({x[0], x[1]}, 1); }},
      {"stack of 8 columns",
       {normal({200000})},
       [](const Tensors& x) {
         Tensors columns;
         for (int k = 0; k < 8; ++k) columns.push_back(x[0] * (k + 1));
         return stack(columns, 1);
       }},
      {"every second element 1M",
       {normal({1024, 2048})},
       [](const Tensors& x) { return x[0].slice(1, 0, 2048, 2) - x[0].slice(1, 1, 2048, 2); }},
      {"differences of neighbours 2048x1024",
       {normal({2048, 1024})},
       [](const Tensors& x) { return x[0].slice(0, 1) - x[0].slice(0, 0, -1); }},
      {"pad 16x64x54x54",
       {normal({16, 64, 54, 54})},
       [](const Tensors& x) { return pad(x[0], {1, 1, 1, 1}); }},
      {"reflected border 16x16x64x64",
       {normal({16, 16, 64, 64})},
       [](const Tensors& x) { return pad(x[0], {2, 2, 2, 2}, PadMode::Reflect); }},
      {"flip and roll 2048x1000",
       {normal({2048, 1000})},
       [](const Tensors& x) { return flip(x[0], {1}) + roll(x[0], 3, 0); }},
      {"repeat 4 times 512x1000",
       {normal({512, 1000})},
       [](const Tensors& x) { return repeat(x[0], {2, 2}); }},
      {"windows 50 of 16x4000",
       {normal({16, 4000})},
       [](const Tensors& x) { return unfold(x[0], 1, 50, 10) * 2; }},
      {"lower triangle 2000x2000",
       {normal({2000, 2000})},
       [](const Tensors& x) { return tril(x[0]); }},
      {"pixel shuffle 8x64x32x32",
       {normal({8, 64, 32, 32})},
       [](const Tensors& x) { return pixel_shuffle(x[0], 2); }},
      {"rotary embedding 4x128x8x64",
       {normal({4, 128, 8, 64}), normal({128, 1, 32}), normal({128, 1, 32})},
       [](const Tensors& x) {
         const auto halves = chunk(x[0], 2, 3);
         return cat({halves[0] * x[1] - halves[1] * x[2], halves[1] * x[1] + halves[0] * x[2]}, 3);
       }},
  };
}

std::vector<Workload> indices() {
  return {
      {"embedding 50000x256 of 2048",
       {below(50000, {16, 128}), normal({50000, 256})},
       [](const Tensors& x) { return embedding(x[0], x[1]); }},
      {"embedding 65x128 of 4096",
       {below(65, {64, 64}), normal({65, 128})},
       [](const Tensors& x) { return embedding(x[0], x[1]); }},
      {"mean of bags 10000x64",
       {below(10000, {512, 20}), normal({10000, 64})},
       [](const Tensors& x) { return embedding(x[0], x[1]).mean({1}); }},
      {"gather of columns 4096x512",
       {normal({4096, 512}), below(512, {4096, 64})},
       [](const Tensors& x) { return gather(x[0], 1, x[1]); }},
      {"one element a row 100000x10",
       {normal({100000, 10}), below(10, {100000, 1})},
       [](const Tensors& x) { return gather(x[0], 1, x[1]).squeeze(1); }},
      {"selected columns 2048x1000",
       {normal({2048, 1000}), below(1000, {300})},
       [](const Tensors& x) { return index_select(x[0], 1, x[1]); }},
      {"index add 10000x64 of 20000",
       {normal({10000, 64}), below(10000, {20000}), normal({20000, 64})},
       [](const Tensors& x) { return index_add(x[0], 0, x[1], x[2]); }},
      {"scatter add 512x1000 of 512x300",
       {normal({512, 1000}), below(1000, {512, 300}), normal({512, 300})},
       [](const Tensors& x) { return scatter_add(x[0], 1, x[1], x[2]); }},
      {"histogram of 100000 in 256",
       {below(256, {100000}), normal({100000})},
       [](const Tensors& x) { return scatter_add(zeros({256}), 0, x[0], x[1]); }},
      {"messages along 20000 edges 2000x64",
       {normal({2000, 64}), below(2000, {20000}), below(2000, {20000}), weight({64, 64})},
       [](const Tensors& x) {
         const Tensor messages = index_select(linear(x[0], x[3]), 0, x[1]);
         return relu(index_add(zeros({2000, 64}), 0, x[2], messages));
       }},
      {"rows put at indices 4096x128",
       {normal({4096, 128}), below(4096, {500}), normal({500, 128})},
       [](const Tensors& x) { return index_put(x[0], {x[1]}, x[2], true); }},
  };
}

}  // namespace lilith::bench
