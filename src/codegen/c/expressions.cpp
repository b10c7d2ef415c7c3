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

ExpressionPrinter::ExpressionPrinter(const kir::Kernel& kernel, const std::vector<bool>& arrays,
                                     Lines* out)
    : kernel_(kernel), arrays_(arrays), out_(*out) {}

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
  return reg_name(r) + subscripts(r, index);
}

std::string ExpressionPrinter::subscripts(kir::RegId r, std::span<const Expr> index) {
  std::string text;
  const int threads = kernel_.regs[static_cast<std::size_t>(r)].thread_dims;
  for (Expr i : index.subspan(static_cast<std::size_t>(threads)))
    text += "[" + bare(print(i)) + "]";
  return text;
}

std::string ExpressionPrinter::load(Expr x) {
  if (const auto copy = copies_.find(x.node()); copy != copies_.end())
    return value_of(decl(x->i).dtype, copy->second);
  const std::string text = element(static_cast<kir::BufferId>(x->i), print(x->args[0]));
  std::string mask = x->args.size() > 1 ? print(x->args[1]) : "";
  if (guard_ && !is_inside(x)) mask = mask.empty() ? guard_text_ : guard_text_ + " && " + mask;
  return mask.empty() ? text : "(" + mask + " ? " + text + " : " + zero(x->dtype) + ")";
}

std::string ExpressionPrinter::element(kir::BufferId buffer, const std::string& index) const {
  const std::string b = buffer_name(buffer), at = bare(index);
  if (decl(buffer).dtype == DType::F16 && !arrays_[static_cast<std::size_t>(buffer)])
    return "load_f16(" + b + ", " + at + ")";
  return value_of(decl(buffer).dtype, b + "[" + at + "]");
}

std::string ExpressionPrinter::store(kir::BufferId buffer, const std::string& index,
                                     const std::string& value) const {
  const std::string b = buffer_name(buffer), at = bare(index);
  if (decl(buffer).dtype == DType::F16 && !arrays_[static_cast<std::size_t>(buffer)])
    return "store_f16(" + b + ", " + at + ", " + bare(value) + ");";
  return set_element(decl(buffer).dtype, b + "[" + at + "]", value);
}

std::string value_of(DType memory, const std::string& element) {
  switch (memory) {
    case DType::Bool:
      return "(" + element + " != 0)";
    case DType::F16:
      return "f32_of_f16(" + element + ")";
    case DType::BF16:
      return "f32_of_bf16(" + element + ")";
    case DType::F32:
      return "f32_bits(" + element + ")";
    case DType::F64:
      return "f64_bits(" + element + ")";
    default:
      return element;
  }
}

std::string set_element(DType memory, const std::string& element, const std::string& value) {
  const std::string to = element + " = ", x = bare(value);
  switch (memory) {
    case DType::F16:
      return to + "f16_of_f32(" + x + ");";
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
