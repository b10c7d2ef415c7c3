#pragma once
#include <functional>
#include <initializer_list>
#include <type_traits>
#include <utility>
#include <vector>

#include "lilith/detail/sizes.h"
#include "lilith/tensor.h"

namespace lilith {

namespace detail {
Tensor tensor_from(const Shape& shape, const std::vector<double>& values,
                   const TensorOptions& options, Loc loc);
Tensor tensor_from(const Shape& shape, const std::vector<std::int64_t>& values,
                   const TensorOptions& options, Loc loc);
Tensor copy_from(const void* data, const Shape& shape, DType dtype, Device device, Loc loc);
Tensor borrow_from(void* data, const Shape& shape, DType dtype, std::function<void()> deleter,
                   Loc loc);
[[noreturn]] void fail_ragged(Loc loc);
/// What a dtype, a device or a word for one says, with the line of `at`.
template <Placement P>
ValueOptions value_options(const Arg& at, const P& what, const std::optional<Device>& device) {
  if constexpr (std::same_as<P, Device>) {
    return {std::nullopt, one_device(what, device, at.loc())};
  } else if constexpr (Word<P>) {
    return options_of_word(what, device, at.loc());
  } else {
    const TensorOptions o = placed(DType::F32, what, device, at.loc());
    return {o.dtype, o.device};
  }
}

/// Numbers written in braces: bool stays bool, integers are i64, floating literals f32.
template <class T>
constexpr DType literal_dtype() {
  if constexpr (std::is_same_v<T, bool>)
    return DType::Bool;
  else if constexpr (std::is_integral_v<Plain<T>>)
    return DType::I64;
  else
    return DType::F32;
}
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<Plain<T>>, double, std::int64_t>;

template <class T>
void collect(T value, int, Shape&, std::vector<Wide<T>>& out, Loc) {
  out.push_back(static_cast<Wide<T>>(value));
}
template <class T, class V>
void collect(const std::initializer_list<T>& list, int depth, Shape& shape, std::vector<V>& out,
             Loc loc) {
  const auto n = static_cast<std::int64_t>(list.size());
  if (shape.rank() <= depth)
    shape.push_back(n);
  else if (shape[depth] != n)
    fail_ragged(loc);
  for (const T& item : list) collect(item, depth + 1, shape, out, loc);
}
template <class T, class List>
Tensor from_list(const List& list, const TensorOptions& options, Loc loc) {
  Shape shape;
  std::vector<Wide<T>> values;
  collect(list, 0, shape, values, loc);
  return tensor_from(shape, values, options, loc);
}
/// A number of any kind, or a list of such: numbers in braces that are not of one kind.
class Nested {
 public:
  template <class T>
    requires std::is_arithmetic_v<Plain<T>>
  Nested(T value)
      : kind_(literal_dtype<T>()), real_(static_cast<double>(value)), whole_(whole_part(value)) {}
  Nested(std::initializer_list<Nested> items) : is_list_(true), items_(items) {}

  /// f32 where one is floating, else i64, else bool; f32 without any.
  static Tensor tensor_of(const Nested& list, const ValueOptions& options, Loc loc);

 private:
  template <class T>
  static std::int64_t whole_part(T value) {
    if constexpr (std::is_integral_v<Plain<T>>)
      return static_cast<std::int64_t>(value);
    else
      return 0;
  }
  void collect(int depth, Shape& shape, std::vector<const Nested*>& numbers, Loc loc) const;

  bool is_list_ = false;
  std::vector<Nested> items_;
  DType kind_ = DType::F32;
  double real_ = 0;
  std::int64_t whole_ = 0;
};
template <class T>
using List1 = std::initializer_list<T>;
template <class T>
using List2 = std::initializer_list<List1<T>>;
template <class T>
using List3 = std::initializer_list<List2<T>>;
template <class T>
using List4 = std::initializer_list<List3<T>>;
}  // namespace detail

/// A tensor with the numbers written: tensor({{1.f, 2.f}, {3.f, 4.f}}), up to four levels. bool,
/// i64 or f32 by the kind of number. Errors: rows of different lengths.
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(std::initializer_list<T> v, SourceLocation loc = SourceLocation::current()) {
  return detail::from_list<T>(v, {.dtype = detail::literal_dtype<T>()}, loc);
}
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(std::initializer_list<std::initializer_list<T>> v,
              SourceLocation loc = SourceLocation::current()) {
  return detail::from_list<T>(v, {.dtype = detail::literal_dtype<T>()}, loc);
}
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(std::initializer_list<std::initializer_list<std::initializer_list<T>>> v,
              SourceLocation loc = SourceLocation::current()) {
  return detail::from_list<T>(v, {.dtype = detail::literal_dtype<T>()}, loc);
}
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(
    std::initializer_list<std::initializer_list<std::initializer_list<std::initializer_list<T>>>> v,
    SourceLocation loc = SourceLocation::current()) {
  return detail::from_list<T>(v, {.dtype = detail::literal_dtype<T>()}, loc);
}
/// The same with the dtype and device of `options`.
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(std::initializer_list<T> v, const ValueOptions& options,
              SourceLocation loc = SourceLocation::current()) {
  return detail::from_list<T>(v, detail::placed(detail::literal_dtype<T>(), options), loc);
}
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(std::initializer_list<std::initializer_list<T>> v, const ValueOptions& options,
              SourceLocation loc = SourceLocation::current()) {
  return detail::from_list<T>(v, detail::placed(detail::literal_dtype<T>(), options), loc);
}
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(std::initializer_list<std::initializer_list<std::initializer_list<T>>> v,
              const ValueOptions& options, SourceLocation loc = SourceLocation::current()) {
  return detail::from_list<T>(v, detail::placed(detail::literal_dtype<T>(), options), loc);
}
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(
    std::initializer_list<std::initializer_list<std::initializer_list<std::initializer_list<T>>>> v,
    const ValueOptions& options, SourceLocation loc = SourceLocation::current()) {
  return detail::from_list<T>(v, detail::placed(detail::literal_dtype<T>(), options), loc);
}
/// A 0-d tensor.
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(T value, SourceLocation loc = SourceLocation::current()) {
  return detail::tensor_from({}, std::vector<detail::Wide<T>>{static_cast<detail::Wide<T>>(value)},
                             {.dtype = detail::literal_dtype<T>()}, loc);
}
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(T value, const ValueOptions& options,
              SourceLocation loc = SourceLocation::current()) {
  return detail::tensor_from({}, std::vector<detail::Wide<T>>{static_cast<detail::Wide<T>>(value)},
                             detail::placed(detail::literal_dtype<T>(), options), loc);
}
/// A dtype, a device or PyTorch's word for one in the place of options: tensor({1, 2}, kFloat),
/// tensor({1, 2}, "float64").
#define LILITH_TENSOR_OF(List)                                                             \
  template <class T, detail::Placement P>                                                  \
    requires std::is_arithmetic_v<detail::Plain<T>>                                        \
  Tensor tensor(List v, P dtype_or_device, std::optional<Device> device = {},              \
                SourceLocation loc = SourceLocation::current()) {                          \
    return detail::from_list<T>(                                                           \
        v, detail::placed(detail::literal_dtype<T>(), dtype_or_device, device, loc), loc); \
  }
LILITH_TENSOR_OF(std::initializer_list<T>)
LILITH_TENSOR_OF(std::initializer_list<std::initializer_list<T>>)
LILITH_TENSOR_OF(std::initializer_list<std::initializer_list<std::initializer_list<T>>>)
LILITH_TENSOR_OF(
    std::initializer_list<std::initializer_list<std::initializer_list<std::initializer_list<T>>>>)
#undef LILITH_TENSOR_OF
template <class T, detail::Placement P>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(T value, P dtype_or_device, std::optional<Device> device = {},
              SourceLocation loc = SourceLocation::current()) {
  return detail::tensor_from(
      {}, std::vector<detail::Wide<T>>{static_cast<detail::Wide<T>>(value)},
      detail::placed(detail::literal_dtype<T>(), dtype_or_device, device, loc), loc);
}
/// Numbers of several kinds: tensor({0, 0.5, 1}) is f32, tensor({true, 2}) i64, tensor({}) has no
/// elements. Any number of levels. Errors: rows of different lengths, a number beside a list.
inline Tensor tensor(std::initializer_list<detail::Nested> v,
                     SourceLocation loc = SourceLocation::current()) {
  return detail::Nested::tensor_of(v, {}, loc);
}
inline Tensor tensor(std::initializer_list<detail::Nested> v, const ValueOptions& options,
                     SourceLocation loc = SourceLocation::current()) {
  return detail::Nested::tensor_of(v, options, loc);
}
template <detail::Placement P>
Tensor tensor(std::initializer_list<detail::Nested> v, P dtype_or_device,
              std::optional<Device> device = {}, SourceLocation loc = SourceLocation::current()) {
  const Arg at(0, loc);
  return detail::Nested::tensor_of(v, detail::value_options(at, dtype_or_device, device), loc);
}
/// A 1-d tensor that copies the vector; the dtype is the host type's.
template <class T>
  requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
Tensor tensor(const std::vector<T>& values, SourceLocation loc = SourceLocation::current()) {
  return detail::copy_from(values.data(), {static_cast<std::int64_t>(values.size())}, dtype_of<T>,
                           {}, loc);
}
template <class T, class P>
  requires((std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) &&
           (detail::Placement<P> || std::same_as<P, ValueOptions>))
Tensor tensor(const std::vector<T>& values, const P& options,
              SourceLocation loc = SourceLocation::current()) {
  if constexpr (detail::Placement<P>) {
    const TensorOptions o = detail::placed(dtype_of<T>, options, {}, loc);
    return tensor(values, loc).to(o.device, o.dtype, loc);
  } else {
    return tensor(values, detail::placed(dtype_of<T>, options), loc);
  }
}
template <std::same_as<std::vector<bool>> V>
Tensor tensor(const V& values, SourceLocation loc = SourceLocation::current()) {
  const std::vector<std::int64_t> numbers(values.begin(), values.end());
  return detail::tensor_from({static_cast<std::int64_t>(values.size())}, numbers,
                             {.dtype = DType::Bool}, loc);
}
/// A matrix of rows. Error where their lengths differ.
template <class T>
  requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
Tensor tensor(const std::vector<std::vector<T>>& rows,
              SourceLocation loc = SourceLocation::current()) {
  std::vector<T> all;
  const std::size_t n = rows.empty() ? 0 : rows[0].size();
  for (const auto& row : rows) {
    if (row.size() != n) detail::fail_ragged(loc);
    all.insert(all.end(), row.begin(), row.end());
  }
  return detail::copy_from(all.data(),
                           {static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(n)},
                           dtype_of<T>, {}, loc);
}
/// A tensor that copies numel(shape) elements in row-major order.
template <class T>
Tensor from_data(const T* data, const Shape& shape,
                 SourceLocation loc = SourceLocation::current()) {
  return detail::copy_from(data, shape, dtype_of<T>, {}, loc);
}
/// A tensor that borrows the memory; `deleter` runs when the last tensor that uses it goes. What is
/// there may change only while no pending value depends on it: a compiled function reads it at the
/// call, a lazy value when it is evaluated. Error, as far as a sample of the memory shows it, for a
/// pending value whose memory was written to.
template <class T>
Tensor from_data(T* data, const Shape& shape, std::function<void()> deleter,
                 SourceLocation loc = SourceLocation::current()) {
  return detail::borrow_from(data, shape, dtype_of<T>, std::move(deleter), loc);
}

/// Filled with 0, with 1, with `value`. `empty` promises nothing about the values (they are 0).
/// Errors: a negative size.
Tensor zeros(const Shape& shape, const TensorOptions& options = {},
             SourceLocation loc = SourceLocation::current());
Tensor ones(const Shape& shape, const TensorOptions& options = {},
            SourceLocation loc = SourceLocation::current());
Tensor empty(const Shape& shape, const TensorOptions& options = {},
             SourceLocation loc = SourceLocation::current());
/// The same with sizes one after the other: zeros(2, 3), zeros(2, 3, {.dtype = kFloat64}).
LILITH_OF_SIZES(zeros)
LILITH_OF_SIZES(ones)
LILITH_OF_SIZES(empty)
LILITH_PLACED(zeros)
LILITH_PLACED(ones)
LILITH_PLACED(empty)
/// full: without options the dtype follows the number (bool, i64, f32).
Tensor full(const Shape& shape, const Arg& value);
Tensor full(const Shape& shape, const Arg& value, const ValueOptions& options);
template <detail::Placement P>
Tensor full(const Shape& shape, const Arg& value, P dtype_or_device,
            std::optional<Device> device = {}) {
  return full(shape, value, detail::value_options(value, dtype_or_device, device));
}
/// With the shape, device and (unless given) dtype of x.
Tensor zeros_like(const Arg& x, std::optional<DType> dtype = {});
Tensor ones_like(const Arg& x, std::optional<DType> dtype = {});
Tensor empty_like(const Arg& x, std::optional<DType> dtype = {});
Tensor full_like(const Arg& x, const Arg& value, std::optional<DType> dtype = {});

/// Of a dtype in keywords: zeros_like(x, {.dtype = kLong}).
struct LikeKeywords {
  detail::Named named = {};
  std::optional<DType> dtype = {};
  std::optional<Device> device = {};
};
Tensor zeros_like(const Arg& x, const LikeKeywords& keywords);
Tensor ones_like(const Arg& x, const LikeKeywords& keywords);
Tensor empty_like(const Arg& x, const LikeKeywords& keywords);
Tensor full_like(const Arg& x, const Arg& value, const LikeKeywords& keywords);

/// start, start + step, … below end; without a dtype i64 when all are integers, else f32; step may
/// be negative. Errors: step 0, or end on the wrong side of start.
Tensor arange(const Arg& end);
Tensor arange(const Arg& end, const ValueOptions& options);
Tensor arange(const Arg& start, const Arg& end, const Arg& step = 1);
Tensor arange(const Arg& start, const Arg& end, const Arg& step, const ValueOptions& options);
Tensor arange(const Arg& start, const Arg& end, const ValueOptions& options);
/// The same with a dtype, a device or PyTorch's word for one: arange(0, 10, kFloat).
template <detail::Placement P>
Tensor arange(const Arg& end, P dtype_or_device, std::optional<Device> device = {}) {
  return arange(end, detail::value_options(end, dtype_or_device, device));
}
template <detail::Placement P>
Tensor arange(const Arg& start, const Arg& end, P dtype_or_device,
              std::optional<Device> device = {}) {
  return arange(start, end, detail::value_options(end, dtype_or_device, device));
}
template <detail::Placement P>
Tensor arange(const Arg& start, const Arg& end, const Arg& step, P dtype_or_device,
              std::optional<Device> device = {}) {
  return arange(start, end, step, detail::value_options(end, dtype_or_device, device));
}
/// `steps` numbers evenly spaced from start to end, both included.
Tensor linspace(const Arg& start, const Arg& end, Int steps, const TensorOptions& options = {});
template <detail::Placement P>
Tensor linspace(const Arg& start, const Arg& end, Int steps, P dtype_or_device,
                std::optional<Device> device = {}) {
  return linspace(start, end, steps, detail::placed(kFloat, dtype_or_device, device, end.loc()));
}
/// base to the power of linspace(start, end, steps).
Tensor logspace(const Arg& start, const Arg& end, Int steps, Real base = 10,
                const TensorOptions& options = {});
/// The n x m matrix with ones on the diagonal; m defaults to n.
Tensor eye(Int n, std::optional<Int> m = {}, const TensorOptions& options = {},
           SourceLocation loc = SourceLocation::current());
Tensor eye(Int n, const TensorOptions& options, SourceLocation loc = SourceLocation::current());
template <detail::Placement P>
Tensor eye(Int n, P dtype_or_device, std::optional<Device> device = {},
           SourceLocation loc = SourceLocation::current()) {
  return eye(n, std::nullopt, detail::placed(kFloat, dtype_or_device, device, loc), loc);
}
/// A 0-d tensor of a number; f32 unless told otherwise. Ref: torch.scalar_tensor
Tensor scalar_tensor(const Arg& value, const TensorOptions& options = {});
/// Rows and columns, [2, n], of the lower or upper triangle of a row x col matrix, row by row. Ref:
/// torch.tril_indices
Tensor tril_indices(Int row, Int col, Int offset = 0,
                    SourceLocation loc = SourceLocation::current());
Tensor triu_indices(Int row, Int col, Int offset = 0,
                    SourceLocation loc = SourceLocation::current());
/// Kaiser's window, of shape `beta`. Ref: torch.kaiser_window
Tensor kaiser_window(Int n, bool periodic = true, Real beta = 12, const TensorOptions& options = {},
                     SourceLocation loc = SourceLocation::current());
/// Windows of n points; periodic: of n + 1 points without the last. Ref: torch.hann_window
Tensor hann_window(Int n, bool periodic = true, const TensorOptions& options = {},
                   SourceLocation loc = SourceLocation::current());
Tensor hamming_window(Int n, bool periodic = true, Real alpha = 0.54, Real beta = 0.46,
                      const TensorOptions& options = {},
                      SourceLocation loc = SourceLocation::current());
Tensor blackman_window(Int n, bool periodic = true, const TensorOptions& options = {},
                       SourceLocation loc = SourceLocation::current());
Tensor bartlett_window(Int n, bool periodic = true, const TensorOptions& options = {},
                       SourceLocation loc = SourceLocation::current());
/// x as a leaf that shares nothing with its graph's future: the value itself.
Tensor clone(const Arg& x);

}  // namespace lilith
