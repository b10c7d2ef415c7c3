#pragma once
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "codegen/c/arith.h"
#include "codegen/c/lines.h"
#include "kernel_ir/kernel.h"

namespace lilith::codegen::c {

/// The value of an element of memory of that dtype, and a statement that sets the element.
std::string value_of(DType memory, const std::string& element);
std::string set_element(DType memory, const std::string& element, const std::string& value);

/// Prints the expressions of a kernel, statement by statement. What is read from memory, is used
/// more than once or is long becomes a variable first. A variable of what no statement changes
/// (loop variables, buffers that are only read) lasts to the end of the block: an output may then
/// lie where an input does whose element was read before.
class ExpressionPrinter {
 public:
  /// arrays[b]: not in the device's memory, but an array that the function declares.
  ExpressionPrinter(const kir::Kernel& kernel, const std::vector<bool>& arrays, Lines* out);

  /// A statement begins that holds these expressions (null ones are none). With a guard, it does
  /// something only where that holds: nothing is read outside of a buffer elsewhere.
  void begin(std::initializer_list<kir::Expr> roots, kir::Expr guard = {});
  void end();
  std::string print(kir::Expr x);
  /// The same where an operation takes it.
  Operand operand(kir::Expr x);
  /// The guard of the statement: a name.
  const std::string& guard() const { return guard_text_; }

  void push_block() { blocks_.emplace_back(); }
  void pop_block() { forget(); }

  std::string element(kir::BufferId buffer, const std::string& index) const;
  std::string store(kir::BufferId buffer, const std::string& index, const std::string& value) const;
  std::string reg(kir::RegId r, std::span<const kir::Expr> index);
  /// The indices of an element of a register, without those that say which thread holds it.
  std::string subscripts(kir::RegId r, std::span<const kir::Expr> index);

  /// From now on the value of a Load is what this element of an array has, as memory holds it.
  void read_from(kir::Expr load, const std::string& element) { copies_[load.node()] = element; }
  void forget_copies() { copies_.clear(); }
  /// True where the load cannot leave its buffer.
  bool is_inside(kir::Expr load) const;

 private:
  struct Facts {
    bool changes = false;  // reads a register or memory that is written
    bool outside = false;  // some load may lie outside of its buffer
  };
  using Key = std::pair<const kir::ExprNode*, const kir::ExprNode*>;  // and the guard it needs

  const kir::BufferDecl& decl(std::int64_t id) const {
    return kernel_.buffers[static_cast<std::size_t>(id)];
  }
  const Facts& facts(kir::Expr x);
  void count(kir::Expr x);
  const std::string* find(kir::Expr x);
  std::string keep(kir::Expr x, const std::string& text);
  void forget();
  std::string compute(kir::Expr x);
  std::string load(kir::Expr x);

  const kir::Kernel& kernel_;
  const std::vector<bool>& arrays_;
  Lines& out_;
  std::unordered_map<const kir::ExprNode*, Facts> facts_;
  std::unordered_map<const kir::ExprNode*, int> uses_;  // in this statement
  std::unordered_map<const kir::ExprNode*, std::string> copies_;
  std::map<Key, std::string> variables_;
  std::vector<std::vector<Key>> blocks_{1};  // what each has added; the last one: this statement
  kir::Expr guard_;
  std::string guard_text_;
  int next_ = 0;
};

}  // namespace lilith::codegen::c
