#pragma once
#include <concepts>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {
class Optimizer;
}  // namespace lilith

namespace lilith::detail {

template <class T>
inline constexpr bool are_parameters = false;
template <std::derived_from<Tensor> T>
inline constexpr bool are_parameters<std::vector<T>> = true;
template <class Path, class T>
inline constexpr bool are_parameters<std::vector<std::pair<Path, T>>> = true;

/// What PyTorch's optimisers are given first: parameters, or a model in their place.
template <class P, class Options>
concept GivenFirst =
    are_parameters<P> || (std::is_class_v<P> && !std::derived_from<P, Optimizer> &&
                          !std::convertible_to<const P&, Options> && reflect::Model<P>);

template <class P>
void refuse_parameters() {
  static_assert(std::is_void_v<P>,
                "lilith: an optimiser is made of its options alone, and is given the model when it "
                "updates it: SGD opt({.lr = 0.1}); auto [loss, g] = grad(f, net, x, y); "
                "update(opt, net, g); for LBFGS opt.step(f, net, x, y). A part of a model has "
                "options of its own by opt.add_param_group(\"head\", {{\"lr\", 0.01}}), and stays "
                "as it is by opt.freeze(\"body\")");
}

}  // namespace lilith::detail
