#include "codegen/c/expressions.h"

#include "codegen/c/spelling.h"

namespace lilith::codegen::c {

using kir::Expr;
using kir::Op;

namespace {

constexpr std::size_t kLongText = 100;

bool is_leaf(Expr x) {
  return x->op == Op::Const || x->op == Op::Var || (x->op == Op::RegRead && x->args.empty());
}
bool is_comparison(Op op) { return op >= Op::Eq && op <= Op::ULt; }

std::string zero(DType dtype) {
  if (dtype == DType::Bool) return "false";
  return dtype == DType::F32 ? "0.0f" : dtype == DType::F64 ? "0.0" : "0";
}

}  // namespace

ExpressionPrinter::ExpressionPrinter(const kir::Kernel& kernel,
                                     const std::vector<bool>& private_buffers, Lines* out)
    : kernel_(kernel), private_(private_buffers), out_(*out) {}

void ExpressionPrinter::begin(std::initializer_list<Expr> roots, Expr guard) {
  push_block();
  if (guard) {
    count(guard);
    guard_text_ = print(guard);
    if (!is_leaf(guard) && find(guard) == nullptr) guard_text_ = keep(guard, guard_text_);
    guard_ = guard;
  }
  for (Expr x : roots) {
    if (x) count(x);
  }
}

void ExpressionPrinter::end() {
  forget();
  uses_.clear();
  guard_ = {};
  guard_text_.clear();
}

void ExpressionPrinter::forget() {
  for (const Key& key : blocks_.back()) variables_.erase(key);
  blocks_.pop_back();
}

void ExpressionPrinter::count(Expr x) {
  if (is_leaf(x) || ++uses_[x.node()] > 1 || find(x) != nullptr) return;
  for (Expr a : x->args) count(a);
}

const ExpressionPrinter::Facts& ExpressionPrinter::facts(Expr x) {
  const auto [it, is_new] = facts_.try_emplace(x.node());
  if (!is_new) return it->second;
  Facts f;
  f.changes = x->op == Op::RegRead || (x->op == Op::Load && decl(x->i).written);
  f.outside = x->op == Op::Load && !is_inside(x);
  for (Expr a : x->args) {
    const Facts& of = facts(a);
    f.changes = f.changes || of.changes;
    f.outside = f.outside || of.outside;
  }
  return facts_[x.node()] = f;
}

bool ExpressionPrinter::is_inside(Expr load) const {
  const Expr index = load->args[0];
  return index->lo >= 0 && index->hi < decl(load->i).size;
}

const std::string* ExpressionPrinter::find(Expr x) {
  auto it = variables_.find({x.node(), nullptr});
  if (it == variables_.end() && guard_) it = variables_.find({x.node(), guard_.node()});
  return it == variables_.end() ? nullptr : &it->second;
}

std::string ExpressionPrinter::keep(Expr x, const std::string& text) {
  const std::string name = "t" + std::to_string(next_++);
  out_.add("const " + type_of(x) + " " + name + " = " + bare(text) + ";");
  const Facts& f = facts(x);
  const Key key{x.node(), f.outside && guard_ ? guard_.node() : nullptr};
  variables_[key] = name;
  blocks_[blocks_.size() - (f.changes ? 1 : 2)].push_back(key);
  return name;
}

std::string ExpressionPrinter::print(Expr x) {
  if (const std::string* known = find(x)) return *known;
  std::string text = compute(x);
  const bool wanted = x->op == Op::Load || uses_[x.node()] > 1 || text.size() > kLongText;
  return wanted && !is_leaf(x) ? keep(x, text) : text;
}

Operand ExpressionPrinter::operand(Expr x) { return {print(x), fits_i32(x), x}; }

std::string ExpressionPrinter::compute(Expr x) {
  switch (x->op) {
    case Op::Const:
      return literal(x);
    case Op::Var:
      return var_name(x->i);
    case Op::RegRead:
      return reg(static_cast<kir::RegId>(x->i), x->args);
    case Op::Load:
      return load(x);
    default:
      break;
  }
  std::vector<Operand> args;
  for (Expr a : x->args) args.push_back(operand(a));
  const DType first = x->args[0]->dtype;
  if (is_comparison(x->op)) return comparison(x->op, first, args);
  switch (x->op) {
    case Op::Select:
      return "(" + args[0].text + " ? " + args[1].text + " : " + args[2].text + ")";
    case Op::Cast:
      return conversion(first, x->dtype, fits_i32(x), args[0]);
    case Op::Bitcast:
      return reinterpretation(first, x->dtype, args[0]);
    default:
      return arithmetic(x->op, x->dtype, fits_i32(x), args);
  }
}

std::string ExpressionPrinter::reg(kir::RegId r, std::span<const Expr> index) {
  std::string text = reg_name(r);
  for (Expr i : index) text += "[" + bare(print(i)) + "]";
  return text;
}

std::string ExpressionPrinter::load(Expr x) {
  const std::string text = element(static_cast<kir::BufferId>(x->i), print(x->args[0]));
  std::string mask = x->args.size() > 1 ? print(x->args[1]) : "";
  if (guard_ && !is_inside(x)) mask = mask.empty() ? guard_text_ : guard_text_ + " && " + mask;
  return mask.empty() ? text : "(" + mask + " ? " + text + " : " + zero(x->dtype) + ")";
}

std::string ExpressionPrinter::element(kir::BufferId buffer, const std::string& index) const {
  const std::string b = buffer_name(buffer), at = b + "[" + bare(index) + "]";
  switch (decl(buffer).dtype) {
    case DType::Bool:
      return "(" + at + " != 0)";
    case DType::F16:
      return private_[static_cast<std::size_t>(buffer)]
                 ? "f32_of_f16(" + at + ")"
                 : "load_f16(" + b + ", " + bare(index) + ")";
    case DType::BF16:
      return "f32_of_bf16(" + at + ")";
    case DType::F32:
      return "f32_bits(" + at + ")";
    case DType::F64:
      return "f64_bits(" + at + ")";
    default:
      return at;
  }
}

std::string ExpressionPrinter::store(kir::BufferId buffer, const std::string& index,
                                     const std::string& value) const {
  const std::string b = buffer_name(buffer), at = bare(index), to = b + "[" + at + "] = ";
  const std::string x = bare(value);
  switch (decl(buffer).dtype) {
    case DType::F16:
      return private_[static_cast<std::size_t>(buffer)]
                 ? to + "f16_of_f32(" + x + ");"
                 : "store_f16(" + b + ", " + at + ", " + x + ");";
    case DType::BF16:
      return to + "bf16_of_f32(" + x + ");";
    case DType::F32:
      return to + "bits_f32(" + x + ");";
    case DType::F64:
      return to + "bits_f64(" + x + ");";
    default:
      return to + x + ";";
  }
}

}  // namespace lilith::codegen::c
