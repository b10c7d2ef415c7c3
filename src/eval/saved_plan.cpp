#include "eval/saved_plan.h"

#include <mutex>
#include <set>
#include <string>

#include "core/device_kinds.h"
#include "ir/node.h"
#include "lilith/error.h"
#include "lilith/op_def.h"
#include "transforms/loops.h"

namespace lilith {

using schedule::BufferPlan;
using schedule::CallPlan;
using schedule::IndexCheck;
using schedule::LaunchPlan;
using schedule::LoopPlan;
using schedule::Plan;

namespace {

void write(ByteWriter& out, const std::vector<int>& list) {
  out.count(list.size());
  for (const int x : list) out.number(x);
}
std::vector<int> read_list(ByteReader& in) {
  std::vector<int> list(in.count());
  for (int& x : list) x = static_cast<int>(in.number());
  return list;
}

// Names of ops, for messages: they live as long as the process.
const char* lasting(std::string_view name) {
  static std::mutex mutex;
  static auto* names = new std::set<std::string, std::less<>>;
  const std::lock_guard lock(mutex);
  return names->emplace(name).first->c_str();
}

Loc read_loc(ByteReader& in, const std::vector<Loc>& lines) {
  const auto site = static_cast<std::size_t>(in.number());
  return site < lines.size() ? lines[site] : Loc();
}

// The structures are taken apart as a whole: one with a new field does not compile here.
void write(ByteWriter& out, const BufferPlan& b) {
  const auto& [kind, index, name, shape, dtype, layout, bytes, offset, first, last, donor,
               scratch] = b;
  out.number(static_cast<int>(kind));
  out.number(index);
  out.text(name);
  out.count(static_cast<std::size_t>(shape.rank()));
  for (const std::int64_t d : shape) out.number(d);
  out.number(static_cast<int>(dtype));
  write(out, layout.order);
  out.count(bytes);
  out.count(offset);
  for (const int x : {first, last, donor}) out.number(x);
  out.number(scratch);
}

BufferPlan read_buffer(ByteReader& in) {
  BufferPlan b;
  b.kind = static_cast<BufferPlan::Kind>(in.number());
  b.index = static_cast<int>(in.number());
  b.name = in.text();
  std::vector<std::int64_t> dims(in.count());
  for (std::int64_t& d : dims) d = in.number();
  b.shape = Shape(dims);
  b.dtype = static_cast<DType>(in.number());
  b.layout.order = read_list(in);
  b.bytes = static_cast<std::size_t>(in.number());
  b.offset = static_cast<std::size_t>(in.number());
  for (int* x : {&b.first, &b.last, &b.donor}) *x = static_cast<int>(in.number());
  b.scratch = in.number() != 0;
  return b;
}

void write(ByteWriter& out, const LoopPlan::Place& p) {
  const auto& [in, offset, step, first] = p;
  for (const std::int64_t x :
       {std::int64_t{in[0]}, std::int64_t{in[1]}, offset[0], offset[1], step, std::int64_t{first}})
    out.number(x);
}

LoopPlan::Place read_place(ByteReader& in) {
  LoopPlan::Place p;
  for (int& x : p.in) x = static_cast<int>(in.number());
  for (std::int64_t& x : p.offset) x = in.number();
  p.step = in.number();
  p.first = static_cast<int>(in.number());
  return p;
}

void write(ByteWriter& out, const LoopPlan& loop) {
  const auto& [kind, steps, decides, asks, bodies, places, results] = loop;
  out.number(static_cast<int>(kind));
  out.number(steps);
  out.number(decides);
  out.count(asks);
  out.count(bodies.size());
  for (std::size_t k = 0; k < bodies.size(); ++k) {
    write(out, bodies[k]);
    out.count(places[k].size());
    for (const LoopPlan::Place& p : places[k]) write(out, p);
  }
  out.count(results.size());
  for (const auto& [to, from, bytes] : results) {
    out.number(to);
    write(out, from);
    out.count(bytes);
  }
}

LoopPlan read_loop(ByteReader& in, const std::vector<Loc>& lines) {
  LoopPlan loop;
  loop.kind = static_cast<LoopPlan::Kind>(in.number());
  loop.steps = in.number();
  loop.decides = static_cast<int>(in.number());
  loop.asks = static_cast<std::size_t>(in.number());
  loop.bodies.resize(in.count());
  loop.places.resize(loop.bodies.size());
  for (std::size_t k = 0; k < loop.bodies.size(); ++k) {
    loop.bodies[k] = read_plan(in, lines);
    loop.places[k].resize(in.count());
    for (LoopPlan::Place& p : loop.places[k]) p = read_place(in);
  }
  loop.results.resize(in.count());
  for (LoopPlan::Result& r : loop.results) {
    r.to = static_cast<int>(in.number());
    r.from = read_place(in);
    r.bytes = static_cast<std::size_t>(in.number());
  }
  return loop;
}

// As the text of a graph of the one node.
void write(ByteWriter& out, const CallPlan& call) {
  const auto& [op, attrs, in, results, buffers, scratch] = call;
  std::vector<Tensor> inputs;
  for (const Aval& aval : in) inputs.push_back(ir::make_parameter(aval, std::ssize(inputs), ""));
  out.text(Graph(inputs, {apply(*op, inputs, attrs)}).str(false));
  write(out, buffers);
  out.number(scratch);
}

std::shared_ptr<CallPlan> read_call(ByteReader& in) {
  const Graph g = parse_graph(in.text());
  const ir::NodeImpl& node = *g.outputs().at(0).node();
  auto call = std::make_shared<CallPlan>(CallPlan{node.op, node.attrs, {}, {}, read_list(in), -1});
  call->scratch = static_cast<int>(in.number());
  for (const Tensor& t : g.inputs()) call->in.push_back(t.aval());
  if (node.op->results)
    call->out = ir::result_avals(node);
  else
    call->out.push_back(node.aval);
  return call;
}

void write(ByteWriter& out, const LaunchPlan& l) {
  const auto& [kernel, loop, call, buffers, params, written, loc, what, how, cycles, next_best,
               flops, bytes, barrier_before, single, decision] = l;
  write(out, buffers);
  write(out, params);
  write(out, written);
  out.number(loc.site);
  out.text(what);
  out.text(how);
  out.text(next_best);
  for (const double x : {cycles, flops, bytes}) out.real(x);
  out.number(barrier_before);
  out.number(single);
  out.number(decision);
  out.number(loop != nullptr);
  if (loop) write(out, *loop);
  out.number(call != nullptr);
  if (call) write(out, *call);
}

LaunchPlan read_launch(ByteReader& in, const std::vector<Loc>& lines) {
  LaunchPlan l;
  l.buffers = read_list(in);
  l.params = read_list(in);
  l.written = read_list(in);
  l.loc = read_loc(in, lines);
  l.what = in.text();
  l.how = in.text();
  l.next_best = in.text();
  for (double* x : {&l.cycles, &l.flops, &l.bytes}) *x = in.real();
  l.barrier_before = in.number() != 0;
  l.single = in.number() != 0;
  l.decision = static_cast<int>(in.number());
  if (in.number() != 0 && in.ok()) l.loop = std::make_shared<LoopPlan>(read_loop(in, lines));
  if (in.number() != 0 && in.ok()) l.call = read_call(in);
  return l;
}

}  // namespace

void write(ByteWriter& out, Device device) { out.text(device.str()); }

std::optional<Device> read_device(ByteReader& in) {
  const std::optional<Device> device = find_device_name(in.text());
  return device && device->index < kind_of(*device).count() ? device : std::nullopt;
}

void write(ByteWriter& out, const Plan& plan) {
  // `varying` says which code was shared: the launcher has that.
  const auto& [buffers, launches, inputs, outputs, arena_bytes, once, family, varying] = plan;
  out.count(buffers.size());
  for (const BufferPlan& b : buffers) write(out, b);
  out.count(launches.size());
  for (const LaunchPlan& l : launches) write(out, l);
  write(out, inputs);
  write(out, outputs);
  out.count(arena_bytes);
  out.count(once);
  out.number(static_cast<std::int64_t>(family));
}

Plan read_plan(ByteReader& in, const std::vector<Loc>& lines) {
  Plan plan;
  plan.buffers.resize(in.count());
  for (BufferPlan& b : plan.buffers) b = read_buffer(in);
  plan.launches.resize(in.count());
  for (LaunchPlan& l : plan.launches) l = read_launch(in, lines);
  plan.inputs = read_list(in);
  plan.outputs = read_list(in);
  plan.arena_bytes = static_cast<std::size_t>(in.number());
  plan.once = static_cast<std::size_t>(in.number());
  plan.family = static_cast<std::uint64_t>(in.number());
  return plan;
}

void write(ByteWriter& out, const std::vector<IndexCheck>& checks) {
  out.count(checks.size());
  for (const auto& [op, loc, low, high] : checks) {
    out.text(op);
    out.number(loc.site);
    out.number(low);
    out.number(high);
  }
}

std::vector<IndexCheck> read_checks(ByteReader& in, const std::vector<Loc>& lines) {
  std::vector<IndexCheck> checks(in.count());
  for (IndexCheck& c : checks) {
    c.op = lasting(in.text());
    c.loc = read_loc(in, lines);
    c.low = in.number();
    c.high = in.number();
  }
  return checks;
}

}  // namespace lilith
