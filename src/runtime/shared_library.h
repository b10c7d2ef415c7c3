#pragma once
#include <dlfcn.h>

namespace lilith::runtime {

/// A library that is found when the process first asks for it: nothing links to it. It stays open.
class SharedLibrary {
 public:
  /// False where there is none of that name; error() says why.
  bool open(const char* name) {
    handle_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) error_ = dlerror();
    return handle_ != nullptr;
  }
  bool is_open() const { return handle_ != nullptr; }
  const char* error() const { return error_; }

  /// Looks a function up; remembers the first one that is missing.
  template <class F>
  void find(F** f, const char* name) {
    *f = reinterpret_cast<F*>(dlsym(handle_, name));
    if (*f == nullptr && missing_ == nullptr) missing_ = name;
  }
  const char* missing() const { return missing_; }

 private:
  void* handle_ = nullptr;
  const char* error_ = "";
  const char* missing_ = nullptr;
};

}  // namespace lilith::runtime
