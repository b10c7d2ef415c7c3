#include "kernel_ir/scalar.h"

#include <bit>
#include <cmath>
#include <limits>

namespace lilith::kir {
namespace {

std::uint64_t bits_of(std::int64_t v, DType dtype) {
  const int width = bit_width(dtype);
  const auto u = static_cast<std::uint64_t>(v);
  return width == 64 ? u : u & ((std::uint64_t{1} << width) - 1);
}

std::int64_t div_value(std::int64_t a, std::int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(a));
  return a / b;
}

std::int64_t rem_value(std::int64_t a, std::int64_t b) {
  if (b == 0) return a;
  return b == -1 ? 0 : a % b;
}

std::int64_t umulhi(std::int64_t a, std::int64_t b, DType dtype) {
  const unsigned __int128 p = static_cast<unsigned __int128>(bits_of(a, dtype)) * bits_of(b, dtype);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(p >> bit_width(dtype)));
}

std::int64_t shift(Op op, std::int64_t a, std::int64_t count, DType dtype) {
  const int width = bit_width(dtype);
  const bool over = count < 0 || count >= width;
  if (op == Op::SShr) return a >> (over ? 63 : count);
  if (over) return 0;
  const std::uint64_t bits = bits_of(a, dtype);
  return static_cast<std::int64_t>(op == Op::Shl ? bits << count : bits >> count);
}

std::int64_t apply_int(Op op, DType t, std::int64_t a, std::int64_t b, std::int64_t c) {
  const auto ua = static_cast<std::uint64_t>(a), ub = static_cast<std::uint64_t>(b);
  switch (op) {
    case Op::Add:
      return static_cast<std::int64_t>(ua + ub);
    case Op::Sub:
      return static_cast<std::int64_t>(ua - ub);
    case Op::Mul:
      return static_cast<std::int64_t>(ua * ub);
    case Op::Fma:
    case Op::MulAdd:
      return static_cast<std::int64_t>(ua * ub + static_cast<std::uint64_t>(c));
    case Op::Div:
      return div_value(a, b);
    case Op::Rem:
      return rem_value(a, b);
    case Op::FloorDiv:
      return floor_div_value(a, b);
    case Op::FloorMod:
      return floor_mod_value(a, b);
    case Op::Neg:
      return static_cast<std::int64_t>(0 - ua);
    case Op::Abs:
      return a < 0 ? static_cast<std::int64_t>(0 - ua) : a;
    case Op::Min:
      return a < b ? a : b;
    case Op::Max:
      return a > b ? a : b;
    case Op::And:
      return a & b;
    case Op::Or:
      return a | b;
    case Op::Xor:
      return a ^ b;
    case Op::Not:
      return ~a;
    case Op::Shl:
    case Op::UShr:
    case Op::SShr:
      return shift(op, a, b, t);
    case Op::UMulHi:
      return umulhi(a, b, t);
    case Op::Ctz: {
      const std::uint64_t bits = bits_of(a, t);
      return bits == 0 ? bit_width(t) : std::countr_zero(bits);
    }
    case Op::PopCount:
      return std::popcount(bits_of(a, t));
    default:
      return a;  // Floor, Ceil, Trunc, RoundEven of an integer
  }
}

template <class T>
T min_float(T a, T b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<T>::quiet_NaN();
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

/// Rounding twice may differ from once: the step to F32 rounds to odd.
float round_to_odd(double v) {
  const auto f = static_cast<float>(v);
  const auto back = static_cast<double>(f);
  if (!(back < v || back > v)) return f;
  const std::uint32_t away = std::fabs(back) > std::fabs(v) ? 1 : 0;
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(f) - away) | 1u);
}

template <class T>
T apply_float(Op op, T a, T b, T c) {
  switch (op) {
    case Op::Add:
      return a + b;
    case Op::Sub:
      return a - b;
    case Op::Mul:
      return a * b;
    case Op::Div:
      return a / b;
    case Op::Rem:
      return std::fmod(a, b);
    case Op::Neg:
      return -a;
    case Op::Abs:
      return std::fabs(a);
    case Op::Min:
      return min_float(a, b);
    case Op::Max:
      return -min_float(-a, -b);
    case Op::Fma:
    case Op::MulAdd:
      return std::fma(a, b, c);
    case Op::Sqrt:
      return std::sqrt(a);
    case Op::Floor:
      return std::floor(a);
    case Op::Ceil:
      return std::ceil(a);
    case Op::Trunc:
      return std::trunc(a);
    case Op::RoundEven:
      return std::nearbyint(a);
    case Op::RoundF16:
      return static_cast<T>(static_cast<float>(half(round_to_odd(a))));
    case Op::RoundBF16:
      return static_cast<T>(static_cast<float>(bfloat16(round_to_odd(a))));
    default:
      return std::numeric_limits<T>::quiet_NaN();
  }
}

bool compare(Op op, DType operand, const Value* v) {
  if (is_floating(operand)) {
    switch (op) {
      case Op::Eq:
        return v[0].f == v[1].f;
      case Op::Ne:
        return v[0].f != v[1].f;
      case Op::Lt:
        return v[0].f < v[1].f;
      default:
        return v[0].f <= v[1].f;
    }
  }
  switch (op) {
    case Op::Eq:
      return v[0].i == v[1].i;
    case Op::Ne:
      return v[0].i != v[1].i;
    case Op::Lt:
      return v[0].i < v[1].i;
    case Op::Le:
      return v[0].i <= v[1].i;
    default:
      return bits_of(v[0].i, operand) < bits_of(v[1].i, operand);
  }
}

Value reinterpret(Value v, DType from, DType to) {
  if (from == DType::F32 && to == DType::I32) {
    return {std::bit_cast<std::int32_t>(static_cast<float>(v.f)), 0};
  }
  if (from == DType::I32 && to == DType::F32) {
    return {0, std::bit_cast<float>(static_cast<std::int32_t>(v.i))};
  }
  if (from == DType::F64 && to == DType::I64) return {std::bit_cast<std::int64_t>(v.f), 0};
  if (from == DType::I64 && to == DType::F64) return {0, std::bit_cast<double>(v.i)};
  return {wrap(v.i, to), v.f};
}

}  // namespace

std::int64_t wrap(std::int64_t v, DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return v & 1;
    case DType::U8:
      return static_cast<std::uint8_t>(v);
    case DType::I8:
      return static_cast<std::int8_t>(v);
    case DType::I16:
      return static_cast<std::int16_t>(v);
    case DType::I32:
      return static_cast<std::int32_t>(v);
    default:
      return v;
  }
}

int bit_width(DType dtype) {
  return dtype == DType::Bool ? 1 : static_cast<int>(size_of(dtype)) * 8;
}

std::int64_t min_value(DType dtype) {
  switch (dtype) {
    case DType::I8:
      return INT8_MIN;
    case DType::I16:
      return INT16_MIN;
    case DType::I32:
      return INT32_MIN;
    case DType::I64:
      return INT64_MIN;
    default:
      return 0;
  }
}

std::int64_t max_value(DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return 1;
    case DType::U8:
      return UINT8_MAX;
    case DType::I8:
      return INT8_MAX;
    case DType::I16:
      return INT16_MAX;
    case DType::I32:
      return INT32_MAX;
    default:
      return INT64_MAX;
  }
}

std::int64_t floor_div_value(std::int64_t a, std::int64_t b) {
  const std::int64_t q = div_value(a, b);
  return b != 0 && rem_value(a, b) != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

std::int64_t floor_mod_value(std::int64_t a, std::int64_t b) {
  const std::int64_t r = rem_value(a, b);
  return b != 0 && r != 0 && (a < 0) != (b < 0) ? r + b : r;
}

Value convert(Value v, DType from, DType to) {
  if (is_floating(from)) {
    if (to == DType::Bool) return {v.f != 0, 0};
    if (to == DType::F32) return {0, static_cast<float>(v.f)};
    if (is_floating(to)) return v;
    if (std::isnan(v.f)) return {};
    if (v.f >= 9223372036854775808.0) return {max_value(to), 0};
    if (v.f <= -9223372036854775808.0) return {min_value(to), 0};
    const auto i = static_cast<std::int64_t>(v.f);
    return {i < min_value(to) ? min_value(to) : i > max_value(to) ? max_value(to) : i, 0};
  }
  if (to == DType::Bool) return {v.i != 0, 0};
  if (to == DType::F32) return {0, static_cast<float>(v.i)};
  if (is_floating(to)) return {0, static_cast<double>(v.i)};
  return {wrap(v.i, to), 0};
}

Op operation_of(Combine how) {
  static constexpr Op kOps[] = {Op::Add, Op::Mul, Op::Max, Op::Min, Op::And, Op::Or};
  return kOps[static_cast<int>(how)];
}

Value multiply_add(DType dtype, const Value* args, MulAddRounds rounds) {
  if (rounds == MulAddRounds::once) return apply(Op::MulAdd, dtype, dtype, args);
  const Value terms[3] = {apply(Op::Mul, dtype, dtype, args), args[2], {}};
  return apply(Op::Add, dtype, dtype, terms);
}

bool rounds_alike(DType dtype, const Value* args) {
  const double once = multiply_add(dtype, args, MulAddRounds::once).f,
               twice = multiply_add(dtype, args, MulAddRounds::twice).f;
  return std::bit_cast<std::uint64_t>(once) == std::bit_cast<std::uint64_t>(twice);
}

Value neutral(Combine how, DType dtype) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const bool real = is_floating(dtype);
  switch (how) {
    case Combine::Add:
      return {0, -0.0};
    case Combine::Mul:
      return {1, 1.0};
    case Combine::Max:
      return real ? Value{0, -kInfinity} : Value{min_value(dtype), 0};
    case Combine::Min:
      return real ? Value{0, kInfinity} : Value{max_value(dtype), 0};
    case Combine::And:
      return {wrap(-1, dtype), 0};
    case Combine::Or:
      break;
  }
  return {};
}

Value apply(Op op, DType result, DType operand, const Value* args) {
  switch (op) {
    case Op::Select:
      return args[0].i != 0 ? args[1] : args[2];
    case Op::Cast:
      return convert(args[0], operand, result);
    case Op::Bitcast:
      return reinterpret(args[0], operand, result);
    case Op::Eq:
    case Op::Ne:
    case Op::Lt:
    case Op::Le:
    case Op::ULt:
      return {compare(op, operand, args), 0};
    default:
      break;
  }
  if (result == DType::Bool) {  // sums saturate: add is or, mul is and
    if (op == Op::Add || op == Op::Max) op = Op::Or;
    if (op == Op::Mul || op == Op::Min) op = Op::And;
  }
  if (result == DType::F32) {
    return {0, apply_float(op, static_cast<float>(args[0].f), static_cast<float>(args[1].f),
                           static_cast<float>(args[2].f))};
  }
  if (result == DType::F64) return {0, apply_float(op, args[0].f, args[1].f, args[2].f)};
  return {wrap(apply_int(op, result, args[0].i, args[1].i, args[2].i), result), 0};
}

}  // namespace lilith::kir
