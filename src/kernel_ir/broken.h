#pragma once
#include <fmt/core.h>

#include "lilith/error.h"

namespace lilith::kir {

/// A kernel breaks a rule of kernel IR.
template <class... Args>
[[noreturn]] void broken(fmt::format_string<Args...> format, Args&&... args) {
  throw InternalError("kernel IR: " + fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace lilith::kir
