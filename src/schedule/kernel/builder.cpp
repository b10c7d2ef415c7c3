#include "schedule/kernel/builder.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernel_ir/forms.h"

namespace lilith::schedule {

namespace {

// Of a buffer, in the text of kernels and errors.
std::string name_of(const Dataflow& flow, const ir::NodeImpl* n) {
  const std::string& name = flow.name(n);
  return name[0] >= '0' && name[0] <= '9' ? "v" + name : name;
}

}  // namespace

Builder::Builder(const Graph& g, const Dataflow& flow, const Target& made_for)
    : dataflow(flow), levels(flow), target(made_for) {
  for (std::size_t i = 0; i < g.inputs().size(); ++i) {
    const ir::NodeImpl* n = g.inputs()[i].node();
    BufferPlan p;
    p.kind = BufferPlan::Kind::Input;
    p.index = static_cast<int>(i);
    p.name = name_of(dataflow, n);
    p.shape = n->aval.shape;
    p.dtype = n->aval.dtype;
    p.layout = Layout::row_major(p.shape.rank());
    p.bytes = n->aval.bytes();
    plan.buffers.push_back(std::move(p));
    buffer_of[n] = static_cast<int>(i);
    plan.inputs.push_back(static_cast<int>(i));
  }
}

namespace {

// Numbers the buffers behind the inputs anew, in the order in which the launches name them.
void number_buffers(Plan* plan) {
  std::vector<int> number(plan->buffers.size(), -1);
  std::vector<BufferPlan> buffers;
  const auto keep = [&](int id) {
    int& n = number[static_cast<std::size_t>(id)];
    if (n >= 0) return;
    n = static_cast<int>(buffers.size());
    buffers.push_back(std::move(plan->buffers[static_cast<std::size_t>(id)]));
  };
  for (const int id : plan->inputs) keep(id);
  for (const LaunchPlan& l : plan->launches) {
    for (const int id : l.buffers) keep(id);
  }
  for (std::size_t id = 0; id < number.size(); ++id) keep(static_cast<int>(id));
  plan->buffers = std::move(buffers);
  const auto rename = [&](std::vector<int>* ids) {
    for (int& id : *ids) id = number[static_cast<std::size_t>(id)];
  };
  for (LaunchPlan& l : plan->launches) {
    rename(&l.buffers);
    rename(&l.written);
  }
  rename(&plan->outputs);
}

}  // namespace

Plan Builder::finish(const Graph& g) && {
  for (const Tensor& out : g.outputs()) plan.outputs.push_back(buffer(out.node()));
  number_buffers(&plan);
  return std::move(plan);
}

int Builder::add_value(const ir::NodeImpl* n, const Layout& layout) {
  BufferPlan p;
  p.name = name_of(dataflow, n);
  p.shape = n->aval.shape;
  p.dtype = n->aval.dtype;
  // As whoever reads it elsewhere expects it.
  const bool output = dataflow.is_output(n);
  const bool row_major = dataflow.is_row_major(n);
  p.layout = row_major ? Layout::row_major(p.shape.rank()) : layout;
  p.kind = output ? BufferPlan::Kind::Output : BufferPlan::Kind::Arena;
  // Offsets inside a window fit a byte.
  if (!row_major && !is_floating(p.dtype) && n->op->below && n->op->below(n->attrs) <= 256)
    p.dtype = DType::U8;
  p.bytes = static_cast<std::size_t>(p.shape.numel()) * size_of(p.dtype);
  plan.buffers.push_back(std::move(p));
  const int id = static_cast<int>(plan.buffers.size()) - 1;
  buffer_of[n] = id;
  return id;
}

int Builder::add_scratch(std::string name, DType dtype, std::int64_t elements) {
  BufferPlan p;
  p.name = std::move(name);
  p.shape = {elements};
  p.dtype = dtype;
  p.layout = Layout::row_major(1);
  p.bytes = static_cast<std::size_t>(elements) * size_of(dtype);
  p.scratch = true;
  plan.buffers.push_back(std::move(p));
  return static_cast<int>(plan.buffers.size()) - 1;
}

namespace {

// "add+maximum -> %12 f32[3,4]": what a kernel computes, for people.
std::string describe(const Builder& b, const Nodes& stored, const ir::NodeImpl* core) {
  std::vector<const ir::NodeImpl*> seen;
  std::string ops;
  const std::function<void(const ir::NodeImpl*, bool)> visit = [&](const ir::NodeImpl* n,
                                                                   bool root) {
    if (std::find(seen.begin(), seen.end(), n) != seen.end() || n->is_leaf()) return;
    if (!root && b.buffer(n) >= 0) return;
    seen.push_back(n);
    for (const ir::NodeImpl* in : n->inputs) visit(in, false);
    if (seen.size() <= 24) ops += (ops.empty() ? "" : "+") + n->op->name;
  };
  if (core) visit(core, true);
  for (const ir::NodeImpl* n : stored) visit(n, true);
  return stored.empty() ? "copy" : fmt::format("{} ->{}", ops, b.describe(stored));
}

}  // namespace

std::string Builder::describe(const Nodes& results) const {
  std::string text;
  for (const ir::NodeImpl* n : results)
    text += fmt::format(" %{} {}", dataflow.name(n), n->aval.str());
  return text;
}

void Builder::launch(kir::Kernel kernel, const Lowerer& lower, const Nodes& results,
                     std::string how, double flops, ir::NodeImpl* core) {
  LaunchPlan l;
  l.buffers = lower.params();
  for (const int buffer : l.buffers)
    l.bytes += static_cast<double>(plan.buffers[static_cast<std::size_t>(buffer)].bytes);
  l.kernel = std::move(kernel);
  if (!target.gpu) l.kernel.forms = std::make_shared<kir::KernelForms>();
  for (std::size_t k = 0; k < l.kernel.buffers.size(); ++k) {
    if (l.kernel.buffers[k].space != kir::Space::Param) continue;
    if (l.kernel.buffers[k].written) l.written.push_back(l.buffers[l.params.size()]);
    l.params.push_back(static_cast<kir::BufferId>(k));
  }
  l.what = lilith::schedule::describe(*this, results, core);
  for (const ir::NodeImpl* n : results) l.loc = n->loc;
  l.how = std::move(how);
  l.flops = flops;
  // Without a loop to share, one thread does it all; a barrier then parts nothing.
  const auto& body = l.kernel.body;
  l.single = std::none_of(body.begin(), body.end(), [](const kir::Stmt& s) {
    if (s.kind != kir::Stmt::Kind::For) return false;
    return s.loop.kind == kir::LoopKind::Grid ||
           (s.loop.kind == kir::LoopKind::Parallel && s.loop.extent > 1);
  });
  plan.launches.push_back(std::move(l));
  stored_by.resize(plan.launches.size());
  stored_by.back() = results;
}

}  // namespace lilith::schedule
