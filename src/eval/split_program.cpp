#include "eval/split_program.h"

#include <algorithm>
#include <optional>

#include "core/env.h"
#include "eval/compiled_program.h"
#include "eval/saved_split.h"
#include "ir/host_copy.h"
#include "runtime/device_memory.h"

namespace lilith {
namespace {

constexpr std::size_t kNever = ~std::size_t{0};

/// By value: the last part that reads it; kNever: the caller does.
std::vector<std::size_t> find_last_uses(const Split& split) {
  std::vector<std::size_t> last(split.num_values, kNever);
  for (std::size_t p = 0; p < split.parts.size(); ++p) {
    for (const Split::Move& m : split.parts[p].moves) last[m.from] = p;
    for (const std::size_t v : split.parts[p].inputs) last[v] = p;
  }
  for (const std::size_t v : split.outputs) last[v] = kNever;
  return last;
}

/// By value: it is 0-d and comes from the host, and only programs of parts read it where it goes.
std::vector<char> find_scalars(const Split& split) {
  std::vector<char> scalars(split.num_values, 0);
  for (const Split::Part& part : split.parts)
    for (const Split::Move& m : part.moves)
      scalars[m.to] = m.aval.shape.rank() == 0 && m.from_device == cpu();
  for (const Split::Part& part : split.parts)
    for (const Split::Move& m : part.moves) scalars[m.from] = 0;
  for (const std::size_t v : split.outputs) scalars[v] = 0;
  return scalars;
}

/// What a program is made of. Of the split's graphs nothing is needed.
struct Parts {
  Split split;
  std::size_t num_inputs = 0;
  std::vector<std::shared_ptr<Program>> programs;  // by part; null where it only moves values
  std::vector<std::vector<char>> donatable;        // by part and input
  bool fails_later = false;
};

// By input of part p: it may be written to, since nobody reads it afterwards.
std::vector<char> donations(const Parts& all, std::size_t p,
                            const std::vector<std::size_t>& last_use,
                            const std::vector<char>& scalars, const std::vector<char>& donatable) {
  std::vector<char> out;
  for (const std::size_t v : all.split.parts[p].inputs) {
    const bool is_input = v < all.num_inputs;
    const bool may =
        is_input ? v < donatable.size() && donatable[v] && !all.fails_later : !scalars[v];
    out.push_back(may && last_use[v] == p);
  }
  return out;
}

Parts compile_parts(const Graph& g, const ProgramOptions& options) {
  Parts all{split_by_device(g), g.inputs().size(), {}, {}, false};
  const std::vector<std::size_t> last_use = find_last_uses(all.split);
  const std::vector<char> scalars = find_scalars(all.split);
  all.programs.resize(all.split.parts.size());
  // Backwards: what may fail after a part keeps that part from writing to inputs.
  for (std::size_t p = all.split.parts.size(); p-- > 0;) {
    Split::Part& part = all.split.parts[p];
    all.donatable.insert(all.donatable.begin(),
                         donations(all, p, last_use, scalars, options.donatable));
    if (part.outputs.empty()) continue;
    ProgramOptions own;
    own.donatable = all.donatable.front();
    for (const std::size_t v : part.inputs) own.by_value.push_back(scalars[v]);
    own.guard_bytes = options.guard_bytes;
    own.precision = options.precision;
    own.family = part_of(options.family, p + 2);
    all.programs[p] = make_compiled_program(part.graph, own);
    all.fails_later = all.fails_later || all.programs[p]->may_fail();
    part.graph = {};
  }
  return all;
}

class SplitProgram final : public Program {
 public:
  explicit SplitProgram(Parts parts)
      : split_(std::move(parts.split)),
        num_inputs_(parts.num_inputs),
        by_value_(find_scalars(split_)),
        last_use_(find_last_uses(split_)),
        programs_(std::move(parts.programs)),
        donatable_(std::move(parts.donatable)),
        fails_later_(parts.fails_later) {}

  void run(std::span<const StoragePtr> inputs, std::span<const char> donated,
           std::span<StoragePtr> outputs) override {
    if (env::check_nan()) donated = {};
    std::vector<StoragePtr> values(split_.num_values);
    std::ranges::copy(inputs, values.begin());
    std::vector<StoragePtr> given = take_given(outputs);
    for (const Split::Constant& c : split_.constants)
      values[c.value] = runtime::copied_to(*ir::realise(c.leaf, "eval"), c.leaf.device());
    for (std::size_t p = 0; p < split_.parts.size(); ++p) {
      move(p, &values, given);
      if (programs_[p]) run_part(p, donated, &values, &given);
    }
    hand_out(inputs.size(), values, outputs);
  }

  ProgramStats stats() const override {
    ProgramStats all;
    for (std::size_t p = 0; p < programs_.size(); ++p) {
      if (!programs_[p]) continue;
      const ProgramStats s = programs_[p]->stats();
      all.num_kernels += s.num_kernels;
      all.num_nodes += s.num_nodes;
      all.arena_bytes += s.arena_bytes;
      all.compile_ms += s.compile_ms;
      all.kernel_ms.insert(all.kernel_ms.end(), s.kernel_ms.begin(), s.kernel_ms.end());
      all.text += fmt::format("on {}, after {} copies from other devices:\n{}",
                              split_.parts[p].device.str(), split_.parts[p].moves.size(), s.text);
    }
    return all;
  }

  bool may_fail() const override { return fails_later_; }
  std::vector<ProgramPart> parts() const override {
    std::vector<ProgramPart> all;
    for (std::size_t p = 0; p < programs_.size(); ++p)
      all.push_back({programs_[p].get(), donatable_[p]});
    return all;
  }

  bool save(ByteWriter& out, std::string* made_by) const override {
    out.number(static_cast<int>(Form::Split));
    if (!write(out, split_)) return false;
    out.count(num_inputs_);
    out.number(fails_later_);
    for (std::size_t p = 0; p < programs_.size(); ++p) {
      out.text(std::string_view(donatable_[p].data(), donatable_[p].size()));
      out.number(programs_[p] != nullptr);
      if (programs_[p] && !programs_[p]->save(out, made_by)) return false;
    }
    return true;
  }

 private:
  // The caller's memory, by value: of the first output that a value is.
  std::vector<StoragePtr> take_given(std::span<StoragePtr> outputs) const {
    std::vector<StoragePtr> given(split_.num_values);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      StoragePtr& memory = given[split_.outputs[i]];
      if (split_.outputs[i] >= num_inputs_ && !memory) memory = std::move(outputs[i]);
    }
    return given;
  }

  void move(std::size_t p, std::vector<StoragePtr>* values,
            const std::vector<StoragePtr>& given) const {
    const std::vector<Split::Move>& moves = split_.parts[p].moves;
    for (const Split::Move& m : moves) {
      if (by_value_[m.to]) {
        (*values)[m.to] = (*values)[m.from];
        continue;
      }
      const StoragePtr& from = (*values)[m.from];
      StoragePtr& to = (*values)[m.to];
      to = given[m.to] ? given[m.to] : Storage::allocate(m.aval.bytes(), m.aval.device);
      if (from->is_on_host())
        ir::upload(*to, m.aval, from);
      else
        runtime::copy(*from, *to, m.aval.bytes());
    }
    for (const Split::Move& m : moves)
      if (m.from >= num_inputs_ && last_use_[m.from] == p && !reads(p, m.from))
        (*values)[m.from].reset();
  }

  bool reads(std::size_t p, std::size_t value) const {
    return std::ranges::count(split_.parts[p].inputs, value) > 0;
  }

  void run_part(std::size_t p, std::span<const char> donated, std::vector<StoragePtr>* values,
                std::vector<StoragePtr>* given) {
    const Split::Part& part = split_.parts[p];
    std::vector<StoragePtr> in, out;
    std::vector<char> may = donatable_[p];
    for (std::size_t k = 0; k < part.inputs.size(); ++k) {
      const std::size_t v = part.inputs[k];
      in.push_back((*values)[v]);
      if (v < num_inputs_) may[k] = may[k] && v < donated.size() && donated[v];
      if (last_use_[v] == p) (*values)[v].reset();
    }
    for (const std::size_t v : part.outputs) out.push_back(std::move((*given)[v]));
    programs_[p]->run(in, may, out);
    for (std::size_t k = 0; k < out.size(); ++k) (*values)[part.outputs[k]] = std::move(out[k]);
  }

  // No two outputs share memory, and none an input's.
  void hand_out(std::size_t num_inputs, std::vector<StoragePtr>& values,
                std::span<StoragePtr> outputs) const {
    std::vector<const Storage*> first(split_.num_values);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const std::size_t v = split_.outputs[i];
      if (v >= num_inputs && !first[v]) {
        outputs[i] = values[v];
        first[v] = outputs[i].get();
        continue;
      }
      const Storage& from = *values[v];
      if (!outputs[i]) outputs[i] = Storage::allocate(from.bytes(), from.device());
      runtime::copy(from, *outputs[i], std::min(from.bytes(), outputs[i]->bytes()));
    }
  }

  const Split split_;
  const std::size_t num_inputs_;
  const std::vector<char> by_value_;  // programs get it in memory of the host
  const std::vector<std::size_t> last_use_;
  const std::vector<std::shared_ptr<Program>> programs_;
  const std::vector<std::vector<char>> donatable_;
  const bool fails_later_;
};

}  // namespace

std::shared_ptr<Program> make_split_program(const Graph& g, const ProgramOptions& options) {
  return std::make_shared<SplitProgram>(compile_parts(g, options));
}

std::shared_ptr<Program> restore_split_program(ByteReader& in, const std::vector<Loc>& lines) {
  if (in.number() != static_cast<int>(Program::Form::Split)) return nullptr;
  std::optional<Split> split = read_split(in);
  if (!split) return nullptr;
  Parts all{std::move(*split), in.count(), {}, {}, false};
  all.fails_later = in.number() != 0;
  for (std::size_t p = 0; p < all.split.parts.size(); ++p) {
    const std::string_view donatable = in.text();
    all.donatable.emplace_back(donatable.begin(), donatable.end());
    const bool computes = in.number() != 0;
    all.programs.push_back(computes ? restore_compiled_program(in, lines) : nullptr);
    if (!in.ok() || (computes && !all.programs.back())) return nullptr;
  }
  return std::make_shared<SplitProgram>(std::move(all));
}

}  // namespace lilith
