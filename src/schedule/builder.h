#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "schedule/fusion.h"
#include "schedule/lowering.h"
#include "schedule/plan.h"

namespace lilith::schedule {

/// The elements of an unpool that may differ from zero: for each combination of the list
/// dimensions a run of places and values.
struct SparseList {
  const ir::NodeImpl* unpool = nullptr;
  std::vector<std::int64_t> strides;  // place = sum over position dimensions of stride * index
  std::vector<int> list_dims;
  int counts = -1, places = -1,
      values = -1;  // buffers: i32[lists], i32 and value [lists, capacity]
  std::int64_t capacity = 0;
};

/// The plan while it grows: which value lies in which buffer.
struct Builder {
  const Analysis& analysis;
  const Target target;
  Plan plan;
  std::unordered_map<const ir::NodeImpl*, int> buffer_of;
  std::vector<SparseList> sparse_lists = {};

  /// The buffer of a stored value made so far; -1 when there is none.
  int buffer(const ir::NodeImpl* n) const {
    const auto it = buffer_of.find(n);
    return it == buffer_of.end() ? -1 : it->second;
  }
  /// A buffer for a stored value. Outputs are row-major whatever `layout` says.
  int add_value(const ir::NodeImpl* n, const Layout& layout);
  /// Scratch memory shared by the team.
  int add_scratch(std::string name, DType dtype, std::int64_t elements);
  /// What makes expressions of nodes in this kernel: values that have a buffer are loaded.
  Lowerer lowerer(kir::Kernel& kernel) const {
    return Lowerer(kernel, plan, [this](const ir::NodeImpl* n) { return buffer(n); });
  }
  /// Ends a kernel: names its parameters' buffers, works out barriers later.
  void launch(kir::Kernel kernel, const Lowerer& lower, const Group& g, std::string how,
              double flops);
};

/// "add+maximum -> %12 f32[3,4]": what a group computes, for people.
std::string describe(const Builder& b, const Group& g);

void build_map(Builder& b, const Group& g);
void build_row_chain(Builder& b, const Group& g);
void build_contraction(Builder& b, const Group& g);
void build_scatter(Builder& b, const Group& g);

}  // namespace lilith::schedule
