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
/// What lies on the host, on the device of `aval`: itself, or a copy.
StoragePtr placed(const StoragePtr& host, const Aval& aval);
/// Writes a tensor's elements from host memory to all of its memory, wherever it lies.
void write(Storage& to, const Aval& aval, const void* from);
/// The same of what a storage of the host begins with; it may be held, and read later.
void upload(Storage& to, const Aval& aval, const StoragePtr& from);
/// New memory of a tensor that is one number all over.
StoragePtr uniform(const Aval& aval, Scalar value);
/// The number that a constant is filled with.
Scalar number_of(const NodeImpl& constant);
/// A leaf whose memory, of aval.bytes(), `fill` fills on the host.
Tensor make_filled(const Aval& aval, const std::function<void(void*)>& fill);

}  // namespace lilith::ir
