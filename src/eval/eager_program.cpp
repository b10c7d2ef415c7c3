#include <cstring>
#include <map>
#include <optional>

#include "core/env.h"
#include "eval/check_nan.h"
#include "eval/program.h"
#include "ir/host.h"
#include "ir/host_copy.h"
#include "ir/node.h"
#include "ir/node_map.h"
#include "ir/reference.h"
#include "runtime/device_memory.h"
#include "schedule/rewrite/index_checks.h"

namespace lilith {
namespace {

RefTensor widen(const Aval& aval, const StoragePtr& value) {
  RefTensor out(aval);
  const StoragePtr host = runtime::on_host(value);
  const void* data = host->data();
  const std::int64_t n = aval.numel();
  for (std::int64_t k = 0; k < n; ++k) {
    const auto at = static_cast<std::size_t>(k);
    if (out.floating())
      out.f[at] = ir::read_f64(data, aval.dtype, k);
    else
      out.i[at] = ir::read_i64(data, aval.dtype, k);
  }
  return out;
}

void narrow(const RefTensor& x, void* data) {
  const std::int64_t n = x.aval.numel();
  for (std::int64_t k = 0; k < n; ++k) {
    const auto at = static_cast<std::size_t>(k);
    if (x.floating())
      ir::write_f64(data, x.aval.dtype, k, x.f[at]);
    else
      ir::write_i64(data, x.aval.dtype, k, x.i[at]);
  }
}

/// The graph of one node, for ops that have no reference of their own.
Graph single_op(const Node& node) {
  std::vector<Tensor> inputs;
  for (const Node& in : node.inputs())
    inputs.push_back(ir::make_parameter(in.aval(), static_cast<std::int64_t>(inputs.size()), ""));
  Tensor out(new ir::NodeImpl(&node.op(), inputs, node.attrs(), node.aval(), node.loc()));
  return Graph(inputs, {out});
}

void check_index(const Node& node, const std::vector<const RefTensor*>& in) {
  const std::int64_t size = in[0]->aval.shape[static_cast<int>(node.attrs().integer("axis"))];
  for (const std::int64_t i : in[static_cast<std::size_t>(node.op().index_operand)]->i)
    if (i < 0 || i >= size) schedule::fail_index(node.op_name(), node.loc(), i, 0, size);
}

/// A body of a loop, as the whole is computed.
std::vector<RefTensor> run_body(const Graph& g, const std::vector<RefTensor>& inputs);

class EagerProgram final : public Program {
 public:
  explicit EagerProgram(const Graph& g) : graph_(g), nodes_(g.nodes()) {
    ir::NodeMap<int> ids(nodes_.size());
    for (std::size_t k = 0; k < nodes_.size(); ++k) {
      ids.insert(nodes_[k].tensor().node(), static_cast<int>(k));
      std::vector<int> in;
      for (const Node& i : nodes_[k].inputs()) in.push_back(*ids.find(i.tensor().node()));
      edges_.push_back(std::move(in));
    }
    for (const Tensor& t : g.inputs()) inputs_.push_back(*ids.find(t.node()));
    for (const Tensor& t : g.outputs()) outputs_.push_back(*ids.find(t.node()));
  }

  void run(std::span<const StoragePtr> inputs, std::span<const char>,
           std::span<StoragePtr> outputs) override {
    std::vector<RefTensor> given;
    for (std::size_t k = 0; k < inputs_.size(); ++k)
      given.push_back(widen(nodes_[static_cast<std::size_t>(inputs_[k])].aval(), inputs[k]));
    const std::vector<RefTensor> values = interpret(std::move(given));
    for (std::size_t k = 0; k < outputs_.size(); ++k) {
      const RefTensor& x = values[k];
      const StoragePtr made = Storage::allocate(x.aval.bytes());
      narrow(x, made->data());
      if (!outputs[k]) outputs[k] = Storage::allocate(x.aval.bytes(), x.aval.device);
      ir::write(*outputs[k], x.aval, made->data());
    }
  }

  std::vector<RefTensor> interpret(std::vector<RefTensor> inputs) const {
    std::vector<std::optional<RefTensor>> values(nodes_.size());
    for (std::size_t k = 0; k < inputs_.size(); ++k)
      values[static_cast<std::size_t>(inputs_[k])] = std::move(inputs[k]);
    for (std::size_t k = 0; k < nodes_.size(); ++k)
      if (!values[k]) values[k] = compute(k, values);
    std::vector<RefTensor> out;
    for (const int k : outputs_) out.push_back(*values[static_cast<std::size_t>(k)]);
    return out;
  }

  bool may_fail() const override { return true; }
  ProgramStats stats() const override {
    ProgramStats s;
    s.num_nodes = static_cast<std::int64_t>(nodes_.size());
    s.num_kernels = s.num_nodes - static_cast<std::int64_t>(inputs_.size());
    s.text = "interpreted, one op at a time; denormals are kept\n" + graph_.str();
    return s;
  }

 private:
  RefTensor compute(std::size_t k, const std::vector<std::optional<RefTensor>>& values) const {
    const Node& node = nodes_[k];
    LocScope::Override loc(node.loc());
    if (node.tensor().node()->is_leaf()) return ir::to_reference(node.tensor());
    std::vector<const RefTensor*> in;
    for (int e : edges_[k]) in.push_back(&*values[static_cast<std::size_t>(e)]);
    if (node.op().index_operand > 0) check_index(node, in);
    RefTensor out(node.aval());
    if (node.op().reference) {
      RefCtx ctx{in, out, node.attrs(), &run_body};
      node.op().reference(ctx);
    } else {
      std::vector<RefTensor> copies;
      for (const RefTensor* x : in) copies.push_back(*x);
      out = ir::interpret(single_op(node), copies)[0];
    }
    if (out.floating())
      for (double& v : out.f) v = ir::round_to(v, out.aval.dtype);
    if (env::check_nan() && has_nan(DType::F64, out.f.data(), std::ssize(out.f)))
      fail_nan(out.aval.dtype, out.aval.shape,
               fmt::format("{} -> {}", node.op().name, out.aval.str()), node.loc());
    return out;
  }

  Graph graph_;
  std::vector<Node> nodes_;
  std::vector<std::vector<int>> edges_;
  std::vector<int> inputs_, outputs_;
};

std::vector<RefTensor> run_body(const Graph& g, const std::vector<RefTensor>& inputs) {
  return EagerProgram(g).interpret(inputs);
}

}  // namespace

std::shared_ptr<Program> make_eager_program(const Graph& g) {
  return std::make_shared<EagerProgram>(g);
}

}  // namespace lilith
