#pragma once
#include <string>
#include <utility>

#include "lilith/error.h"

namespace lilith {

/// An Error found at a node of a program while it runs. A program serves every graph of its
/// structure: whoever runs it rethrows the error at the line of the graph at hand.
class RunError : public Error {
 public:
  /// "op: text" in the name of the function that was called at `loc`; the text alone where op is
  /// empty.
  RunError(std::string op, std::string text, Loc loc)
      : Error(joined(op, text, loc), loc), op_(std::move(op)), text_(std::move(text)) {}
  [[noreturn]] void rethrow_at(Loc loc) const { throw RunError(op_, text_, loc); }

 private:
  static std::string joined(const std::string& op, const std::string& text, Loc loc) {
    return op.empty() ? text : (loc.op ? loc.op : op) + ": " + text;
  }
  std::string op_, text_;
};

}  // namespace lilith
