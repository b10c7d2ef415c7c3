#pragma once
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lilith/load_state.h"
#include "lilith/reflect.h"

namespace lilith {

/// A reference to any model (struct, container of structs, tensor) that is only read, with the
/// user's line: what functions over models take.
class ConstModelRef {
 public:
  template <class T>
    requires(!std::is_base_of_v<ConstModelRef, std::remove_cvref_t<T>>)
  ConstModelRef(T&& m, SourceLocation loc = SourceLocation::current())
      // One visitor serves both kinds of references: those that get this one do not assign.
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(m)))),
        walk_([](void* p, Visitor& v) {
          reflect::walk(*static_cast<std::remove_cvref_t<T>*>(p), v);
        }),
        loc_(loc) {}
  /// Shows the fields to a visitor, which must not assign.
  void visit(Visitor& v) const { walk_(object_, v); }
  const void* address() const { return object_; }
  Loc loc() const { return loc_; }

 private:
  void* object_;
  void (*walk_)(void*, Visitor&);
  Loc loc_;
};

/// A reference to a model that may be changed. A const model does not compile.
class ModelRef : public ConstModelRef {
 public:
  template <class T>
    requires(!std::is_base_of_v<ConstModelRef, std::remove_cvref_t<T>>)
  ModelRef(T&& m, SourceLocation loc = SourceLocation::current()) : ConstModelRef(m, loc) {
    static_assert(!std::is_const_v<std::remove_reference_t<T>>,
                  "lilith: a const model is given to a function that changes it: take it by "
                  "non-const reference (Net& m), or change a copy (auto m = clone(model))");
  }
};

namespace detail {
/// What is given where a model is only read: a const object, or a reference to one.
template <class M>
concept ReadOnly = !std::is_same_v<std::remove_cvref_t<M>, ModelRef> &&
                   (std::is_const_v<std::remove_reference_t<M>> ||
                    std::is_same_v<std::remove_cvref_t<M>, ConstModelRef>);
template <class F, class V>
concept Reads = std::is_invocable_v<F&, const std::string&, const V&>;
/// Calls read(m, f) where f takes its fields as const.
template <class V, class M, class F, class Read>
void read_with(M& m, F& f, Read read) {
  constexpr bool kWithPath = Reads<F, V>, kWithout = std::is_invocable_v<F&, const V&>;
  static_assert(kWithPath || kWithout,
                "lilith: the model is const, so the function gets its fields as const: write "
                "[](const std::string& path, const Tensor& t) { … }");
  if constexpr (kWithPath)
    read(ConstModelRef(m), f);
  else if constexpr (kWithout)
    read(ConstModelRef(m), [&](const std::string&, const V& t) { f(t); });
}
}  // namespace detail

/// Tensors by path ("conv1.weight"), sorted.
using StateDict = std::map<std::string, Tensor>;

/// f(path, tensor) for each defined parameter, in the order of declaration; f may assign. What a
/// Shared holds comes once, under its first path. Of a const model f gets `const Tensor&`.
void for_each_parameter(ModelRef m,
                        const std::function<void(const std::string& path, Tensor& t)>& f);
/// f(path, buffer) for each defined buffer.
void for_each_buffer(ModelRef m, const std::function<void(const std::string& path, Buffer& t)>& f);
/// f(path, hyper) for each run-time number.
void for_each_hyper(ModelRef m, const std::function<void(const std::string& path, Hyper& h)>& f);
/// The same without the path: for_each_parameter(net, [](Tensor& p) { init::normal_(p); });
template <std::invocable<Tensor&> F>
void for_each_parameter(ModelRef m, F&& f) {
  for_each_parameter(m, [&](const std::string&, Tensor& t) { f(t); });
}
template <std::invocable<Buffer&> F>
void for_each_buffer(ModelRef m, F&& f) {
  for_each_buffer(m, [&](const std::string&, Buffer& t) { f(t); });
}
template <std::invocable<Hyper&> F>
void for_each_hyper(ModelRef m, F&& f) {
  for_each_hyper(m, [&](const std::string&, Hyper& h) { f(h); });
}

namespace detail {
template <class V>
using ReadField = std::function<void(const std::string& path, const V& value)>;
void read_parameters(ConstModelRef m, const ReadField<Tensor>& f);
void read_buffers(ConstModelRef m, const ReadField<Buffer>& f);
void read_hypers(ConstModelRef m, const ReadField<Hyper>& f);
}  // namespace detail
template <detail::ReadOnly M, class F>
void for_each_parameter(M&& m, F&& f) {
  detail::read_with<Tensor>(m, f, detail::read_parameters);
}
template <detail::ReadOnly M, class F>
void for_each_buffer(M&& m, F&& f) {
  detail::read_with<Buffer>(m, f, detail::read_buffers);
}
template <detail::ReadOnly M, class F>
void for_each_hyper(M&& m, F&& f) {
  detail::read_with<Hyper>(m, f, detail::read_hypers);
}

namespace reflect {
template <class F, bool Const>
class FieldVisitor : public PathVisitor {
 public:
  explicit FieldVisitor(F& f) : f_(f) {}
  void parameter(Tensor& t) override { call(t); }
  void buffer(Buffer& t) override { call(t); }
  void hyper(Hyper& h) override { call(h); }
  void flag(bool& b) override { call(b); }
  void integer(std::int64_t i) override { call(i); }
  void real(double d) override { call(d); }
  void text(std::string_view s) override { call(s); }

 private:
  template <class V>
  void call(V& value) {
    using Field = std::conditional_t<Const, const V&, V&>;
    if constexpr (std::is_invocable_v<F&, const std::string&, Field>)
      f_(path(), static_cast<Field>(value));
  }
  F& f_;
};
}  // namespace reflect

/// f(path, field) for each field that f takes: Tensor&, Buffer&, Hyper&, bool&, int64, double,
/// string_view; of a const model const Tensor&, …
template <class F>
void visit_fields(ModelRef m, F&& f) {
  reflect::FieldVisitor<std::remove_reference_t<F>, false> v(f);
  m.visit(v);
}
template <detail::ReadOnly M, class F>
void visit_fields(M&& m, F&& f) {
  reflect::FieldVisitor<std::remove_reference_t<F>, true> v(f);
  ConstModelRef(m).visit(v);
}

/// Every parameter and buffer by path, under PyTorch's keys. What a Shared holds is listed under
/// each path.
StateDict state_dict(ConstModelRef m);

/// Assigns the dict's tensors to the model's, cast to the model's dtype and device, and says what
/// was loaded. What a Shared holds needs one of its keys. Error, listing missing, unexpected and
/// misshapen keys side by side, and the option that would make them fit where there is one; the
/// model is unchanged then. Ref: torch.nn.Module.load_state_dict.
LoadReport load_state_dict(ModelRef m, const StateDict& dict, const LoadOptions& options = {});

/// Makes the parameters of `target` those of `source`, in order: `tie(m.dec.weight, m.enc.weight)`
/// says `m.dec.weight = m.enc.weight`, `tie(m.left, m.right)` ties two layers (their buffers stay
/// apart: hold the layer in a Shared where it has any). Error when numbers, shapes or dtypes
/// differ.
void tie(ModelRef target, ModelRef source);
inline void tie(Tensor& target, Tensor& source, SourceLocation loc = SourceLocation::current()) {
  tie(ModelRef(target, loc), ModelRef(source, loc));
}
template <reflect::Model A, reflect::Model B>
void tie(A& target, B& source, SourceLocation loc = SourceLocation::current()) {
  tie(ModelRef(target, loc), ModelRef(source, loc));
}

/// The parameters in the order of declaration, what is tied or shared once, and with their paths.
/// They are copies, and const, so that a loop that would change them in vain does not compile:
/// for_each_parameter and apply change a model. Ref: torch.nn.Module.parameters,
/// torch.nn.Module.named_parameters
const std::vector<Tensor> parameters(ConstModelRef m);
const std::vector<std::pair<std::string, Tensor>> named_parameters(ConstModelRef m);
/// The buffers, in the same way. Ref: torch.nn.Module.named_buffers
const std::vector<std::pair<std::string, Tensor>> named_buffers(ConstModelRef m);

/// The buffers alone. Ref: torch.nn.Module.buffers
const std::vector<Tensor> buffers(ConstModelRef m);
/// The parameters as one vector, and back, each with its shape, dtype and device. Error where the
/// numbers differ. Ref: torch.nn.utils.parameters_to_vector, vector_to_parameters
Tensor parameters_to_vector(ConstModelRef m);
void vector_to_parameters(const Tensor& vector, ModelRef m);

/// Number of elements of all parameters.
std::int64_t num_parameters(ConstModelRef m);
/// Sets every field `bool training`, at any depth, to `mode`: PyTorch's net.train(mode). Freezing a
/// layer (net.bn.training = false) comes after it.
void train_mode(ModelRef m, bool mode = true);
/// Sets every field `bool training`, at any depth, to false: dropout off, batch norm with its
/// running statistics. eval(net) does the same and evaluates. Ref: torch.nn.Module.eval.
void test_mode(ModelRef m);
/// Puts every tensor of m on a device (in place).
void move_to(Device device, ModelRef m);
/// A hash of everything static: numbers, flags, texts, presence of optionals, sizes of containers.
/// Equal for models whose programs may be shared. Not of tensors and Hypers.
std::uint64_t static_hash(ConstModelRef m);
/// The model as a tree, a line a layer: names, configuration, shapes.
std::string tree(ConstModelRef m);

namespace detail {
void separate_shared(ModelRef copy, ConstModelRef original);
std::ostream& print_tree(std::ostream& out, ConstModelRef m);
/// f(tensor, whether it is a parameter) for parameters and buffers in order, undefined ones too. f
/// assigns only where m is no const model.
void for_each_slot(ConstModelRef m, const std::function<void(Tensor& t, bool is_parameter)>& f);
/// All of these.
std::vector<Tensor> all_tensors(ConstModelRef m);
/// Parameters of m in order, undefined ones too.
std::vector<Tensor> parameter_list(ConstModelRef m);
/// Per parameter the first of those that it is tied to; empty when nothing is tied.
std::vector<std::size_t> tied_parameters(ConstModelRef m);
void assign_parameters(ModelRef m, const std::vector<Tensor>& values);
/// Error: dtype is not floating.
void cast_floating(ModelRef m, DType dtype);
}  // namespace detail

namespace detail {
template <class L>
L layer_of(void (*)(L&));
template <class F, class L>
L layer_of(void (F::*)(L&));
template <class F, class L>
L layer_of(void (F::*)(L&) const);
/// The layer type that f takes.
template <class F>
using LayerOf = decltype(layer_of(&F::operator()));

template <class... F>
class ApplyVisitor final : public PathVisitor {
 public:
  explicit ApplyVisitor(F&... f) : f_(f...) {}
  void parameter(Tensor&) override {}
  void buffer(Buffer&) override {}
  void object(const TypeInfo& type, void* address) override {
    std::apply([&](auto&... f) { (try_one(f, type, address), ...); }, f_);
  }

 private:
  template <class G>
  static void try_one(G& f, const TypeInfo& type, void* address) {
    using L = LayerOf<G>;
    if (&type == &reflect::type_info<L>) f(*static_cast<L*>(address));
  }
  std::tuple<F&...> f_;
};
}  // namespace detail

/// Calls f for every layer of the type that it takes, at any depth: apply(net, [](nn::Linear& m) {
/// nn::init::xavier_uniform_(m.weight); }). Several functions, one for a type each, may be given.
/// f returns nothing. Ref: torch.nn.Module.apply.
template <class M, class... F>
  requires(sizeof...(F) >= 1 && (requires { typename detail::LayerOf<F>; } && ...))
void apply(M& model, F... f) {
  detail::ApplyVisitor<F...> visitor(f...);
  ModelRef(model).visit(visitor);
}

/// A deep copy: unique_ptr and Shared fields too (sharing inside the copy stays). Tensors are
/// values, so they are not copied until one side is assigned.
template <class T>
T clone(const T& m) {
  T copy = reflect::copy_of(m);
  detail::separate_shared(copy, m);
  return copy;
}

/// m on a device: tensor, model or container.
template <class T>
std::remove_cvref_t<T> to(Device device, T&& m, SourceLocation loc = SourceLocation::current()) {
  if constexpr (std::is_lvalue_reference_v<T>) {
    auto copy = lilith::clone(m);
    move_to(device, ModelRef(copy, loc));
    return copy;
  } else {
    move_to(device, ModelRef(m, loc));
    return std::move(m);
  }
}
/// PyTorch's order, and a dtype: to(net, device), to(net, kBFloat16), which casts every floating
/// parameter and buffer.
template <class T>
  requires(!std::is_convertible_v<T, Device>)
std::remove_cvref_t<T> to(T&& m, Device device, SourceLocation loc = SourceLocation::current()) {
  return lilith::to(device, std::forward<T>(m), loc);
}
template <class T>
std::remove_cvref_t<T> to(T&& m, DType dtype, SourceLocation loc = SourceLocation::current()) {
  auto copy = lilith::clone(m);
  detail::cast_floating(ModelRef(copy, loc), dtype);
  return copy;
}
/// A deep copy. Ref: copy.deepcopy
template <reflect::Model T>
T deepcopy(const T& m) {
  return lilith::clone(m);
}
/// The device of `device | net`, with the user's line.
struct PutOn {
  PutOn(Device device, SourceLocation loc = SourceLocation::current()) : device(device), loc(loc) {}
  Device device;
  SourceLocation loc;
};
/// device | net reads as "put on".
template <class T>
  requires(!std::is_arithmetic_v<std::remove_cvref_t<T>>)
std::remove_cvref_t<T> operator|(const PutOn& on, T&& m) {
  return lilith::to(on.device, std::forward<T>(m), on.loc);
}

/// A model like `first` whose parameters are f(a, b, …) of the parameters of the models; a
/// parameter that is undefined in any of them stays as in `first`. All models have one structure.
template <class F, class T, class... Rest>
T map_parameters(F&& f, const T& first, const Rest&... rest) {
  T out = lilith::clone(first);
  std::vector<Tensor> values = detail::parameter_list(out);
  const std::array<std::vector<Tensor>, sizeof...(Rest)> others{detail::parameter_list(rest)...};
  for (const auto& list : others)
    LILITH_CHECK(list.size() == values.size(),
                 "map_parameters: the models have {} and {} parameters", values.size(),
                 list.size());
  const std::vector<std::size_t> roots = detail::tied_parameters(out);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    for (std::size_t k = 0; k < values.size(); ++k)
      if (!roots.empty() && roots[k] != k)
        values[k].rebind(values[roots[k]]);
      else if ((values[k].defined() && ... && others[I][k].defined()))
        values[k] = f(values[k], others[I][k]...);
  }(std::index_sequence_for<Rest...>{});
  detail::assign_parameters(out, values);
  return out;
}

/// Prints the tree of a model.
template <reflect::Model T>
  requires(!requires(const T& m) { m.begin(); })
std::ostream& operator<<(std::ostream& out, const T& m) {
  return detail::print_tree(out, m);
}

}  // namespace lilith

template <lilith::reflect::Model T>
  requires(!requires(const T& m) { m.begin(); })
struct fmt::formatter<T> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const T& m, Context& ctx) const {
    return fmt::formatter<std::string_view>::format(lilith::tree(m), ctx);
  }
};
