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
/// What a dtype, a device or a word for one says.
template <Placement P>
ValueOptions value_options(const P& what, const std::optional<Device>& device, Loc loc) {
  if constexpr (std::same_as<P, Device>) {
    return {std::nullopt, one_device(what, device, loc)};
  } else if constexpr (Word<P>) {
    return options_of_word(what, device, loc);
  } else {
    const TensorOptions o = placed(DType::F32, what, device, loc);
    return {o.dtype, o.device};
  }
}

/// A number as it was written, or a list of such in braces. Not to be kept: it
/// lives as long as the braces, to the end of the expression.
class Nested {
 public:
  template <class T>
    requires std::is_arithmetic_v<Plain<T>>
  Nested(T value)
      : kind_(std::is_same_v<T, bool>        ? DType::Bool
              : std::is_integral_v<Plain<T>> ? DType::I64
                                             : DType::F32),
        real_(static_cast<double>(value)) {
    if constexpr (std::is_integral_v<Plain<T>>) whole_ = static_cast<std::int64_t>(value);
  }
  Nested(std::initializer_list<Nested> items) : is_list_(true), items_(items) {}

  /// f32 where one is floating, else i64, else bool; f32 without any.
  static Tensor tensor_of(const Nested& written, const ValueOptions& options, Loc loc);

 private:
  void collect(int depth, Shape& shape, std::vector<const Nested*>& numbers) const;
  std::int64_t whole(DType dtype) const;

  bool is_list_ = false;
  std::initializer_list<Nested> items_ = {};
  DType kind_ = DType::F32;
  double real_ = 0;
  std::int64_t whole_ = 0;  // of an integer
};
template <Placement P>
Tensor tensor_placed(const Nested& written, const P& dtype_or_device,
                     const std::optional<Device>& device, Loc loc) {
  return Nested::tensor_of(written, value_options(dtype_or_device, device, loc), loc);
}
}  // namespace detail

/// A tensor with the numbers written: tensor({{1.f, 2.f}, {3.f, 4.f}}), any number of levels up to
/// 12; tensor({}) has no elements. f32 where one is floating (tensor({0, 0.5, 1})), else i64, else
/// bool. Errors: rows of different lengths, a number beside a list, more levels, an integer beyond
/// i64. Ref: torch.tensor
inline Tensor tensor(std::initializer_list<detail::Nested> v,
                     SourceLocation loc = SourceLocation::current()) {
  return detail::Nested::tensor_of(v, {}, loc);
}
/// The same with the dtype and device of `options`. An integer dtype cuts floating numbers to
/// whole; Error for a number that it does not hold.
inline Tensor tensor(std::initializer_list<detail::Nested> v, const ValueOptions& options,
                     SourceLocation loc = SourceLocation::current()) {
  return detail::Nested::tensor_of(v, options, loc);
}
/// A dtype, a device or PyTorch's word for one in the place of options: tensor({1, 2}, kFloat),
/// tensor({1, 2}, "float64").
template <detail::Placement P>
Tensor tensor(std::initializer_list<detail::Nested> v, P dtype_or_device,
              std::optional<Device> device = {}, SourceLocation loc = SourceLocation::current()) {
  return detail::tensor_placed(v, dtype_or_device, device, loc);
}
/// A 0-d tensor; dtypes as above.
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(T value, SourceLocation loc = SourceLocation::current()) {
  return detail::Nested::tensor_of(value, {}, loc);
}
template <class T>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(T value, const ValueOptions& options,
              SourceLocation loc = SourceLocation::current()) {
  return detail::Nested::tensor_of(value, options, loc);
}
template <class T, detail::Placement P>
  requires std::is_arithmetic_v<detail::Plain<T>>
Tensor tensor(T value, P dtype_or_device, std::optional<Device> device = {},
              SourceLocation loc = SourceLocation::current()) {
  return detail::tensor_placed(value, dtype_or_device, device, loc);
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
  return full(shape, value, detail::value_options(dtype_or_device, device, value.loc()));
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
  return arange(end, detail::value_options(dtype_or_device, device, end.loc()));
}
template <detail::Placement P>
Tensor arange(const Arg& start, const Arg& end, P dtype_or_device,
              std::optional<Device> device = {}) {
  return arange(start, end, detail::value_options(dtype_or_device, device, end.loc()));
}
template <detail::Placement P>
Tensor arange(const Arg& start, const Arg& end, const Arg& step, P dtype_or_device,
              std::optional<Device> device = {}) {
  return arange(start, end, step, detail::value_options(dtype_or_device, device, end.loc()));
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
