#include "lilith/vmap.h"

#include <algorithm>

#include "ir/node.h"
#include "ops/batch.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "transforms/differentiation.h"
#include "transforms/settle.h"
#include "transforms/vmap.h"

namespace lilith::detail {
namespace {

using I = std::int64_t;

struct Slots final : PathVisitor {
  explicit Slots(ConstModelRef model) { model.visit(*this); }
  void parameter(Tensor& t) override {
    tensors.push_back(&t);
    paths.push_back(path());
  }
  void buffer(Buffer& t) override { parameter(t); }

  std::vector<Tensor*> tensors;
  std::vector<std::string> paths;
};

std::string described(std::size_t argument, const std::string& path) {
  return path.empty() ? fmt::format("argument {}", argument)
                      : fmt::format("'{}' of argument {}", path, argument);
}

}  // namespace

struct VmapTrace::State {
  const VmapOptions& options;
  LocScope::Fallback line;
  std::size_t arguments = 0;
  std::vector<std::vector<const ir::NodeImpl*>> given;  // to each argument's slots
  std::vector<Tensor> placeholders;
  std::vector<ir::ForAll> values;
  std::vector<ir::NodeRef> held;  // so that addresses in `given` stay theirs
  I size = -1;
  std::string first;  // the tensor that the size is of
  std::optional<ir::ExampleScope> scope;
  struct Result {
    Tensor* slot;
    VmapAxis axis;
    std::size_t index;
  };
  std::vector<Result> results;
  std::size_t count = 0;

  void see_size(I n, const std::string& what) {
    if (size < 0) {
      size = n;
      first = what;
    }
    LILITH_CHECK(n == size, "vmap: {}, but {}; need as many", what, first);
    LILITH_CHECK(n > 0, "vmap: {}; need at least one", what);
  }
  /// One example of a value.
  Tensor example(const Tensor& t, I dim, const std::string& name) {
    const auto axis = static_cast<int>(dim < 0 ? dim + t.ndim() : dim);
    LILITH_CHECK(axis >= 0 && axis < t.ndim(),
                 "vmap: {} is {}, which has no axis {}; an axis std::nullopt shares it between the "
                 "examples",
                 name, t.aval().str(), dim);
    see_size(t.shape()[axis], fmt::format("{} is {}, with {} examples along axis {}", name,
                                          t.aval().str(), t.shape()[axis], axis));
    Aval aval = t.aval();
    aval.shape.erase(axis);
    placeholders.push_back(ir::make_parameter(aval, std::ssize(placeholders), ""));
    values.push_back({ops::move_dim(t, axis, 0), true});
    return placeholders.back();
  }
};

VmapTrace::VmapTrace(const VmapOptions& options, std::size_t arguments)
    : state_(new State{.options = options, .line = LocScope::Fallback(options.loc)}) {
  LILITH_CHECK(options.in_axes.size() == 1 || options.in_axes.size() == arguments,
               "vmap: in_axes has {} entries, the function is called with {} arguments; need one "
               "each, or one for all",
               options.in_axes.size(), arguments);
}
VmapTrace::~VmapTrace() = default;

void VmapTrace::add_argument(ModelRef copy) {
  State& s = *state_;
  const LocScope scope(s.options.loc, "vmap");
  // Inside of another trace fields are tracers, and stay so.
  if (ir::trace_depth() == 0 && ir::differentiation_depth() == 0) {
    const ConstModelRef model = copy;
    ir::settle({&model, 1});
  }
  const std::size_t index = s.arguments++;
  const std::optional<I>& dim = s.options.in_axes[index].dim();
  Slots slots(copy);
  std::vector<std::pair<const ir::NodeImpl*, Tensor>> examples;  // tied fields have one
  std::vector<const ir::NodeImpl*>& given = s.given.emplace_back();
  for (std::size_t k = 0; k < slots.tensors.size(); ++k) {
    Tensor& t = *slots.tensors[k];
    if (dim && t.defined()) {
      const auto same = std::ranges::find(examples, t.node(), [](auto& e) { return e.first; });
      if (same != examples.end()) {
        t.rebind(same->second);
      } else {
        s.held.emplace_back(t);
        const Tensor one = s.example(t, *dim, described(index, slots.paths[k]));
        examples.emplace_back(t.node(), one);
        t.rebind(one);
      }
    }
    if (t.defined()) s.held.emplace_back(t);
    given.push_back(t.node());
  }
}

void VmapTrace::begin() {
  State& s = *state_;
  const LocScope scope(s.options.loc, "vmap");
  LILITH_CHECK(s.size > 0,
               "vmap: no argument has an axis along which examples lie; give one tensor at least");
  s.scope.emplace(s.size);
}

void VmapTrace::check_argument(ConstModelRef copy, std::size_t index) const {
  const State& s = *state_;
  const LocScope scope(s.options.loc, "vmap");
  const Slots slots(copy);
  const std::vector<const ir::NodeImpl*>& given = s.given[index];
  for (std::size_t k = 0; k < slots.tensors.size(); ++k)
    LILITH_CHECK(k < given.size() && slots.tensors[k]->node() == given[k],
                 "vmap: the function writes to {}, of which there is not one for each example; "
                 "return the new value instead, or call test_mode(model) where a layer keeps "
                 "statistics",
                 described(index, slots.paths[k]));
}

void VmapTrace::check_results(std::size_t count) const {
  const State& s = *state_;
  const LocScope scope(s.options.loc, "vmap");
  LILITH_CHECK(s.options.out_axes.size() == 1 || s.options.out_axes.size() == count,
               "vmap: out_axes has {} entries, the function gives {} results; need one each, or "
               "one for all",
               s.options.out_axes.size(), count);
}

void VmapTrace::add_result(ModelRef result) {
  State& s = *state_;
  const std::size_t index = s.count++;
  for (Tensor* t : Slots(result).tensors)
    if (t->defined()) s.results.push_back({t, s.options.out_axes[index], index});
}

void VmapTrace::finish() {
  State& s = *state_;
  const LocScope scope(s.options.loc, "vmap");
  std::vector<Tensor> outputs;
  for (const State::Result& r : s.results) outputs.emplace_back(r.slot->node());
  const std::vector<ir::ForAll> made =
      s.scope->finish(outputs, std::move(s.placeholders), std::move(s.values));
  for (std::size_t k = 0; k < made.size(); ++k) {
    const auto& [slot, axis, index] = s.results[k];
    if (!axis.dim()) {
      LILITH_CHECK(!made[k].batched,
                   "vmap: result {} has the axis std::nullopt, the same for all examples, but it "
                   "depends on the example",
                   index);
      slot->rebind(made[k].value);
      continue;
    }
    const Tensor all = ir::for_each_example(made[k], s.size);
    slot->rebind(ops::move_dim(all, 0, ops::wrap_dim("vmap", *axis.dim(), all.ndim())));
  }
}

void stack_into(ModelRef first, const std::vector<ConstModelRef>& all) {
  Slots out(first);
  std::vector<std::vector<Tensor>> columns(out.tensors.size());
  const std::uint64_t facts = static_hash(all[0]);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Slots slots(all[i]);
    LILITH_CHECK(slots.paths == out.paths && static_hash(all[i]) == facts,
                 "stack_models: model {} has other fields, numbers or ties than model 0; need one "
                 "structure",
                 i);
    for (std::size_t k = 0; k < columns.size(); ++k) {
      const Tensor &t = *slots.tensors[k], &like = *out.tensors[k];
      LILITH_CHECK(t.defined() == like.defined() && (!t.defined() || t.aval() == like.aval()),
                   "stack_models: {} is {} in model 0 and {} in model {}; need the same",
                   out.paths[k].empty() ? "the tensor" : fmt::format("'{}'", out.paths[k]),
                   like.defined() ? like.aval().str() : "undefined",
                   t.defined() ? t.aval().str() : "undefined", i);
      if (t.defined()) columns[k].emplace_back(t.node());
    }
  }
  const auto is_one = [](const Tensor& a, const Tensor& b) { return a.node() == b.node(); };
  for (std::size_t k = 0; k < columns.size(); ++k) {
    if (columns[k].empty()) continue;
    const auto same = std::ranges::find_if(  // tied fields stay one
        columns, [&](const auto& other) { return std::ranges::equal(other, columns[k], is_one); });
    if (const auto j = static_cast<std::size_t>(same - columns.begin()); j < k) {
      out.tensors[k]->rebind(*out.tensors[j]);
      continue;
    }
    std::vector<Tensor> rows;
    for (const Tensor& t : columns[k]) rows.push_back(ops::repeat(t, 1));
    out.tensors[k]->rebind(ops::make_concat(rows, 0));
  }
}

}  // namespace lilith::detail
