#include "eval/program_store.h"

#include <algorithm>
#include <atomic>

#include "codegen/kernel_store.h"
#include "core/bytes.h"
#include "core/device_kinds.h"
#include "core/dump.h"
#include "core/env.h"
#include "core/phases.h"
#include "eval/compiled_program.h"
#include "eval/split_program.h"
#include "ir/numbered.h"
#include "ir/op_registry.h"
#include "ir/stages.h"
#include "passes/pipeline.h"
#include "runtime/disk_cache.h"
#include "schedule/plan_record.h"

namespace lilith {
namespace {

constexpr std::string_view kKind = "program", kTuned = "tuned";

// What the user's code does cannot be told from its name.
bool has_passes_of_the_user() {
  return std::ranges::any_of(passes::pipeline(), [](const passes::Pass& p) {
    return p.kind == passes::PassKind::Registered;
  });
}
bool has_ops_of_the_user(const ir::Numbered& g) {
  return std::ranges::any_of(g.nodes(), [](const ir::NodeImpl* n) {
    return !is_builtin(*n->op) || std::ranges::any_of(n->attrs.items(), [](const auto& item) {
      const BodyPtr* body = std::get_if<BodyPtr>(&item.second);
      return body && has_ops_of_the_user(ir::Numbered((*body)->graph()));
    });
  });
}

void write(ByteWriter& out, const Attr& attr) {
  out.count(attr.index());
  std::visit(
      [&]<class T>(const T& value) {
        if constexpr (std::is_same_v<T, double>) {
          out.real(value);
        } else if constexpr (std::is_same_v<T, std::string>) {
          out.text(value);
        } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
          out.count(value.size());
          for (const std::int64_t x : value) out.number(x);
        } else if constexpr (std::is_same_v<T, BodyPtr>) {
          out.text(value->graph().str(false));
        } else {
          out.number(static_cast<std::int64_t>(value));
        }
      },
      attr);
}

/// The devices of a graph's values, each once.
std::vector<Device> devices_of(const ir::Numbered& g) {
  std::vector<Device> all;
  const auto add = [&](Device d) {
    if (!std::ranges::count(all, d)) all.push_back(d);
  };
  for (const Tensor& t : g.graph().inputs()) add(t.device());
  for (const ir::NodeImpl* node : g.nodes()) add(node->aval.device);
  return all;
}

void write(ByteWriter& out, const Aval& aval, const std::vector<Device>& devices) {
  out.number(std::ranges::find(devices, aval.device) - devices.begin());
  out.number(static_cast<std::int64_t>(aval.dtype));
  out.count(static_cast<std::size_t>(aval.shape.rank()));
  for (const std::int64_t d : aval.shape) out.number(d);
}

/// The structure: neither names nor lines.
void write(ByteWriter& out, const ir::Numbered& g, const std::vector<Device>& devices) {
  const std::vector<Tensor>& inputs = g.graph().inputs();
  out.count(inputs.size());
  for (const Tensor& t : inputs) {
    const std::uint32_t* number = g.find(t.node());  // none: nothing reads it
    out.number(number ? *number : -1);
    write(out, t.aval(), devices);
  }
  out.count(g.size());
  for (std::size_t n = 0; n < g.size(); ++n) {
    const ir::NodeImpl& node = g.node(n);
    out.text(node.op->name);
    write(out, node.aval, devices);
    out.count(node.attrs.items().size());
    for (const auto& [name, attr] : node.attrs.items()) {
      out.text(name);
      write(out, attr);
    }
    out.count(g.inputs(n).size());
    for (const std::uint32_t input : g.inputs(n)) out.number(input);
  }
  out.count(g.outputs().size());
  for (const std::uint32_t output : g.outputs()) out.number(output);
}

void write(ByteWriter& out, const schedule::Target& t) {
  for (const std::int64_t x : {std::int64_t{t.vector_registers}, std::int64_t{t.threads},
                               t.l1_bytes, t.l2_bytes, std::int64_t{t.gpu.has_value()}})
    out.number(x);
  if (!t.gpu) return;
  const auto& [threads, shared_bytes, units, spread_bytes, mma] = *t.gpu;
  for (const std::int64_t x : {std::int64_t{threads}, shared_bytes, std::int64_t{units},
                               static_cast<std::int64_t>(spread_bytes), std::int64_t{mma}})
    out.number(x);
}

/// What plans and code for a device depend on; false where they are not kept.
bool write(ByteWriter& out, Device device) {
  if (!kind_of(device).restore) return false;
  const schedule::Target target = target_of(device);
  const std::string identity = codegen::code_identity(target);
  out.text(device.str());
  out.text(identity);
  write(out, target);
  return !identity.empty();
}

}  // namespace

// A program that is found shows none of the stages it went through.
bool is_watched() {
  return dump::on() || schedule::records_plans() || ir::stages_observed() || env::debug_level() > 1;
}

bool has_code_of_the_user(const ir::Numbered& g) {
  return has_passes_of_the_user() || has_ops_of_the_user(g);
}

std::string program_key(const Graph& g, const ProgramOptions& options) {
  if (!runtime::has_disk_cache() || is_watched() || options.guard_bytes > 0) return {};
  if (g.outputs().empty()) return {};
  const ir::Numbered numbered(g);
  if (has_code_of_the_user(numbered)) return {};
  const std::vector<Device> devices = devices_of(numbered);
  ByteWriter out;
  out.count(devices.size());
  for (const Device device : devices)
    if (!write(out, device)) return {};
  out.number(static_cast<std::int64_t>(options.precision));
  out.number(!options.family.varying.empty());  // code of its own is chosen otherwise
  out.count(env::disabled().size());
  for (const std::string& name : env::disabled()) out.text(name);
  out.text(std::string_view(options.donatable.data(), options.donatable.size()));
  write(out, numbered, devices);
  return out.take();
}

namespace {

// The program of `g` that Program::save has written: its lines are those of g. Null for other
// bytes, and where a device does not take its code any more.
std::shared_ptr<Program> restore_program(std::string_view bytes, const Graph& g) {
  std::vector<Loc> lines(1);
  for (const Node& node : g.nodes()) {
    const Loc loc = node.loc();
    if (loc.site >= lines.size()) lines.resize(loc.site + 1);
    lines[loc.site] = loc;
  }
  lines[0] = Loc();
  ByteReader in(bytes), form(bytes);
  const bool is_split = form.number() == static_cast<int>(Program::Form::Split);
  try {
    auto program =
        is_split ? restore_split_program(in, lines) : restore_compiled_program(in, lines);
    return in.done() ? program : nullptr;
  } catch (const Error&) {
    return nullptr;  // what is wrong beside the code is said when the program is made
  }
}

// What was written; empty: nothing.
std::string store(const std::string& key, const Program& program) {
  ByteWriter out;
  std::string made_by;
  if (!program.save(out, &made_by)) return {};
  std::string bytes = out.take();
  runtime::store_on_disk(kKind, key, bytes, made_by);
  return bytes;
}

// A loop whose sizes never come back shall not fill the disk.
void store_made(const std::string& key, const Program& program, const ProgramOptions& options) {
  constexpr std::int64_t kMostSizes = 4096;
  static std::atomic<std::int64_t> sizes{0};
  const bool is_one_of_many = !options.family.varying.empty();
  if (is_one_of_many && sizes >= kMostSizes) return;
  if (!store(key, program).empty() && is_one_of_many) ++sizes;
}

}  // namespace

std::shared_ptr<Program> find_or_make_program(
    const Graph& g, const ProgramOptions& options,
    const std::function<std::shared_ptr<Program>()>& make) {
  std::string key;
  {
    const PhaseScope phase(Phase::Key);
    key = program_key(g, options);
  }
  if (key.empty()) return make();
  {
    const PhaseScope phase(Phase::Machine);
    if (const auto bytes = runtime::find_on_disk(kKind, key)) {
      if (auto program = restore_program(*bytes, g)) {
        if (env::debug(1, "codegen"))
          fmt::print(stderr, "codegen: a program of {} kernels found on disk in {:.2f} ms\n",
                     program->stats().num_kernels, program->stats().compile_ms);
        return program;
      }
    }
  }
  std::shared_ptr<Program> made = make();
  store_made(key, *made, options);
  return made;
}

// The mark names the program: another process may put one of its own in its place.
void keep_tuned_program(const Graph& g, const ProgramOptions& options, const Program& program) {
  const std::string key = program_key(g, options);
  if (key.empty()) return;
  const std::string bytes = store(key, program);
  if (!bytes.empty()) runtime::store_on_disk(kTuned, key, runtime::content_hash(bytes));
}

bool is_tuned_on_disk(const Graph& g, const ProgramOptions& options) {
  const std::string key = program_key(g, options);
  if (key.empty()) return false;
  const auto mark = runtime::find_on_disk(kTuned, key);
  const auto bytes = mark ? runtime::find_on_disk(kKind, key) : std::nullopt;
  return bytes && *mark == runtime::content_hash(*bytes);
}

}  // namespace lilith
