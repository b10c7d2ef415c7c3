#pragma once
#include <functional>
#include <optional>

#include "lilith/tensor.h"

// Where the keys of random draws come from.
namespace lilith::ops {

/// Draws of this thread come from `generator`, where there is one, while the scope lives.
class GeneratorScope {
 public:
  explicit GeneratorScope(const std::optional<RandomGenerator>& generator);
  ~GeneratorScope();
  GeneratorScope(const GeneratorScope&) = delete;

 private:
  const RandomGenerator* outer_;
};
/// The generator of the innermost scope; null: the process's.
const RandomGenerator* current_generator();

/// The key of the next draw: an i64 0-d tensor. Outside of a trace it is a leaf made of the
/// current generator, which advances; inside, what the thread's provider gives.
Tensor next_key();

/// What a tracer installs to make keys of hidden inputs: `site` counts the draws since the scope
/// began.
using KeyProvider = std::function<Tensor(std::int64_t site)>;

/// Draws of this thread ask `provider` while the scope lives.
class KeyScope {
 public:
  explicit KeyScope(KeyProvider provider);
  ~KeyScope();
  KeyScope(const KeyScope&) = delete;

  std::int64_t draws() const { return draws_; }

 private:
  friend Tensor next_key();
  KeyProvider provider_;
  std::int64_t draws_ = 0;
  KeyScope* outer_;
};

/// A key that depends on both: in the graph, and on the host.
Tensor fold_in(const Tensor& key, std::int64_t data);
Tensor fold_in(const Tensor& key, const Tensor& data);
std::int64_t fold_in(std::int64_t key, std::int64_t data);
/// The key that a generator hands out next (none: current_generator(), else the process's);
/// advances it.
std::int64_t take_host_key(const std::optional<RandomGenerator>& generator = {});

/// What draws of a dtype are computed in: f64, else f32.
inline DType work_type(DType dtype) { return dtype == DType::F64 ? DType::F64 : DType::F32; }
/// Bools of a shape, true with probability p (floating, broadcast to the shape): one draw.
Tensor coin(const Shape& shape, const Tensor& p);

}  // namespace lilith::ops
