#pragma once
#include <memory>
#include <utility>

namespace lilith {

namespace reflect {
template <class T>
T copy_of(const T& x);
}

namespace detail {
/// The object of a handle that is a copy of the one at `source`: handles of one object that are
/// copied one after the other, as those of a struct are, get one new object, which `make` makes.
std::shared_ptr<void> copy_shared(const std::shared_ptr<void>& object, const void* source,
                                  std::shared_ptr<void> (*make)(const void*));
/// What is copied from now on is no part of what was copied before.
void end_shared_copies();
}  // namespace detail

/// One weight (or layer) that several fields of a struct use. A Shared that is made or assigned
/// from a named one refers to the same object: `Shared<Linear> right = left;`. A copy of a struct
/// gets an object of its own, to which all its fields refer that were one before; so does what is
/// copied from a const Shared, push_back(left) included (emplace_back(left) refers to the same
/// object). clone, grad and the other functions over models keep the sharing.
template <class T>
class Shared {
 public:
  Shared() : ptr_(std::make_shared<T>()) {}
  Shared(T value) : ptr_(std::make_shared<T>(std::move(value))) {}
  Shared(Shared& other) : ptr_(other.ptr_) {}
  Shared(const Shared& other) : ptr_(other.copy()) {}
  Shared(Shared&&) noexcept = default;
  ~Shared() = default;
  Shared& operator=(Shared& other) {
    ptr_ = other.ptr_;
    return *this;
  }
  Shared& operator=(const Shared& other) {
    if (this != &other) ptr_ = other.copy();
    return *this;
  }
  Shared& operator=(Shared&&) noexcept = default;

  T& operator*() const { return get(); }
  T* operator->() const { return &get(); }
  T& get() const {
    detail::end_shared_copies();
    return *ptr_;
  }
  operator const T&() const { return get(); }
  template <class... A>
  decltype(auto) operator()(A&&... args) const {
    return get()(std::forward<A>(args)...);
  }
  const std::shared_ptr<T>& ptr() const { return ptr_; }
  std::shared_ptr<T>& ptr() { return ptr_; }

 private:
  std::shared_ptr<T> copy() const {
    if (!ptr_) return nullptr;
    return std::static_pointer_cast<T>(
        detail::copy_shared(ptr_, this, [](const void* p) -> std::shared_ptr<void> {
          return std::make_shared<T>(reflect::copy_of(*static_cast<const T*>(p)));
        }));
  }

  std::shared_ptr<T> ptr_;
};

}  // namespace lilith
