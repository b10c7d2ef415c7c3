#pragma once
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "lilith/compile.h"
#include "lilith/graph.h"
#include "lilith/model.h"

namespace lilith {

/// A struct of a model that has parameters or buffers of its own.
struct LayerSummary {
  std::string path;  // "layer1.0.conv1"; empty: the model itself
  std::string type;  // "Conv2d"
  Shape output;      // of the last value made of its parameters; empty where it is not called
  std::int64_t parameters = 0;  // its own, those of layers inside of it apart; tied ones once
  /// Of its products and convolutions, two for each multiply-add, in all its calls.
  double flops = 0;
  bool called = false;
};

/// What `summary` returns. It prints as a table: fmt::print("{}", summary(net, x)).
struct ModelSummary {
  std::vector<LayerSummary> layers;  // in the order of declaration
  std::int64_t parameters = 0;
  double flops = 0;  // of all products and convolutions, those of no layer's parameters included
  std::string str() const;
};
std::ostream& operator<<(std::ostream& out, const ModelSummary& s);

namespace detail {
ModelSummary summarize(const ir::Graph& g, ConstModelRef model);
}

/// The layers of a model with their output shapes, numbers of parameters and FLOPs, for a call
/// net(example, …), which is traced with a copy in test mode and not run. Layers without parameters
/// are not listed; what is tied counts for the layer that is declared first. Errors: those of the
/// call. Ref: torchinfo.summary.
template <class M, class... X>
ModelSummary summary(const M& net, const X&... examples) {
  M copy = clone(net);
  test_mode(copy);
  return detail::summarize(trace([](M& m, const X&... x) { return m(x...); }, copy, examples...),
                           copy);
}

}  // namespace lilith

template <>
struct fmt::formatter<lilith::ModelSummary> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const lilith::ModelSummary& s, Context& ctx) const {
    return fmt::formatter<std::string_view>::format(s.str(), ctx);
  }
};
