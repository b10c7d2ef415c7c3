#pragma once
#include <functional>

#include "lilith/tensor.h"
#include "runtime/storage.h"

// Values of tensors as the host reads and writes them, wherever they lie.
namespace lilith::ir {

/// The tensor's memory; evaluates it first. Error, in the name of `what`, for an input of a traced
/// function and while one is traced.
const StoragePtr& realise(const Tensor& t, const char* what);
/// Its value in host memory: its own where it lies there, else a copy.
StoragePtr host_value(const Tensor& t, const char* what);
/// The tensor itself where it lies on the host, else one that holds a copy.
Tensor host_copy(const Tensor& t, const char* what);
/// A leaf whose memory, of aval.bytes(), `fill` fills on the host.
Tensor make_filled(const Aval& aval, const std::function<void(void*)>& fill);

}  // namespace lilith::ir
