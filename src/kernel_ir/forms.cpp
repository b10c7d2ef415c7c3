#include "kernel_ir/forms.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace lilith::kir {
namespace {

std::shared_ptr<const Form> make_canonical(const Kernel& k) {
  return std::make_shared<const Form>(canonical_form(k));
}

std::shared_ptr<const SkeletonForm> make_skeleton(const Kernel& k) {
  Skeleton s = skeleton(k);
  return std::make_shared<const SkeletonForm>(Form(std::move(s.form)), std::move(s.numbers));
}

}  // namespace

Form::Form(std::string of) : bytes(std::move(of)) {
  const XXH128_hash_t h = XXH3_128bits(bytes.data(), bytes.size());
  hash = {h.low64, h.high64};
}

std::shared_ptr<const Form> KernelForms::canonical(const Kernel& k) {
  const std::lock_guard lock(mutex_);
  if (!canonical_) canonical_ = make_canonical(k);
  return canonical_;
}

std::shared_ptr<const SkeletonForm> KernelForms::skeleton(const Kernel& k) {
  const std::lock_guard lock(mutex_);
  if (!skeleton_) skeleton_ = make_skeleton(k);
  return skeleton_;
}

std::shared_ptr<const Form> canonical_of(const Kernel& k) {
  return k.forms ? k.forms->canonical(k) : make_canonical(k);
}

std::shared_ptr<const SkeletonForm> skeleton_of(const Kernel& k) {
  return k.forms ? k.forms->skeleton(k) : make_skeleton(k);
}

}  // namespace lilith::kir
