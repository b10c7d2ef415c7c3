#include "eval/explain_page.h"
#include "eval/lazy.h"
#include "eval/program_cache.h"
#include "ir/node.h"
#include "ir/one_device.h"
#include "lilith/compile.h"
#include "runtime/fork.h"
#include "transforms/differentiation.h"
#include "transforms/settle.h"

namespace lilith {

struct CompiledGraph::Impl {
  Graph graph;
  std::shared_ptr<Program> program;
  std::vector<Loc> lines;  // of the canonical graph's items
  // Per input of the program: the graph's input of that number, or a value of the graph's own.
  struct Input {
    std::size_t index;
    StoragePtr fixed;
  };
  std::vector<Input> inputs;

  void add_input(const ir::NodeImpl& node) {
    Input in{0, node.storage()};
    const auto& all = graph.inputs();
    if (!in.fixed) {
      while (in.index < all.size() && all[in.index].node() != &node) ++in.index;
      LILITH_CHECK(in.index < all.size(),
                   "compile: the graph uses a parameter that is not among its inputs");
    }
    inputs.push_back(std::move(in));
  }
};

CompiledGraph::CompiledGraph(Graph g) {
  const runtime::Busy busy;
  auto impl = std::make_shared<Impl>();
  impl->graph = std::move(g);
  std::vector<ir::NodeImpl*> outputs;
  for (const Tensor& t : impl->graph.outputs()) outputs.push_back(t.node());
  driver::ProgramCache& cache = driver::ProgramCache::instance();
  const driver::ProgramCache::Request request = [&] {
    const ir::GraphLock lock;
    const driver::Canonical c = driver::canonicalise(outputs);
    for (std::uint32_t k : c.inputs) impl->add_input(*c.items[k].node);
    impl->lines = driver::lines_of(c);
    return cache.request(c);
  }();
  impl->program = cache.get(request);
  impl_ = std::move(impl);
}

std::vector<Tensor> CompiledGraph::operator()(const std::vector<Tensor>& inputs) const {
  const Graph& g = impl_->graph;
  LILITH_CHECK(inputs.size() == g.inputs().size(), "graph: it has {} inputs; got {}",
               g.inputs().size(), inputs.size());
  for (std::size_t k = 0; k < inputs.size(); ++k)
    LILITH_CHECK(inputs[k].aval() == g.inputs()[k].aval(),
                 "graph: input {} is {}; it was traced with {}", k,
                 ir::placed_text(inputs[k].aval()), ir::placed_text(g.inputs()[k].aval()));
  if (ir::trace_depth() > 0 || ir::differentiation_depth() > 0) return g(inputs);
  const runtime::Busy busy;
  const ConstModelRef model(inputs);
  ir::settle({&model, 1});
  std::vector<StoragePtr> in, out(g.outputs().size());
  for (const Impl::Input& i : impl_->inputs)
    in.push_back(i.fixed ? i.fixed : inputs[i.index].node()->storage());
  driver::run_at(*impl_->program, in, {}, out,
                 [&](std::size_t item) { return impl_->lines.at(item); });
  driver::count_run(0);
  std::vector<Tensor> results;
  for (std::size_t k = 0; k < out.size(); ++k)
    results.push_back(ir::make_data(g.outputs()[k].aval(), std::move(out[k])));
  return results;
}

Tensor CompiledGraph::single(const std::vector<Tensor>& inputs) const {
  LILITH_CHECK(impl_->graph.outputs().size() == 1,
               "graph: it has {} outputs; call it with a vector of its inputs to get them all",
               impl_->graph.outputs().size());
  return (*this)(inputs)[0];
}

std::string CompiledGraph::explain() const { return impl_->program->stats().text; }

void CompiledGraph::explain_html(const std::string& path) const {
  std::vector<ir::NodeImpl*> outputs;
  for (const Tensor& t : impl_->graph.outputs()) outputs.push_back(t.node());
  const runtime::Busy busy;
  const Graph asked = [&] {
    const ir::GraphLock lock;
    return driver::build_graph(driver::canonicalise(outputs));
  }();
  write_page(record_program("graph", asked, *impl_->program), path);
}

CompiledGraph compile(const Graph& g) { return CompiledGraph(g); }

}  // namespace lilith
