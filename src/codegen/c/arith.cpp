#include "codegen/c/arith.h"

#include <algorithm>
#include <cmath>

#include "codegen/c/spelling.h"
#include "kernel_ir/scalar.h"
#include "lilith/error.h"

namespace lilith::codegen::c {

using kir::Op;

namespace {

using Wide = __int128;

std::string call(const char* name, const std::string& type,
                 std::initializer_list<std::string> args) {
  std::string text = name + ("_" + type) + "(";
  for (const std::string& a : args) text += (text.back() == '(' ? "" : ", ") + a;
  return text + ")";
}

std::string infix(const std::string& a, const char* op, const std::string& b) {
  return "(" + a + " " + op + " " + b + ")";
}

bool is_small(DType d) { return size_of(d) < 4; }

/// An operation on integers of one dtype. Small ones are computed in i32 and cut after it, those
/// of an I64 in i32 where operands and result fit.
class IntegerOp {
 public:
  IntegerOp(Op op, DType dtype, bool in_i32, std::span<const Operand> args)
      : op_(op), dtype_(dtype), args_(args) {
    narrow_ = dtype != DType::I64 || (in_i32 && stays_narrow());
    cut_ = is_small(dtype) || (in_i32 && !narrow_);
    result_ = in_i32 ? "i32" : type_name(dtype);
    for (std::size_t k = 0; k < args.size(); ++k)
      text_[k] = !narrow_ && args[k].in_i32 ? "(i64)" + args[k].text : args[k].text;
  }

  std::string str() const {
    if (dtype_ == DType::Bool) return boolean();
    switch (op_) {
      case Op::Add:
        return plain("+", "add");
      case Op::Sub:
        return plain("-", "sub");
      case Op::Mul:
        return plain("*", "mul");
      case Op::Fma:
        return as_result(call("add", type(), {call("mul", type(), {a(), b()}), text_[2]}));
      case Op::Neg:
        return lo(0) > least() ? as_result("(-" + a() + ")") : call("sub", type(), {"0", a()});
      case Op::Abs:
        return as_result(call("abs", type(), {a()}));
      case Op::Min:
        return as_result(call("min", type(), {a(), b()}));
      case Op::Max:
        return as_result(call("max", type(), {a(), b()}));
      case Op::Div:
      case Op::Rem:
      case Op::FloorDiv:
      case Op::FloorMod:
        return divide();
      case Op::And:
        return as_result(infix(a(), "&", b()));
      case Op::Or:
        return as_result(infix(a(), "|", b()));
      case Op::Xor:
        return as_result(infix(a(), "^", b()));
      case Op::Not:
        return as_result("(~" + a() + ")");
      default:
        return bits();
    }
  }

 private:
  const std::string& a() const { return text_[0]; }
  const std::string& b() const { return text_[1]; }
  std::string type() const { return narrow_ ? "i32" : "i64"; }
  std::string unsigned_type() const { return narrow_ ? "u32" : "u64"; }
  std::string as_result(const std::string& x) const { return cut_ ? "(" + result_ + ")" + x : x; }
  /// The same of an unsigned value.
  std::string from_bits(const std::string& x) const { return "(" + result_ + ")" + x; }

  std::int64_t least() const { return narrow_ ? INT32_MIN : INT64_MIN; }
  std::int64_t most() const { return narrow_ ? INT32_MAX : INT64_MAX; }
  const kir::ExprNode* node(std::size_t k) const { return args_[k].expr.node(); }
  std::int64_t lo(std::size_t k) const { return node(k) ? node(k)->lo : kir::min_value(dtype_); }
  std::int64_t hi(std::size_t k) const { return node(k) ? node(k)->hi : kir::max_value(dtype_); }
  bool is_constant(std::size_t k) const { return node(k) && node(k)->op == Op::Const; }

  /// The 32-bit operation gives what the 64-bit one does.
  bool stays_narrow() const {
    for (const Operand& x : args_) {
      if (!x.in_i32) return false;
    }
    if (op_ == Op::UShr) return lo(0) >= 0;
    return op_ != Op::Shl && op_ != Op::UMulHi && op_ != Op::Ctz && op_ != Op::PopCount;
  }

  /// No value of the operands leaves the type that it is computed in.
  bool is_exact() const {
    const Wide al = lo(0), ah = hi(0), bl = lo(1), bh = hi(1);
    Wide low = al + bl, high = ah + bh;
    if (op_ == Op::Sub) low = al - bh, high = ah - bl;
    if (op_ == Op::Mul) {
      low = std::min({al * bl, al * bh, ah * bl, ah * bh});
      high = std::max({al * bl, al * bh, ah * bl, ah * bh});
    }
    return low >= least() && high <= most();
  }

  std::string plain(const char* symbol, const char* name) const {
    return as_result(is_exact() ? infix(a(), symbol, b()) : call(name, type(), {a(), b()}));
  }

  std::string divide() const {
    const bool quotient = op_ == Op::Div || op_ == Op::FloorDiv;
    const bool floors = op_ == Op::FloorDiv || op_ == Op::FloorMod;
    const char* symbol = quotient ? "/" : "%";
    if (lo(0) >= 0 && lo(1) > 0) {
      const std::string u = "(" + unsigned_type() + ")";
      const std::string by =
          is_constant(1) ? std::to_string(lo(1)) + (narrow_ ? "u" : "ul") : u + b();
      return from_bits(infix(u + a(), symbol, by));
    }
    const bool known = is_constant(1) && lo(1) != 0 && lo(1) != -1;
    if (known && !floors) return as_result(infix(a(), symbol, b()));
    const char* name = quotient ? (floors ? "floor_div" : "div") : (floors ? "floor_mod" : "rem");
    return as_result(call(name, type(), {a(), b()}));
  }

  /// The operand's bits as an unsigned number of its width.
  std::string bits_of(std::size_t k) const {
    if (!is_small(dtype_)) return "(" + unsigned_type() + ")" + text_[k];
    return "(u32)(u" + std::to_string(kir::bit_width(dtype_)) + ")" + text_[k];
  }

  std::string bits() const {
    const int width = kir::bit_width(dtype_);
    switch (op_) {
      case Op::Shl:
      case Op::UShr:
      case Op::SShr:
        return shift();
      case Op::UMulHi:
        if (is_small(dtype_))
          return from_bits("(" + infix(bits_of(0), "*", bits_of(1)) + " >> " +
                           std::to_string(width) + ")");
        return from_bits(call("mulhi", unsigned_type(), {bits_of(0), bits_of(1)}));
      case Op::Ctz:
        if (is_small(dtype_))
          return from_bits("ctz_u32(" + bits_of(0) + " | " + std::to_string(1 << width) + "u)");
        return from_bits(call("ctz", unsigned_type(), {bits_of(0)}));
      case Op::PopCount:
        return from_bits(call("popcount", unsigned_type(), {bits_of(0)}));
      default:
        return a();  // Floor, Ceil, Trunc, RoundEven of an integer
    }
  }

  std::string shift() const {
    const int width = narrow_ ? std::min(32, kir::bit_width(dtype_)) : 64;
    const char* symbol = op_ == Op::Shl ? "<<" : ">>";
    const std::string from = op_ == Op::SShr ? a() : bits_of(0);
    if (is_constant(1) && lo(1) >= 0 && lo(1) < width)
      return from_bits(infix(from, symbol, std::to_string(lo(1))));
    const char* name = op_ == Op::Shl ? "shl" : "shr";
    const std::string of = op_ == Op::SShr ? type() : unsigned_type();
    if (!narrow_) return from_bits(call(name, of, {from, b()}));
    return from_bits(call(name, of, {from, b(), std::to_string(width)}));
  }

  /// One bit: sums saturate, differences wrap.
  std::string boolean() const {
    switch (op_) {
      case Op::Add:
      case Op::Max:
      case Op::Or:
        return infix(a(), "|", b());
      case Op::Mul:
      case Op::Min:
      case Op::And:
      case Op::Div:
      case Op::FloorDiv:
        return infix(a(), "&", b());
      case Op::Sub:
      case Op::Xor:
        return infix(a(), "!=", b());
      case Op::Rem:
      case Op::FloorMod:
      case Op::Shl:
      case Op::UShr:
      case Op::SShr:
        return infix(a(), ">", b());
      case Op::Fma:
        return infix(infix(a(), "&", b()), "!=", text_[2]);
      case Op::Not:
      case Op::Ctz:
        return "(!" + a() + ")";
      case Op::UMulHi:
        return "false";
      default:
        return a();
    }
  }

  const Op op_;
  const DType dtype_;
  const std::span<const Operand> args_;
  bool narrow_ = true, cut_ = false;
  std::string result_, text_[3];
};

/// Min and Max by a limit need no look at signs and NaNs of both sides.
std::string clamp(Op op, const std::string& type, std::span<const Operand> args) {
  for (int k = 0; k < 2; ++k) {
    const kir::Expr limit = args[static_cast<std::size_t>(k)].expr;
    if (!limit || limit->op != Op::Const || std::isnan(limit->f)) continue;
    if (limit->f == 0 && std::signbit(limit->f) != (op == Op::Min)) continue;
    return call(
        op == Op::Min ? "below" : "above", type,
        {args[static_cast<std::size_t>(1 - k)].text, args[static_cast<std::size_t>(k)].text});
  }
  return call(op == Op::Min ? "min" : "max", type, {args[0].text, args[1].text});
}

std::string float_op(Op op, DType dtype, std::span<const Operand> args) {
  const std::string type = type_name(dtype);
  const std::string& a = args[0].text;
  const auto unary = [&](const char* name) { return call(name, type, {a}); };
  switch (op) {
    case Op::Add:
      return infix(a, "+", args[1].text);
    case Op::Sub:
      return infix(a, "-", args[1].text);
    case Op::Mul:
      return infix(a, "*", args[1].text);
    case Op::Div:
      return call("div", type, {a, args[1].text});
    case Op::Rem:
      return call("rem", type, {a, args[1].text});
    case Op::Neg:
      return "(-" + a + ")";
    case Op::Abs:
      return unary("abs");
    case Op::Min:
    case Op::Max:
      return clamp(op, type, args);
    case Op::Fma:
    case Op::MulAdd:
      return call("fma", type, {a, args[1].text, args[2].text});
    case Op::Sqrt:
      return unary("sqrt");
    case Op::Floor:
      return unary("floor");
    case Op::Ceil:
      return unary("ceil");
    case Op::Trunc:
      return unary("trunc");
    case Op::RoundEven:
      return unary("rint");
    case Op::RoundF16:
      return unary("round_f16");
    case Op::RoundBF16:
      return unary("round_bf16");
    default:
      throw InternalError(fmt::format("codegen: {} of {}", kir::op_name(op), name(dtype)));
  }
}

}  // namespace

std::string arithmetic(Op op, DType dtype, bool in_i32, std::span<const Operand> args) {
  if (is_floating(dtype)) return float_op(op, dtype, args);
  return IntegerOp(op, dtype, in_i32, args).str();
}

std::string comparison(Op op, DType operand, std::span<const Operand> args) {
  const std::string &a = args[0].text, &b = args[1].text;
  switch (op) {
    case Op::Eq:
      return infix(a, "==", b);
    case Op::Ne:
      return infix(a, "!=", b);
    case Op::Lt:
      return infix(a, "<", b);
    case Op::Le:
      return infix(a, "<=", b);
    default: {  // ULt
      if (operand == DType::Bool) return infix(a, "<", b);
      const std::string u = "(u" + std::to_string(kir::bit_width(operand)) + ")";
      return infix(u + a, "<", u + b);
    }
  }
}

std::string conversion(DType from, DType to, bool in_i32, const Operand& x) {
  if (to == DType::Bool)
    return from == DType::Bool ? x.text : infix(x.text, "!=", is_floating(from) ? "0.0f" : "0");
  if (is_floating(from) && !is_floating(to))
    return call((type_name(to) + "_of").c_str(), type_name(from), {x.text});
  if (from == to && x.in_i32 == in_i32) return x.text;
  return "(" + (in_i32 ? "i32" : type_name(to)) + ")" + x.text;
}

std::string reinterpretation(DType from, DType to, const Operand& x) {
  const std::string u = "(u" + std::to_string(kir::bit_width(from)) + ")";
  if (is_floating(to)) return call(type_name(to).c_str(), "bits", {u + x.text});
  if (is_floating(from)) return "(" + type_name(to) + ")" + call("bits", type_name(from), {x.text});
  if (to == DType::Bool) return "((" + x.text + " & 1) != 0)";
  return "(" + type_name(to) + ")" + x.text;
}

}  // namespace lilith::codegen::c
