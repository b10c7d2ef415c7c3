#pragma once
#include <functional>
#include <unordered_map>

#include "codegen/c/lane_sums.h"
#include "codegen/c/statements.h"
#include "codegen/c/vector_loop.h"

namespace lilith::codegen::c {

/// Prints a kernel for a GPU as a function of that name: a block is a group, a thread one of its
/// work items.
class GridPrinter : private StatementPrinter {
 public:
  GridPrinter(const kir::Kernel& kernel, const Dialect& dialect, Lines* out);
  Entry print(const std::string& name);

 private:
  void declare_buffers(Entry* entry);
  void grids();
  void loop(const kir::For& s) override;
  void barrier() override;
  void mma(const kir::Mma& s) override;
  void store(const kir::Store& s) override;
  std::string sum(const kir::Accumulate& s) override;
  void threads(const kir::For& outer);
  void mma_loop(const kir::Mma& s, const std::string& a, const std::string& b);
  void vector(const kir::For& s);
  void load_all(const VectorLoop::Load& l, const kir::For& s, const std::string& to);
  void store_all(const kir::Store& st, const kir::For& s, const std::string& from);
  /// Calls f where the loop's variable is 0.
  void at_first(const kir::For& s, const std::function<void()>& f);

  struct Sum {
    kir::LaneSum lanes;
    std::string partial;  // the variable
  };
  LaneSumPrinter lanes_;
  std::vector<Sum> sums_;                                         // of the current Thread loops
  std::unordered_map<const kir::Store*, std::string> collected_;  // values to store after a loop
  int vectors_ = 0, partials_ = 0;                                // variables so far
};

}  // namespace lilith::codegen::c
