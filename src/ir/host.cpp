#include "ir/host.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "lilith/error.h"

namespace lilith::ir {
namespace {

// Calls f with a value-initialised T of the dtype's host type.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::Bool:
      return f(bool{});
    case DType::U8:
      return f(std::uint8_t{});
    case DType::I8:
      return f(std::int8_t{});
    case DType::I16:
      return f(std::int16_t{});
    case DType::I32:
      return f(std::int32_t{});
    case DType::I64:
      return f(std::int64_t{});
    case DType::F16:
      return f(half{});
    case DType::BF16:
      return f(bfloat16{});
    case DType::F32:
      return f(float{});
    case DType::F64:
      return f(double{});
    case DType::C64:
    case DType::C128:
      break;
  }
  fail("{}: complex dtypes are reserved; no op takes them yet", name(dtype));
}

template <class T>
constexpr bool is_small_float = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;

template <class T>
T load(const void* data, std::int64_t i) {
  T v;
  std::memcpy(&v, static_cast<const char*>(data) + i * static_cast<std::int64_t>(sizeof(T)),
              sizeof v);
  return v;
}

template <class T>
void store(void* data, std::int64_t i, T v) {
  std::memcpy(static_cast<char*>(data) + i * static_cast<std::int64_t>(sizeof(T)), &v, sizeof v);
}

// Rounding a double twice (to float, then to half) may differ from once: the float step rounds to
// odd.
float round_to_odd(double v) {
  float f = static_cast<float>(v);
  if (std::isfinite(f) && static_cast<double>(f) != v) {
    std::uint32_t bits;
    std::memcpy(&bits, &f, 4);
    if (!(bits & 1u)) {
      const bool away = std::fabs(static_cast<double>(f)) > std::fabs(v);
      bits = away ? bits - 1 : bits + 1;
      std::memcpy(&f, &bits, 4);
    }
  }
  return f;
}

template <class T>
T from_f64(double v) {
  if constexpr (is_small_float<T>) {
    return T(round_to_odd(v));
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(v);
  } else if constexpr (std::is_same_v<T, bool>) {
    return v != 0;
  } else {
    if (std::isnan(v)) return 0;
    constexpr T lo = std::numeric_limits<T>::min(), hi = std::numeric_limits<T>::max();
    if (v <= static_cast<double>(lo)) return lo;
    if (v >= static_cast<double>(hi)) return hi;
    return static_cast<T>(v);
  }
}

template <class T>
T from_i64(std::int64_t v) {
  if constexpr (is_small_float<T>) {
    return from_f64<T>(static_cast<double>(v));
  } else if constexpr (std::is_same_v<T, bool>) {
    return v != 0;
  } else {
    return static_cast<T>(v);
  }
}

template <class T>
double to_f64(T v) {
  if constexpr (is_small_float<T>)
    return static_cast<float>(v);
  else
    return static_cast<double>(v);
}

}  // namespace

double read_f64(const void* data, DType dtype, std::int64_t i) {
  return with_type(dtype, [&](auto t) { return to_f64(load<decltype(t)>(data, i)); });
}

std::int64_t read_i64(const void* data, DType dtype, std::int64_t i) {
  return with_type(dtype, [&](auto t) -> std::int64_t {
    using T = decltype(t);
    if constexpr (std::is_integral_v<T>)
      return static_cast<std::int64_t>(load<T>(data, i));
    else
      return from_f64<std::int64_t>(to_f64(load<T>(data, i)));
  });
}

void write_f64(void* data, DType dtype, std::int64_t i, double v) {
  with_type(dtype, [&](auto t) { store(data, i, from_f64<decltype(t)>(v)); });
}

void write_i64(void* data, DType dtype, std::int64_t i, std::int64_t v) {
  with_type(dtype, [&](auto t) { store(data, i, from_i64<decltype(t)>(v)); });
}

void fill(void* data, DType dtype, std::int64_t n, Scalar value) {
  with_type(dtype, [&](auto t) {
    using T = decltype(t);
    const T v = value.kind == Scalar::Kind::Float ? from_f64<T>(value.f) : from_i64<T>(value.i);
    for (std::int64_t i = 0; i < n; ++i) store(data, i, v);
  });
}

std::int64_t saturate(double v, DType dtype) {
  return with_type(dtype, [&](auto t) -> std::int64_t {
    using T = decltype(t);
    if constexpr (std::is_integral_v<T>)
      return static_cast<std::int64_t>(from_f64<T>(v));
    else
      return from_f64<std::int64_t>(v);
  });
}

std::int64_t wrap(std::int64_t v, DType dtype) {
  return with_type(dtype, [&](auto t) -> std::int64_t {
    using T = decltype(t);
    if constexpr (std::is_integral_v<T>)
      return static_cast<std::int64_t>(from_i64<T>(v));
    else
      return v;
  });
}

double round_to(double v, DType dtype) {
  return with_type(dtype, [&](auto t) -> double {
    using T = decltype(t);
    if constexpr (std::is_integral_v<T>)
      return v;
    else
      return to_f64(from_f64<T>(v));
  });
}

}  // namespace lilith::ir
