#pragma once
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/arg.h"
#include "lilith/aval.h"
#include "lilith/detail/keywords.h"
#include "lilith/detail/placement.h"
#include "lilith/detail/several.h"
#include "lilith/detail/tie.h"
#include "lilith/generator.h"

namespace lilith {

struct At;
struct TensorIndex;
struct ValuesIndices;
struct UniqueOptions;
struct AsTupleKeyword;
struct UniqueConsecutiveOptions;
struct UniqueResult;
struct QrResult;
struct SvdLegacyResult;
struct SlogdetResult;
struct LuFactorResult;
struct FrexpResult;
struct StftOptions;
struct IstftOptions;

using PairOfTensors = std::pair<Tensor, Tensor>;

namespace detail {
/// f(x…). The library's own layers and losses take the user's line along; what the user wrote has
/// lines of its own.
template <class F, class... X>
decltype(auto) call_at(SourceLocation loc, F&& f, const X&... x) {
  if constexpr (std::is_invocable_v<F&, const X&..., SourceLocation>)
    return f(x..., loc);
  else
    return f(x...);
}

template <class...>
inline constexpr bool kNever = false;
/// The temporary that an in-place method is called on, which gives its new value back. Error where
/// it is a part of another tensor or shows it otherwise (x[0], x.t()), whose change would be lost.
/// What is x itself (x.contiguous()) cannot be told from x.clone(), and counts as new.
Tensor& new_value(Tensor& temporary, const char* method);
#define LILITH_NEW_VALUE                                                                        \
  [[nodiscard(                                                                                  \
      "lilith: an in-place method changes the variable that it is called on; this is a "        \
      "temporary (x[0], x.t(), f(x)), whose change is lost: write y = x.add(1), or for a part " \
      "x.index_put_({0}, y), x = slice_update(x, part, dim, start, end), masked_fill(x, mask, " \
      "y)")]]
}  // namespace detail

/// A lazy n-dimensional array: a cheap handle to a node of the graph. Arithmetic adds nodes; a
/// value is computed when it is asked for. A value never changes under a handle. Distinct handles
/// may be used from distinct threads.
///
/// As in PyTorch, `m.dec.weight = m.enc.weight` ties: where two fields of one model were assigned
/// from each other (or made so: `Tensor dec = enc;`), they are one parameter. It is counted,
/// updated and clipped once, and has one gradient, which both fields of the gradient hold; copying,
/// loading, moving and casting the model keep the tie. What init:: sets in one field is the value
/// of both for functions over the model (lilith/init.h). A copy of a struct is tied within, not to
/// the original; a new value (`m.dec.weight = m.enc.weight + 0`) unties. Fields assigned from one
/// variable outside of the model are not tied. `tie(a, b)` says the same by name, for layers too.
class Tensor {
 public:
  /// An undefined tensor: defined() is false.
  Tensor() = default;
  template <std::same_as<std::nullopt_t> N>
  Tensor(N) {}  // None
  Tensor(const Tensor& other);
  Tensor(Tensor& other) : Tensor(other.node_) { tie_.follow(other.tie_); }
  Tensor(Tensor&& other) noexcept : node_(other.node_), tie_(std::move(other.tie_)) {
    other.node_ = nullptr;
  }
  ~Tensor();
  // Assignment is &-qualified: `x[i] = y` would silently change nothing, so it does not compile.
  Tensor& operator=(const Tensor& other) &;
  Tensor& operator=(Tensor& other) &;
  Tensor& operator=(Tensor&& other) & noexcept;

  bool defined() const { return node_ != nullptr; }
  /// The value of one element: `if (loss < 0.1)`, `while (mask.any())`. false when undefined, as
  /// PyTorch's None is. Errors, with the line that made the tensor: not one element; a value that
  /// is asked for while a function is traced.
  explicit operator bool() const;
  /// Python's float(x) and int(x): item<T>(). Errors, with the line that made the tensor: as above.
  template <class T>
    requires(std::is_arithmetic_v<T> && !std::same_as<T, bool>)
  explicit operator T() const {
    const LocScope scope(own_line(), std::integral<T> ? "int" : "float");
    return item<T>(SourceLocation());
  }

  const Aval& aval() const;  // Error when undefined, as all that follow
  const Shape& shape() const { return aval().shape; }
  DType dtype() const { return aval().dtype; }
  Device device() const { return aval().device; }
  const Shape& size() const { return shape(); }
  const Shape& sizes() const { return shape(); }
  /// The sizes as structured bindings: auto [B, C, H, W] = x.sizes<4>(). Error for another rank.
  template <std::size_t N>
  std::array<std::int64_t, N> sizes(SourceLocation loc = SourceLocation::current()) const {
    std::array<std::int64_t, N> all;
    copy_sizes(all.data(), static_cast<int>(N), loc);
    return all;
  }
  /// Size of dimension d; negative d counts from the end.
  std::int64_t size(Dim d, SourceLocation loc = SourceLocation::current()) const;
  int ndim() const { return shape().rank(); }
  int dim() const { return ndim(); }
  int ndimension() const { return ndim(); }
  std::int64_t numel() const { return shape().numel(); }
  std::int64_t nelement() const { return numel(); }
  std::int64_t element_size() const { return static_cast<std::int64_t>(size_of(dtype())); }
  std::int64_t itemsize() const { return element_size(); }
  std::int64_t nbytes() const { return numel() * element_size(); }
  /// Elements to step for each dimension: values are dense, row by row.
  Shape stride() const { return shape().strides(); }
  std::int64_t stride(Dim d, SourceLocation loc = SourceLocation::current()) const;
  bool is_contiguous() const { return true; }
  bool is_floating_point() const { return is_floating(dtype()); }
  bool is_complex() const { return false; }
  bool is_conj() const { return false; }
  /// "torch.FloatTensor", "torch.cuda.LongTensor". Ref: torch.Tensor.type
  std::string type() const;
  bool is_signed() const { return dtype() != DType::Bool && dtype() != DType::U8; }
  bool is_cuda() const { return device().kind == Device::Kind::Cuda; }
  bool is_cpu() const { return device().kind == Device::Kind::Cpu; }
  /// The tensor: what is copied to a device passes through pinned memory of its own. Ref:
  /// torch.Tensor.pin_memory
  Tensor pin_memory() const { return *this; }
  /// False: no tensor's memory is pinned.
  bool is_pinned() const { return false; }
  Tensor to_dense() const { return *this; }
  bool is_sparse() const { return false; }
  bool is_same_size(const Tensor& other) const { return shape() == other.shape(); }

  // ---- Reading a value: evaluates what is pending. ----
  /// The value of a one-element tensor, converted to T: cut to whole for an integer, rounded for a
  /// float. Errors: not one element; what an integer T does not hold, as NaN and 3e9 of an int, and
  /// of an unsigned one 2^63 and more.
  template <class T>
  T item(SourceLocation loc = SourceLocation::current()) const {
    if constexpr (std::same_as<T, bool>)
      return item_f64(loc) != 0;
    else if constexpr (std::integral<T>)
      return static_cast<T>(item_whole(static_cast<std::int64_t>(std::numeric_limits<T>::min()),
                                       sizeof(T) < 8 ? std::numeric_limits<T>::max() : INT64_MAX,
                                       loc));
    else
      return static_cast<T>(item_f64(loc));
  }
  /// The same as a double. Error where a double cannot hold it: write item<std::int64_t>().
  double item(SourceLocation loc = SourceLocation::current()) const;
  /// Whether the only element is not 0. Ref: torch.is_nonzero
  bool is_nonzero(SourceLocation loc = SourceLocation::current()) const;
  /// A copy of all elements in row-major order. T: the dtype's host type, or a wider one that holds
  /// each of its values (double of f32, std::int64_t of i32). Error for others.
  template <class T>
  std::vector<T> to_vector(SourceLocation loc = SourceLocation::current()) const {
    if (dtype() != dtype_of<T>) return widened(dtype_of<T>, loc).template to_vector<T>(loc);
    std::vector<std::conditional_t<std::is_same_v<T, bool>, unsigned char, T>> out(
        static_cast<std::size_t>(numel_of(dtype_of<T>, loc)));
    copy_elements(out.data(), loc);
    if constexpr (std::is_same_v<T, bool>)
      return {out.begin(), out.end()};
    else
      return out;
  }
  /// The elements in row-major order, in host memory; valid while this handle lives. T must be the
  /// dtype's host type. Error for a tensor on another device.
  template <class T>
  const T* data(SourceLocation loc = SourceLocation::current()) const {
    return static_cast<const T*>(raw_data(dtype_of<T>, loc));
  }
  /// The same under libtorch's name.
  template <class T>
  const T* data_ptr(SourceLocation loc = SourceLocation::current()) const {
    return data<T>(loc);
  }
  /// PyTorch's x.data: the value, to which no gradient flows.
  Tensor data(SourceLocation loc = SourceLocation::current()) const { return detach(loc); }
  /// Evaluates and returns the bytes, unchecked.
  const void* raw_data(SourceLocation loc = SourceLocation::current()) const;

  // ---- Methods; nearly each is also a free function in lilith/ops.h. ----
  // A temporary is used up by its method, so that `(x - y).abs().sum()` keeps no value but the sum.
#define LILITH_METHOD(...)   \
  Tensor __VA_ARGS__ const&; \
  Tensor __VA_ARGS__&&
  LILITH_METHOD(to(DType dtype, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(to(Device device, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(to(Device device, DType dtype, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(to(Device device, const TransferKeywords& options,
                   SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(to(const ToKeywords& k, SourceLocation loc = SourceLocation::current()));
  /// By PyTorch's word for a device or a dtype: x.to("cpu"), x.to("float64").
  template <detail::Word W>
  Tensor to(const W& word, SourceLocation loc = SourceLocation::current()) const& {
    const TensorOptions o = detail::with({.dtype = dtype(), .device = device()}, word, loc);
    return to(o.device, o.dtype, loc);
  }
  template <detail::Word W>
  Tensor to(const W& word, SourceLocation loc = SourceLocation::current()) && {
    const TensorOptions o = detail::with({.dtype = dtype(), .device = device()}, word, loc);
    return std::move(*this).to(o.device, o.dtype, loc);
  }
  /// The bytes read as another dtype: x.view(kInt32). Where its size is another, the last
  /// dimension's changes with it: f32 [2, 3] -> u8 [2, 12], i64 needs an even size. A byte that is
  /// not 0 is true. No gradient flows, but to the same dtype. Errors: a size that does not divide,
  /// 0-d and another size. Ref: torch.Tensor.view(dtype)
  template <std::same_as<DType> D>
  Tensor view(D dtype, SourceLocation loc = SourceLocation::current()) const {
    return view_of_bytes(dtype, loc);
  }
  /// Of the dtype and on the device of `other`.
  LILITH_METHOD(to(const Tensor& other, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(type(DType dtype, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(byte(SourceLocation loc = SourceLocation::current()));
  /// Of the dtype of `other`.
  LILITH_METHOD(type_as(const Tensor& other, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(half(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(bfloat16(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(cpu(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(cuda(SourceLocation loc = SourceLocation::current()));
  /// The value: tensors are dense, row by row, whatever they were made of.
  LILITH_METHOD(contiguous(SourceLocation loc = SourceLocation::current()));
  /// Swaps two dimensions.
  LILITH_METHOD(transpose(Dim a = -2, Dim b = -1, SourceLocation loc = SourceLocation::current()));
  /// The dimensions in reverse order; of a matrix its transpose. Ref: torch.Tensor.T
  LILITH_METHOD(T(SourceLocation loc = SourceLocation::current()));
  /// The last two dimensions swapped. Ref: torch.Tensor.mT
  LILITH_METHOD(mT(SourceLocation loc = SourceLocation::current()));
  // Of real numbers the same as T() of a matrix and mT().
  LILITH_METHOD(H(SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(mH(SourceLocation loc = SourceLocation::current()));
  /// x[i]: the i-th slice of dimension 0 (negative i counts from the end).
  LILITH_METHOD(operator[](Index i));
  /// x[mask], x[integers], x[Slice{1, 3}], x[None]: x.index of that one item.
  LILITH_METHOD(operator[](const At & at));
  /// x[items] as in PyTorch: integers, Slice, None, Ellipsis, integer tensors and masks, one a
  /// dimension (a mask takes as many as it has). Tensors broadcast; their dimensions stand where
  /// theirs did when they are adjacent, else first. A mask's values are asked for: inside `compile`
  /// that is an Error. Errors: too many items, an integer out of range, a tensor that is neither of
  /// integers nor a mask of x's sizes.
  LILITH_METHOD(index(const std::vector<TensorIndex>& items,
                      SourceLocation loc = SourceLocation::current()));
  /// x with x[items] = values (which broadcast), or with accumulate += them: x.index_put({Slice(),
  /// 0}, 1.0). Items and errors as of index. In place: x.index_put_(…), PyTorch's x[:, 0] = 1.
  LILITH_METHOD(index_put(const std::vector<TensorIndex>& items, const Arg& values,
                          bool accumulate = false));
  Tensor& index_put_(const std::vector<TensorIndex>& items, const Arg& values,
                     bool accumulate = false) &;
  LILITH_NEW_VALUE Tensor index_put_(const std::vector<TensorIndex>& items, const Arg& values,
                                     bool accumulate = false) &&;
  template <std::same_as<std::vector<Tensor>> V>
  Tensor index_put(const V& items, const Arg& values, bool accumulate = false) const {
    return index_put(std::vector<TensorIndex>(items.begin(), items.end()), values, accumulate);
  }
  template <std::same_as<std::vector<Tensor>> V>
  Tensor& index_put_(const V& items, const Arg& values, bool accumulate = false) & {
    return index_put_(std::vector<TensorIndex>(items.begin(), items.end()), values, accumulate);
  }
  /// p as PyTorch's word: "fro", "nuc".
  template <detail::Word W>
  Tensor norm(const W& p, const IntList& dim = {}, bool keepdim = false,
              SourceLocation loc = SourceLocation::current()) const {
    return norm_by_word(p, dim, keepdim, loc);
  }
  /// The parts as structured bindings: auto [q, k, v] = x.chunk<3>(-1). Error for another number of
  /// parts. (Of a list of sizes split gives them too: auto [a, b] = x.split({1, 2}).)
  template <std::size_t N>
  detail::Several<Tensor, N> chunk(Dim dim = 0,
                                   SourceLocation loc = SourceLocation::current()) const {
    return {chunk(static_cast<std::int64_t>(N), dim, loc), "chunk", loc};
  }
  template <std::size_t N>
  detail::Several<Tensor, N> unbind(Dim dim = 0,
                                    SourceLocation loc = SourceLocation::current()) const {
    return {unbind(dim, loc), "unbind", loc};
  }
  /// Parts of these sizes.
  template <class T, std::size_t N>
    requires std::integral<detail::Plain<T>>
  detail::Several<Tensor, N> split(const T (&sizes)[N], Dim dim = 0,
                                   SourceLocation loc = SourceLocation::current()) const {
    static_assert(detail::is_a_number<T>,
                  "lilith: a bool stands where a dimension, a size or a count is due and would be "
                  "read as 0 or 1");
    return {split(std::vector<std::int64_t>(sizes, sizes + N), dim, loc), "split", loc};
  }
  template <std::size_t N>
  detail::Several<Tensor, N> split(Int split_size, Dim dim = 0,
                                   SourceLocation loc = SourceLocation::current()) const {
    return {split(split_size, dim, loc), "split", loc};
  }
  /// x where cond, else other.
  LILITH_METHOD(where(const Arg& cond, const Arg& other));
  /// The n-th derivative of digamma.
  LILITH_METHOD(polygamma(Int n, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(sum(DType dtype, SourceLocation loc = SourceLocation::current()));
  LILITH_METHOD(mean(DType dtype, SourceLocation loc = SourceLocation::current()));
  // PyTorch's `unbiased`: Bessel's correction or none.
  template <std::same_as<bool> B>
  Tensor std(const IntList& dim, B unbiased, bool keepdim = false,
             SourceLocation loc = SourceLocation::current()) const {
    return std(dim, unbiased ? 1 : 0, keepdim, loc);
  }
  template <std::same_as<bool> B>
  Tensor var(const IntList& dim, B unbiased, bool keepdim = false,
             SourceLocation loc = SourceLocation::current()) const {
    return var(dim, unbiased ? 1 : 0, keepdim, loc);
  }
  template <std::same_as<bool> B>
  Tensor std(B unbiased, SourceLocation loc = SourceLocation::current()) const {
    return std(IntList(), unbiased ? 1 : 0, false, loc);
  }
  template <std::same_as<bool> B>
  Tensor var(B unbiased, SourceLocation loc = SourceLocation::current()) const {
    return var(IntList(), unbiased ? 1 : 0, false, loc);
  }
  /// Of x's dtype and on its device, unless told otherwise. Ref: torch.Tensor.new_zeros
  Tensor new_zeros(const Shape& shape, std::optional<DType> dtype = {},
                   SourceLocation loc = SourceLocation::current()) const;
  Tensor new_ones(const Shape& shape, std::optional<DType> dtype = {},
                  SourceLocation loc = SourceLocation::current()) const;
  Tensor new_empty(const Shape& shape, std::optional<DType> dtype = {},
                   SourceLocation loc = SourceLocation::current()) const;
  Tensor new_full(const Shape& shape, const Arg& value, std::optional<DType> dtype = {}) const;
  template <class... R>
  Tensor new_zeros(Size first, Size second, R... rest) const {
    return new_zeros({first.value, second.value, Size(rest, first.loc).value...}, {}, first.loc);
  }
  template <class... R>
  Tensor new_empty(Size first, Size second, R... rest) const {
    return new_empty({first.value, second.value, Size(rest, first.loc).value...}, {}, first.loc);
  }
  template <class... R>
  Tensor new_ones(Size first, Size second, R... rest) const {
    return new_ones({first.value, second.value, Size(rest, first.loc).value...}, {}, first.loc);
  }
#undef LILITH_METHOD

  // In-place methods give the variable that they are called on a new value, of its dtype and shape;
  // other variables keep theirs: `Tensor y = x; x.add_(1);` leaves y as it was, unlike in PyTorch.
  // Fields that are tied stay so. Of a temporary that is new (zeros(3), x + y) they give the new
  // value: `zeros(n, k).scatter_(1, index, 1)`; of a part of a tensor (x[0], x.t()) they are an
  // Error, since x would stay as it is; x.contiguous() counts as new, as x.clone() does.
  Tensor& zero_(SourceLocation loc = SourceLocation::current()) &;
  LILITH_NEW_VALUE Tensor zero_(SourceLocation loc = SourceLocation::current()) &&;
  Tensor& fill_(const Arg& value) &;
  Tensor& copy_(const Arg& source) &;
  LILITH_NEW_VALUE Tensor fill_(const Arg& value) &&;
  LILITH_NEW_VALUE Tensor copy_(const Arg& source) &&;
  Tensor& normal_(Real mean = 0, Real std = 1, const std::optional<RandomGenerator>& generator = {},
                  SourceLocation loc = SourceLocation::current()) &;
  Tensor& uniform_(Real from = 0, Real to = 1, const std::optional<RandomGenerator>& generator = {},
                   SourceLocation loc = SourceLocation::current()) &;
  LILITH_NEW_VALUE Tensor normal_(Real mean = 0, Real std = 1,
                                  const std::optional<RandomGenerator>& generator = {},
                                  SourceLocation loc = SourceLocation::current()) &&;
  LILITH_NEW_VALUE Tensor uniform_(Real from = 0, Real to = 1,
                                   const std::optional<RandomGenerator>& generator = {},
                                   SourceLocation loc = SourceLocation::current()) &&;
  Tensor& bernoulli_(const Arg& p = 0.5, const std::optional<RandomGenerator>& generator = {}) &;
  LILITH_NEW_VALUE Tensor bernoulli_(const Arg& p = 0.5,
                                     const std::optional<RandomGenerator>& generator = {}) &&;
  Tensor& add_(const Arg& other, const AlphaKeyword& keyword) &;
  Tensor& sub_(const Arg& other, const AlphaKeyword& keyword) &;
  Tensor& clamp_(const BoundKeywords& keywords, SourceLocation loc = SourceLocation::current()) &;
  LILITH_NEW_VALUE Tensor add_(const Arg& other, const AlphaKeyword& keyword) &&;
  LILITH_NEW_VALUE Tensor sub_(const Arg& other, const AlphaKeyword& keyword) &&;
  LILITH_NEW_VALUE Tensor clamp_(const BoundKeywords& keywords,
                                 SourceLocation loc = SourceLocation::current()) &&;
  /// Whole numbers in [from, to), or [0, to). Ref: torch.Tensor.random_
  Tensor& random_(Int from, Int to, SourceLocation loc = SourceLocation::current()) &;
  Tensor& random_(Int to, SourceLocation loc = SourceLocation::current()) &;
  LILITH_NEW_VALUE Tensor random_(Int from, Int to,
                                  SourceLocation loc = SourceLocation::current()) &&;
  LILITH_NEW_VALUE Tensor random_(Int to, SourceLocation loc = SourceLocation::current()) &&;
  /// Its diagonal (of all dimensions) set to a number. Ref: torch.Tensor.fill_diagonal_
  Tensor& fill_diagonal_(const Arg& value) &;
  LILITH_NEW_VALUE Tensor fill_diagonal_(const Arg& value) &&;
  // These change the variable's shape.
  Tensor& squeeze_(SourceLocation loc = SourceLocation::current()) &;
  Tensor& squeeze_(const IntList& dim, SourceLocation loc = SourceLocation::current()) &;
  Tensor& unsqueeze_(Dim dim, SourceLocation loc = SourceLocation::current()) &;
  Tensor unsqueeze_(Dim dim, SourceLocation loc = SourceLocation::current()) && {
    return std::move(*this).unsqueeze(dim, loc);
  }
  Tensor& transpose_(Dim dim0, Dim dim1, SourceLocation loc = SourceLocation::current()) &;
  Tensor& swapaxes_(Dim dim0, Dim dim1, SourceLocation loc = SourceLocation::current()) & {
    return transpose_(dim0, dim1, loc);
  }
  Tensor& swapdims_(Dim dim0, Dim dim1, SourceLocation loc = SourceLocation::current()) & {
    return transpose_(dim0, dim1, loc);
  }
  Tensor& t_(SourceLocation loc = SourceLocation::current()) &;
  Tensor& detach_(SourceLocation loc = SourceLocation::current()) &;

  // The rows of the table. Where a list of sizes or dimensions is due, numbers may stand one after
  // the other: x.view(2, 3), x.permute(1, 0).
#define LILITH_OR(...) = __VA_ARGS__
#define LILITH_HERE SourceLocation loc = SourceLocation::current()
#define LILITH_METHOD(R, name, parameters, ...) \
  R name parameters const&;                     \
  R name parameters&&;
#define LILITH_IN_PLACE(name, function, parameters, ...) \
  Tensor& name parameters&;                              \
  LILITH_NEW_VALUE Tensor name parameters&&;
#define LILITH_VALUE(name) LILITH_METHOD(Tensor, name, (LILITH_HERE))
#define LILITH_UNARY(name) LILITH_VALUE(name) LILITH_IN_PLACE(name##_, name, (LILITH_HERE))
#define LILITH_PAIR(name) LILITH_METHOD(Tensor, name, (const Arg& other))
#define LILITH_BINARY(name) LILITH_PAIR(name) LILITH_IN_PLACE(name##_, name, (const Arg& other))
#define LILITH_WITH_ALPHA(name)                                                  \
  LILITH_METHOD(Tensor, name, (const Arg& other, const Arg& alpha LILITH_OR(1))) \
  LILITH_IN_PLACE(name##_, name, (const Arg& other, const Arg& alpha LILITH_OR(1)))
#include "lilith/detail/tensor_methods.inc"
#define LILITH_KEYWORD_FUNCTION(...)
#define LILITH_KEYWORDS(R, name, D, Keywords, ...)                                         \
  R name(const Keywords& k, SourceLocation loc = SourceLocation::current()) const&;        \
  R name(const Keywords& k, SourceLocation loc = SourceLocation::current())&&;             \
  R name(D dim, const Keywords& k, SourceLocation loc = SourceLocation::current()) const&; \
  R name(D dim, const Keywords& k, SourceLocation loc = SourceLocation::current())&&;
#include "lilith/detail/keyword_functions.inc"
#define LILITH_LIST_METHOD(name)                                                              \
  template <class... R>                                                                       \
  Tensor name(Size first, Size second, R... rest) const& {                                    \
    return name({first.value, second.value, Size(rest, first.loc).value...}, first.loc);      \
  }                                                                                           \
  template <class... R>                                                                       \
  Tensor name(Size first, Size second, R... rest)&& {                                         \
    return std::move(*this).name({first.value, second.value, Size(rest, first.loc).value...}, \
                                 first.loc);                                                  \
  }
  LILITH_LIST_METHOD(view)
  LILITH_LIST_METHOD(reshape)
  LILITH_LIST_METHOD(expand)
  LILITH_LIST_METHOD(permute)
  LILITH_LIST_METHOD(repeat)
  LILITH_LIST_METHOD(tile)
  LILITH_LIST_METHOD(flip)
  LILITH_LIST_METHOD(sum_to_size)
#undef LILITH_LIST_METHOD

#include "lilith/detail/tensor_words.inc"
#undef LILITH_NEW_VALUE

  // In-place operators rebind this handle; the old value is untouched.
  Tensor& operator+=(const Arg& other) &;
  Tensor& operator-=(const Arg& other) &;
  Tensor& operator*=(const Arg& other) &;
  Tensor& operator/=(const Arg& other) &;

  // ---- The graph side: for ops, passes and transforms. ----
  explicit Tensor(ir::NodeImpl* node);  // takes a new reference
  ir::NodeImpl* node() const { return node_; }
  /// Takes the value alone: what it is tied to stays.
  void rebind(const Tensor& value) &;
  detail::TieTag& tie_tag() { return tie_; }
  const detail::TieTag& tie_tag() const { return tie_; }

 private:
  Tensor view_of_bytes(DType dtype, SourceLocation loc) const;
  Loc own_line() const;  // that made it
  double item_f64(SourceLocation loc) const;
  std::int64_t item_i64(SourceLocation loc) const;
  std::int64_t item_whole(std::int64_t least, std::int64_t most, SourceLocation loc) const;
  /// Cast to a dtype that holds each value. Error where it does not.
  Tensor widened(DType to, SourceLocation loc) const;
  Tensor norm_by_word(std::string_view p, const IntList& dim, bool keepdim,
                      SourceLocation loc) const;
  const void* raw_data(DType expected, SourceLocation loc) const;
  /// Error when the dtype is another.
  std::int64_t numel_of(DType expected, SourceLocation loc) const;
  void copy_elements(void* to, SourceLocation loc) const;
  /// Error unless there are `rank` of them.
  void copy_sizes(std::int64_t* to, int rank, SourceLocation loc) const;

  ir::NodeImpl* node_ = nullptr;
  detail::TieTag tie_;
};

/// What max, min and their like give of a dimension: auto [values, indices] = x.max(1); also
/// x.max(1).values, x.max(1)[0].
struct ValuesIndices {
  Tensor values, indices;                   // of x's dtype; i64
  const Tensor& operator[](Index i) const;  // 0: values, 1: indices; Error for others
  operator std::pair<Tensor, Tensor>() const { return {values, indices}; }
};

/// A tensor that is state, not a parameter: no gradient, but saved, loaded and moved with the model
/// (BatchNorm's running mean).
class Buffer : public Tensor {
 public:
  Buffer() = default;
  Buffer(const Tensor& t) : Tensor(t) {}
  Buffer(const Buffer&) = default;
  Buffer(Buffer&&) = default;
  Buffer& operator=(const Buffer&) & = default;
  Buffer& operator=(Buffer&&) & = default;
};

}  // namespace lilith

#include "lilith/tensor_format.h"
#include "lilith/tensor_index.h"
