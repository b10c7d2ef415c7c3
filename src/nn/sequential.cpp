#include "lilith/nn/sequential.h"

#include <algorithm>
#include <bit>

namespace lilith {

namespace {

/// All that a layer holds, to be compared, and the modes that it is in.
struct State final : Visitor {
  std::vector<Tensor> tensors;  // held, so that no other takes its node's place
  std::vector<std::uint64_t> numbers;
  bool named = false, training = false, test = false;
  void enter(std::string_view name) override { named = name == "training"; }
  void enter(std::size_t) override { named = false; }
  void leave() override { named = false; }
  void parameter(Tensor& t) override { tensors.emplace_back(t.node()); }
  void buffer(Buffer& t) override { tensors.emplace_back(t.node()); }
  void hyper(Hyper& h) override { real(h.value()); }
  void flag(bool& b) override {
    if (named) (b ? training : test) = true;
    integer(b);
  }
  void integer(std::int64_t i) override { numbers.push_back(static_cast<std::uint64_t>(i)); }
  void real(double d) override { numbers.push_back(std::bit_cast<std::uint64_t>(d)); }
  void text(std::string_view s) override { numbers.push_back(std::hash<std::string_view>()(s)); }
  void structure(std::int64_t n) override { integer(n); }

  bool is(const State& other) const {
    return numbers == other.numbers &&
           std::ranges::equal(tensors, other.tensors, {}, &Tensor::node, &Tensor::node);
  }
};

}  // namespace

Tensor AnyLayer::call_in_test_mode(const TypeInfo& type, const std::function<void(Visitor&)>& walk,
                                   const std::function<Tensor()>& call) {
  State before, after;
  walk(before);
  LILITH_CHECK(
      before.test && !before.training,
      "Sequential: {} keeps state, so the model that holds it cannot be called as const{}; "
      "make its operator() and the argument of the loss non-const.",
      type.name, before.training ? " in training mode" : "");
  Tensor y = call();
  walk(after);
  LILITH_CHECK(after.is(before),
               "Sequential: {} assigns its state in test mode, too, so the model that holds it "
               "cannot be called as const; make its operator() and the argument of the loss "
               "non-const.",
               type.name);
  return y;
}

Tensor Sequential::operator()(const Tensor& x, SourceLocation loc) {
  const LocScope::Fallback line(loc);
  Tensor y = x;
  for (AnyLayer& layer : layers_) y = layer(y, loc);
  return y;
}

Tensor Sequential::operator()(const Tensor& x, SourceLocation loc) const {
  const LocScope::Fallback line(loc);
  Tensor y = x;
  for (const AnyLayer& layer : layers_) y = layer(y, loc);
  return y;
}

void Sequential::visit_fields(Visitor& v) {
  v.begin(reflect::type_info<Sequential>);
  v.structure(static_cast<std::int64_t>(layers_.size()));
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    v.enter(i);
    layers_[i].visit_fields(v);
    v.leave();
  }
  v.end();
}

std::size_t Sequential::index(Index at) const {
  const LocScope scope(at.loc, nullptr);
  const std::int64_t i = at.value;
  const auto n = static_cast<std::int64_t>(layers_.size());
  LILITH_CHECK(i >= -n && i < n, "Sequential: no layer {}; it has {}.", i, n);
  return static_cast<std::size_t>(i < 0 ? i + n : i);
}

}  // namespace lilith
