#pragma once
#include <map>
#include <string>

#include "codegen/c/dialect.h"
#include "codegen/c/lines.h"
#include "kernel_ir/grid.h"

namespace lilith::codegen::c {

/// Prints how the lanes of Thread loops combine what they have accumulated: the tree of kernel.h,
/// by shuffles where the lanes of a warp are enough, else in an array of the group's memory.
class LaneSumPrinter {
 public:
  LaneSumPrinter(const kir::Kernel& kernel, const Dialect& dialect, Lines* out);

  /// Declares the arrays where lanes meet; gives their bytes. Before all else.
  std::int64_t declare_arrays();
  /// After a nest of Thread loops with that many lanes: element = combine(element, total), where
  /// `partial` is what this thread has of the total.
  void combine(const kir::LaneSum& s, std::int64_t lanes, const std::string& element,
               const std::string& partial);

 private:
  DType dtype(const kir::LaneSum& s) const {
    return kernel_.regs[static_cast<std::size_t>(s.reg)].dtype;
  }
  bool has_warps(const kir::LaneSum& s) const;
  bool meets(const kir::LaneSum& s, std::int64_t lanes) const;
  void find(const kir::Block& block);
  std::string operation(const kir::LaneSum& s, const std::string& a, const std::string& b) const;
  void shuffle(const kir::LaneSum& s, std::int64_t lanes, const std::string& partial);
  std::string in_memory(const kir::LaneSum& s, std::int64_t lanes, const std::string& partial);
  std::string across_warps(const kir::LaneSum& s, std::int64_t lanes, const std::string& partial);
  std::string array(DType dtype) const;

  const kir::Kernel& kernel_;
  const Dialect& dialect_;
  Lines& out_;
  std::map<std::string, std::int64_t> arrays_;  // bytes of an element, by type
};

}  // namespace lilith::codegen::c
