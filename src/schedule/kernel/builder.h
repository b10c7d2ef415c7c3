#pragma once
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "schedule/dataflow.h"
#include "schedule/group.h"
#include "schedule/kernel/lowering.h"
#include "schedule/kernel/sparse_spec.h"
#include "schedule/levels.h"
#include "schedule/plan.h"
#include "schedule/target.h"
#include "schedule/varying_dims.h"

namespace lilith::schedule {

/// A product whose sum was taken in parts, which lie in memory until a second launch has added
/// them.
struct SplitSum {
  ir::NodeImpl* core = nullptr;
  Nodes stores;  // what the second launch stores
  std::int64_t parts = 0;
  /// The product's element at an index, added up in another kernel.
  std::function<kir::Expr(Lowerer&, const Index&, kir::Expr guard)> value;
};

/// The plan while it grows: which value lies in which buffer.
struct Builder {
  /// Begins with a buffer for each input.
  Builder(const Graph& g, const Dataflow& dataflow, const Target& target);

  const Dataflow& dataflow;
  const Levels levels;
  const Target& target;
  Plan plan;
  std::unordered_map<const ir::NodeImpl*, int> buffer_of;
  std::vector<Nodes> stored_by;  // by launch: the values of the graph that it stores
  std::vector<SparseList> sparse_lists;
  std::vector<SplitSum> split_sums;
  std::vector<std::int64_t> varying = {};                // extents (PlanOptions::varying)
  std::shared_ptr<const VaryingDims> varying_dims = {};  // PlanOptions::varying_dims
  std::vector<std::int64_t> varied =
      {};                           // those too where ways for these extents alone are asked for
  std::vector<bool> constant = {};  // inputs (PlanOptions::constant)
  std::vector<bool> kept = {};      // inputs, see may_be_kept; empty: none
  bool counts_kept = false;         // whether that counts, in the ways that are asked for
  /// Plans a body of a loop; which of its inputs are the same in every step.
  std::function<Plan(const Graph& body, std::vector<bool> constant)> plan_body;
  // Of operands, by what says all about them: buffers; -1 until the kernel that fills it is made.
  std::map<std::vector<std::int64_t>, int> copies;

  bool varies(std::int64_t extent) const {
    return std::binary_search(varying.begin(), varying.end(), extent);
  }
  /// Whether a node's dimension does.
  bool varies(const ir::NodeImpl* n, int dim) const {
    const std::uint64_t* dims = varying_dims ? varying_dims->find(n) : nullptr;
    return varies(n->aval.shape[dim]) && (dims == nullptr || (*dims >> dim & 1) != 0);
  }
  bool has_varied(std::int64_t extent) const {
    return std::binary_search(varied.begin(), varied.end(), extent);
  }
  /// Whether a buffer holds the same in every step of the loop whose body this is.
  bool is_constant(int buffer) const {
    const auto input = static_cast<std::size_t>(buffer);  // inputs come first
    return input < constant.size() && constant[input];
  }
  /// Whether a buffer is an input whose copies are likely to serve later runs; is_kept: and
  /// whether that counts now.
  bool may_be_kept(int buffer) const {
    const auto input = static_cast<std::size_t>(buffer);
    return input < kept.size() && kept[input];
  }
  bool is_kept(int buffer) const { return counts_kept && may_be_kept(buffer); }
  bool is_input(int buffer) const {
    return plan.buffers[static_cast<std::size_t>(buffer)].kind == BufferPlan::Kind::Input;
  }
  /// The buffer of a stored value made so far; -1 when there is none.
  int buffer(const ir::NodeImpl* n) const {
    const auto it = buffer_of.find(n);
    return it == buffer_of.end() ? -1 : it->second;
  }
  /// A buffer for a stored value. Outputs and the operands
  /// of loops and calls are row-major whatever `layout` says.
  int add_value(const ir::NodeImpl* n, const Layout& layout);
  /// Scratch memory shared by the team.
  int add_scratch(std::string name, DType dtype, std::int64_t elements);
  /// What makes expressions of nodes in this kernel: values that have a buffer by now are loaded.
  Lowerer lowerer(kir::Kernel& kernel) const {
    const auto known = static_cast<int>(plan.buffers.size());
    return Lowerer(kernel, plan, [this, known](const ir::NodeImpl* n) {
      const int id = buffer(n);
      return id < known ? id : -1;
    });
  }
  /// "%12 f32[3,4]" of each, for people.
  std::string describe(const Nodes& results) const;
  /// Ends a kernel that stores these values of the graph, by way of `core` where it has one.
  void launch(kir::Kernel kernel, const Lowerer& lower, const Nodes& results, std::string how,
              double flops, ir::NodeImpl* core = nullptr);
  /// The plan, with its buffers in the order of their first use.
  Plan finish(const Graph& g) &&;
};

}  // namespace lilith::schedule
