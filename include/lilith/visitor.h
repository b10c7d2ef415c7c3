#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lilith/detail/shared.h"
#include "lilith/hyper.h"
#include "lilith/tensor.h"

namespace lilith {

/// A type as visitors see it. One object per type: its address identifies the type in a process.
struct TypeInfo {
  std::string_view name;  // "Conv2d", without namespaces
};

template <class T>
struct Gradients;  // lilith/gradients.h

/// What walks over the fields of a model. `visit(model, visitor)` calls one function per field, in
/// the order of declaration, between enter/leave of its name. A type-erased class forwards by its
/// member `void visit_fields(Visitor&)`.
class Visitor {
 public:
  virtual ~Visitor();

  virtual void parameter(Tensor& t) = 0;
  virtual void buffer(Buffer& t) = 0;
  virtual void hyper(Hyper&) {}
  // Static configuration: a part of a program's key.
  virtual void flag(bool&) {}
  virtual void integer(std::int64_t) {}
  virtual void real(double) {}
  virtual void text(std::string_view) {}
  /// A fact about the structure: presence of an optional, size of a container, index of a variant.
  virtual void structure(std::int64_t) {}

  /// A field's name, or an index of a container; `leave` follows.
  virtual void enter(std::string_view /*name*/) {}
  virtual void enter(std::size_t /*index*/) {}
  virtual void leave() {}
  /// A layer or another struct, before it is walked over: its type and address.
  virtual void object(const TypeInfo&, void*) {}
  /// A struct's fields follow, then `end`.
  virtual void begin(const TypeInfo&) {}
  virtual void end() {}
  /// Whether to look into a shared object: by default the first time only.
  virtual bool enter_shared(const void* object);
  /// Called before enter_shared with the shared pointer itself, as `std::shared_ptr<void>`, and how
  /// to copy what it points to; clone replaces it.
  using CopyShared = std::shared_ptr<void> (*)(const void*);
  virtual void shared(std::shared_ptr<void>& /*object*/, CopyShared /*copy*/) {}

 protected:
  std::vector<const void*> seen_;
};

/// A visitor that knows where it is: path() is "blocks.0.attn.qkv.bias".
class PathVisitor : public Visitor {
 public:
  void enter(std::string_view name) override;
  void enter(std::size_t index) override;
  void leave() override;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::vector<std::size_t> ends_;
};

}  // namespace lilith
