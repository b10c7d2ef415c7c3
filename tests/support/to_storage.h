#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "ir/host.h"
#include "ir/reference.h"
#include "runtime/storage.h"

namespace lilith::testing {

/// Memory that holds the values of t as elements of `dtype`.
inline StoragePtr to_storage(const RefTensor& t, DType dtype) {
  const auto bytes = static_cast<std::size_t>(t.aval.numel()) * size_of(dtype);
  StoragePtr s = Storage::allocate(std::max<std::size_t>(1, bytes));
  for (std::int64_t k = 0; k < t.aval.numel(); ++k) {
    if (t.floating())
      ir::write_f64(s->data(), dtype, k, t.f[static_cast<std::size_t>(k)]);
    else
      ir::write_i64(s->data(), dtype, k, t.i[static_cast<std::size_t>(k)]);
  }
  return s;
}
inline StoragePtr to_storage(const RefTensor& t) { return to_storage(t, t.aval.dtype); }

}  // namespace lilith::testing
