#include "train/finite.h"

#include <cstdint>

#include "ir/host_copy.h"

namespace lilith::train {
namespace {

// An infinity or a NaN has every bit of the exponent set.
template <class Word>
bool finite_words(const void* data, std::int64_t n, Word exponent) {
  const Word* words = static_cast<const Word*>(data);
  Word bad = 0;
  for (std::int64_t i = 0; i < n; ++i) bad |= static_cast<Word>((words[i] & exponent) == exponent);
  return bad == 0;
}

template <class F>
class Values final : public PathVisitor {
 public:
  explicit Values(F& f) : f_(f) {}
  void parameter(Tensor& t) override { call(t); }
  void buffer(Buffer& t) override { call(t); }

 private:
  void call(const Tensor& t) {
    if (t.defined()) f_(path(), t);
  }
  F& f_;
};

// f(path, tensor) for each parameter and buffer.
template <class F>
void for_each_value(ConstModelRef model, F f) {
  Values<F> v(f);
  model.visit(v);
}

}  // namespace

bool all_finite(const Tensor& t) {
  if (!is_floating(t.dtype())) return true;
  const StoragePtr value = ir::host_value(t, "fit");
  const void* data = value->data();
  switch (t.dtype()) {
    case DType::F16:
      return finite_words<std::uint16_t>(data, t.numel(), 0x7c00);
    case DType::BF16:
      return finite_words<std::uint16_t>(data, t.numel(), 0x7f80);
    case DType::F32:
      return finite_words<std::uint32_t>(data, t.numel(), 0x7f800000);
    case DType::F64:
      return finite_words<std::uint64_t>(data, t.numel(), 0x7ff0000000000000);
    default:
      return true;
  }
}

std::set<std::string> non_finite_paths(ConstModelRef model) {
  std::set<std::string> paths;
  for_each_value(model, [&](const std::string& path, const Tensor& t) {
    if (!all_finite(t)) paths.insert(path);
  });
  return paths;
}

std::optional<std::string> first_non_finite(ConstModelRef model,
                                            const std::set<std::string>& known) {
  std::optional<std::string> found;
  for_each_value(model, [&](const std::string& path, const Tensor& t) {
    if (!found && !known.count(path) && !all_finite(t)) found = path;
  });
  return found;
}

}  // namespace lilith::train
