#pragma once
#include <lilith/lilith.h>

#include <string>
#include <utility>
#include <vector>

// Lines of PyTorch beside Lilith's. Each row is compiled, run, and compared with what PyTorch gave
// (expected.jsonl, by expected.py): values, dtypes, shapes, and the gradient of x where there is
// one. docs/from-pytorch.md shows them.
namespace lilith::spellings {

/// What the lines compute with; expected.py has the same.
struct Values {
  Tensor x, y, p;      // f32 [2,3]: of both signs, positive, in (0, 1)
  Tensor v, m, s;      // f32 [3], [3,3], []
  Tensor img, kernel;  // f32 [1,2,4,4], [3,2,3,3]
  Tensor seq;          // f32 [4,2,3]
  Tensor mask;         // bool [2,3]
  Tensor n, index;     // i64 [2,3] in [0, 3), [2]
};
Values values();

/// What a line gives, flat.
struct Output {
  std::string dtype;  // empty: a number of the host
  std::vector<std::int64_t> shape;
  std::vector<double> values;
};
struct Outputs {
  std::vector<Output> all;
  std::vector<Tensor> tensors;  // those that gradients may flow through
};
void add(Outputs& out, const Tensor& t);
void add(Outputs& out, double number);
void add(Outputs& out, const Shape& shape);
inline void add(Outputs& out, const ValuesIndices& r) { add(out, r.values), add(out, r.indices); }
template <class A, class B>
void add(Outputs& out, const std::pair<A, B>& r) {
  add(out, r.first), add(out, r.second);
}
template <class T>
void add(Outputs& out, const std::vector<T>& list) {
  for (const auto& e : list) add(out, e);
}
template <class T>
Outputs outputs(const T& result) {
  Outputs out;
  add(out, result);
  return out;
}

struct Row {
  const char* torch;
  const char* lilith;
  Outputs (*run)(Values& of);
};
/// Every row, family by family.
std::vector<Row> tensor_rows();
std::vector<Row> in_place_rows();
std::vector<Row> sorting_rows();
std::vector<Row> function_rows();
std::vector<Row> creation_rows();
std::vector<Row> functional_rows();
std::vector<Row> keyword_rows();
std::vector<Row> keyword_function_rows();
std::vector<Row> keyword_layer_rows();
std::vector<Row> distribution_rows();
std::vector<Row> layer_rows();
std::vector<Row> training_rows();

/// The rates of the first group of an SGD with rate 1 over six epochs of a schedule.
template <class Make>
std::vector<double> rates(Make make) {
  SGD opt({.lr = 1, .momentum = 0.9});
  auto schedule = make(opt);
  std::vector<double> out{opt.lr()};
  for (int epoch = 0; epoch < 5; ++epoch) {
    if constexpr (requires {
                    schedule.step(1.0);
                    schedule.num_bad_epochs();
                  })
      schedule.step(1.0);
    else
      schedule.step();
    out.push_back(opt.lr());
  }
  return out;
}
/// x after three steps of an optimiser, whose gradients are x^3.
template <class Optimizer>
Tensor after_steps(Optimizer opt, Tensor x) {
  for (int i = 0; i < 3; ++i) update(opt, x, x * x * x);
  return x;
}

}  // namespace lilith::spellings

/// A row: PyTorch's line and Lilith's, an expression.
#define SPELL(torch, ...)                                                               \
  Row {                                                                                 \
    torch, #__VA_ARGS__, [](Values& of) {                                               \
      [[maybe_unused]] auto& [x, y, p, v, m, s, img, kernel, seq, mask, n, index] = of; \
      return outputs(__VA_ARGS__);                                                      \
    }                                                                                   \
  }
/// A line that both languages spell alike.
#define SAME(...) SPELL(#__VA_ARGS__, __VA_ARGS__)
