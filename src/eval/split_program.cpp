#include "eval/split_program.h"

#include <algorithm>

#include "core/env.h"
#include "eval/compiled_program.h"
#include "eval/split.h"
#include "ir/host_copy.h"
#include "runtime/device_memory.h"

namespace lilith {
namespace {

class SplitProgram final : public Program {
 public:
  SplitProgram(const Graph& g, const ProgramOptions& options)
      : split_(split_by_device(g)), num_inputs_(g.inputs().size()) {
    find_last_uses();
    programs_.resize(split_.parts.size());
    // Backwards: what may fail after a part keeps that part from writing to inputs.
    for (std::size_t p = split_.parts.size(); p-- > 0;) {
      const Split::Part& part = split_.parts[p];
      donatable_.insert(donatable_.begin(), donations(p, options.donatable));
      if (part.outputs.empty()) continue;
      ProgramOptions own;
      own.donatable = donatable_.front();
      own.guard_bytes = options.guard_bytes;
      own.precision = options.precision;
      programs_[p] = make_compiled_program(part.graph, own);
      fails_later_ = fails_later_ || programs_[p]->may_fail();
    }
  }

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

 private:
  static constexpr std::size_t kNever = ~std::size_t{0};

  void find_last_uses() {
    last_use_.assign(split_.num_values, kNever);
    for (std::size_t p = 0; p < split_.parts.size(); ++p) {
      for (const Split::Move& m : split_.parts[p].moves) last_use_[m.from] = p;
      for (const std::size_t v : split_.parts[p].inputs) last_use_[v] = p;
    }
    for (const std::size_t v : split_.outputs) last_use_[v] = kNever;
  }

  // By input of part p: it may be written to, since nobody reads it afterwards.
  std::vector<char> donations(std::size_t p, const std::vector<char>& donatable) const {
    std::vector<char> out;
    for (const std::size_t v : split_.parts[p].inputs) {
      const bool is_input = v < num_inputs_;
      const bool may = is_input ? v < donatable.size() && donatable[v] && !fails_later_ : true;
      out.push_back(may && last_use_[v] == p);
    }
    return out;
  }

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
      const Storage& from = *(*values)[m.from];
      StoragePtr& to = (*values)[m.to];
      to = given[m.to] ? given[m.to] : Storage::allocate(from.bytes(), m.device);
      runtime::copy(from, *to, std::min(from.bytes(), to->bytes()));
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
  std::vector<std::size_t> last_use_;  // by value: the last part that reads it; kNever: the caller
  std::vector<std::shared_ptr<Program>> programs_;  // by part; null where it only moves values
  std::vector<std::vector<char>> donatable_;        // by part and input
  bool fails_later_ = false;
};

}  // namespace

std::shared_ptr<Program> make_split_program(const Graph& g, const ProgramOptions& options) {
  return std::make_shared<SplitProgram>(g, options);
}

}  // namespace lilith
