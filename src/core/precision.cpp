#include "lilith/precision.h"

#include <array>
#include <atomic>

#include "core/env.h"
#include "lilith/error.h"

namespace lilith {
namespace {

Precision read_setting() {
  static constexpr std::array kNames{"highest", "high", "medium"};  // as the enum has them
  const std::string& asked = env::text("LILITH_PRECISION");
  if (asked.empty()) return Precision::high;
  for (std::size_t k = 0; k < kNames.size(); ++k)
    if (asked == kNames[k]) return static_cast<Precision>(k);
  // Without a line: no line of the program is at fault.
  throw Error(fmt::format("LILITH_PRECISION: '{}' is none of highest, high and medium", asked));
}

std::atomic<Precision>& current() {
  static std::atomic<Precision> setting = read_setting();
  return setting;
}

}  // namespace

void set_precision(Precision precision) { current() = precision; }
Precision precision() { return current(); }

}  // namespace lilith
