#pragma once
#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

/// Any callable from a tensor to a tensor, held by value: a layer, or a lambda that captures
/// nothing. Copies are deep.
class AnyLayer {
 public:
  template <class L>
    requires(!reflect::is_or_holds_gradients_of<L, AnyLayer> &&
             std::is_invocable_r_v<Tensor, std::remove_cvref_t<L>&, const Tensor&>)
  AnyLayer(L&& layer)
      : self_(std::make_unique<Holder<std::remove_cvref_t<L>>>(std::forward<L>(layer))) {}
  AnyLayer(const AnyLayer& other) : self_(other.self_->clone()) {}
  AnyLayer(AnyLayer&&) noexcept = default;
  AnyLayer& operator=(const AnyLayer& other) {
    self_ = other.self_->clone();
    return *this;
  }
  AnyLayer& operator=(AnyLayer&&) noexcept = default;

  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) {
    return self_->call(x, loc);
  }
  /// A layer whose operator() is not const is called as a copy while it is in test mode. Errors:
  /// training mode, a layer without the flag, and one whose state the call changes all the same.
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const {
    return std::as_const(*self_).call(x, loc);
  }

  /// The layer as an L, or nullptr when it is of another type.
  template <class L>
  L* as() {
    return self_->type() == &reflect::type_info<L> ? static_cast<L*>(self_->object()) : nullptr;
  }
  template <class L>
  const L* as() const {
    return const_cast<AnyLayer*>(this)->as<L>();
  }
  const TypeInfo& type() const { return *self_->type(); }

  LILITH_CLASS
  void visit_fields(Visitor& v) { self_->visit(v); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual std::unique_ptr<Base> clone() const = 0;
    virtual Tensor call(const Tensor& x, SourceLocation loc) = 0;
    virtual Tensor call(const Tensor& x, SourceLocation loc) const = 0;
    virtual void visit(Visitor& v) = 0;
    virtual void* object() = 0;
    virtual const TypeInfo* type() const = 0;
  };
  template <class L>
  struct Holder final : Base {
    explicit Holder(L l) : layer(std::move(l)) {}
    std::unique_ptr<Base> clone() const override {
      return std::make_unique<Holder>(reflect::copy_of(layer));
    }
    Tensor call(const Tensor& x, SourceLocation loc) override {
      return detail::call_at(loc, layer, x);
    }
    Tensor call(const Tensor& x, SourceLocation loc) const override {
      if constexpr (std::is_invocable_v<const L&, const Tensor&>)
        return detail::call_at(loc, layer, x);
      else {
        L copy = reflect::copy_of(layer);
        return call_in_test_mode(
            reflect::type_info<L>, [&](Visitor& v) { reflect::walk(copy, v); },
            [&] { return Tensor(detail::call_at(loc, copy, x)); });
      }
    }
    void visit(Visitor& v) override { reflect::walk(layer, v); }
    void* object() override { return &layer; }
    const TypeInfo* type() const override { return &reflect::type_info<L>; }
    L layer;
  };
  static Tensor call_in_test_mode(const TypeInfo& type, const std::function<void(Visitor&)>& walk,
                                  const std::function<Tensor()>& call);

  std::unique_ptr<Base> self_;
};

/// Layers applied one after the other: Sequential{Linear{2, 3}, ReLU{}, [](Tensor x) { return x *
/// 2; }}. Parameters are named as PyTorch names them: "0.weight". A lambda must capture nothing;
/// write a struct with the tensors as fields instead. Ref: torch.nn.Sequential.
class Sequential {
 public:
  Sequential() = default;
  template <class First, class... Rest>
    requires(std::constructible_from<AnyLayer, First> && ... &&
             std::constructible_from<AnyLayer, Rest>) &&
            (sizeof...(Rest) > 0 || !reflect::is_or_holds_gradients_of<First, Sequential>)
  Sequential(First&& first, Rest&&... rest) {
    layers_.reserve(1 + sizeof...(Rest));
    layers_.emplace_back(std::forward<First>(first));
    (layers_.emplace_back(std::forward<Rest>(rest)), ...);
  }

  /// Says that something is no layer.
  template <class First, class... Rest>
    requires(!(std::constructible_from<AnyLayer, First> && ... &&
               std::constructible_from<AnyLayer, Rest>))
  explicit(sizeof...(Rest) == 0) Sequential(First&&, Rest&&...) {
    static_assert(std::constructible_from<AnyLayer, First>,
                  "lilith: Sequential takes layers: what can be called with one Tensor and returns "
                  "one, a struct with Tensor operator()(Tensor x) const or a lambda without "
                  "captures");
    static_assert((std::constructible_from<AnyLayer, Rest> && ...),
                  "lilith: Sequential takes layers: what can be called with one Tensor and returns "
                  "one, a struct with Tensor operator()(Tensor x) const or a lambda without "
                  "captures");
  }

  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current());
  /// Error when a layer that keeps state (BatchNorm) is in training mode: its operator() is not
  /// const.
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;

  template <class L>
  void push_back(L&& layer) {
    layers_.emplace_back(std::forward<L>(layer));
  }
  /// PyTorch's words for it; append gives the Sequential back.
  template <class L>
  Sequential& append(L&& layer) {
    push_back(std::forward<L>(layer));
    return *this;
  }
  template <class L>
  Sequential& insert(Index at, L&& layer) {
    const auto place = at.value == static_cast<std::int64_t>(size()) ? size() : index(at);
    layers_.insert(layers_.begin() + static_cast<std::ptrdiff_t>(place),
                   AnyLayer(std::forward<L>(layer)));
    return *this;
  }
  Sequential& extend(const Sequential& others) {
    const std::vector<AnyLayer> copies = others.layers_;
    for (const AnyLayer& layer : copies) layers_.push_back(layer);
    return *this;
  }
  /// Layer i; negative i counts from the end. Error when out of range.
  AnyLayer& operator[](Index i) { return layers_[index(i)]; }
  const AnyLayer& operator[](Index i) const { return layers_[index(i)]; }
  std::size_t size() const { return layers_.size(); }
  bool empty() const { return layers_.empty(); }
  auto begin() { return layers_.begin(); }
  auto end() { return layers_.end(); }
  auto begin() const { return layers_.begin(); }
  auto end() const { return layers_.end(); }

  LILITH_CLASS
  void visit_fields(Visitor& v);

 private:
  std::size_t index(Index i) const;

  std::vector<AnyLayer> layers_;
};

}  // namespace lilith
