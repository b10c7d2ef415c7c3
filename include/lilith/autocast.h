#pragma once
#include <optional>
#include <source_location>
#include <utility>

#include "lilith/device.h"
#include "lilith/dtype.h"
#include "lilith/error.h"

namespace lilith {

/// While it lives, functions called on this thread choose their dtype as PyTorch's autocast does:
/// products, linear layers, convolutions, attention and recurrent layers take their floating
/// operands (but f64) in `dtype`, bf16 or f16, and give it; losses, softmaxes, norms, exponentials,
/// logarithms, powers and sums (docs/mixed-precision.md has the list) take halves in f32 and give
/// f32; concatenations and the like meet in the widest dtype; all others compute in what they are
/// given. Weights stay f32, and so do their gradients. The same on every device, lazily, under grad
/// and compile, whose traces know of it. Scopes nest; `enabled` false turns it off inside of one.
/// Errors: a dtype that is neither bf16 nor f16. Ref: torch.autocast.
///
///   Autocast scope(kBFloat16);
///   auto [loss, g] = grad(loss_of, net, x, y);
class Autocast {
 public:
  explicit Autocast(DType dtype = DType::BF16, bool enabled = true,
                    std::source_location loc = std::source_location::current());
  explicit Autocast(std::optional<DType> dtype,
                    std::source_location loc = std::source_location::current());
  ~Autocast();
  Autocast(const Autocast&) = delete;

 private:
  std::optional<DType> saved_;
};

/// The dtype that autocast chooses on this thread; none where it is off.
std::optional<DType> autocast_dtype();
inline bool is_autocast_enabled() { return autocast_dtype().has_value(); }

/// f() under Autocast(dtype).
template <class F>
decltype(auto) autocast(DType dtype, F&& f,
                        std::source_location loc = std::source_location::current()) {
  const Autocast scope(dtype, true, loc);
  return std::forward<F>(f)();
}

/// PyTorch's order: autocast("cuda", kBFloat16, f). The device is of no matter. Error: a word that
/// names none.
template <class F>
decltype(auto) autocast(const char* device, DType dtype, F&& f,
                        std::source_location loc = std::source_location::current()) {
  detail::check_device_word("autocast", device ? device : "", loc);
  return autocast(dtype, std::forward<F>(f), loc);
}

}  // namespace lilith
