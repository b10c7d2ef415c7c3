#pragma once
#include <fmt/core.h>

#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace lilith {

/// How keys are renamed while loading: pairs {from, to}, or a function of the key.
///
/// A pair replaces `from`, one or more whole components of the key, wherever it stands:
/// {"backbone", "encoder"} makes "encoder.0.weight" of "backbone.0.weight", {"gamma", "weight"}
/// makes "norm.weight" of "norm.gamma"; an empty `to` takes it out. Pairs apply one after the
/// other. A function that gives an empty key leaves its tensor out.
class Rename {
 public:
  using Pair = std::pair<std::string, std::string>;
  using Function = std::function<std::string(const std::string& key)>;
  Rename() = default;
  Rename(std::initializer_list<Pair> pairs) : pairs_(pairs) {}
  Rename(std::vector<Pair> pairs) : pairs_(std::move(pairs)) {}
  template <class F>
    requires std::is_invocable_r_v<std::string, F&, const std::string&>
  Rename(F function) : function_(std::move(function)) {}

  const std::vector<Pair>& pairs() const { return pairs_; }
  const Function& function() const { return function_; }

 private:
  std::vector<Pair> pairs_;
  Function function_;
};

/// What load and load_state_dict do with keys. Prefixes are whole components: "module" and
/// "module." are the same.
struct LoadOptions {
  /// False: keys that only one side has are left alone; the report lists them. Loading nothing at
  /// all is an Error in any case.
  bool strict = true;
  /// Takes only the keys under this prefix, without it: {.prefix = "state_dict"} reads the model of
  /// a checkpoint that holds an optimiser too. Error when there is none.
  std::string prefix = {};
  /// Prefixes that are taken off where a key has them: {.strip = {"module", "_orig_mod"}} reads
  /// what DataParallel and torch.compile saved. Each is taken off a key once, in any order.
  std::vector<std::string> strip = {};
  /// Applied last. Error for a pair that changes no key, and for two keys that become one.
  Rename rename = {};
  /// True: tensors of other shapes stay as the model has them, and the report lists them (a new
  /// head on a trained body). False: an Error, even with strict = false, as in PyTorch.
  bool ignore_misshapen = false;
  /// Where the tensors come from, for the error's text: a file's name.
  std::string source = {};
};

/// What loading did. Ref: torch.nn.Module.load_state_dict, which returns missing and unexpected
/// keys.
struct LoadReport {
  std::vector<std::string> loaded;   // the model's keys that got their values
  std::vector<std::string> missing;  // the model's keys that stayed as they were: random, if new
  std::vector<std::string>
      unexpected;                      // keys of the source that the model lacks, as they are there
  std::vector<std::string> misshapen;  // the model's keys whose shapes differ; as they were
  std::vector<std::string> filled;     // num_batches_tracked that the source lacks (it was written
                                       // before PyTorch 0.4.1), set to 0
  /// The source's name of what was loaded, by the model's key, where they differ: after renaming,
  /// or for a tie whose source has one of the names.
  std::map<std::string, std::string> sources;

  /// Whether source and model agree in all keys and shapes.
  bool complete() const { return missing.empty() && unexpected.empty() && misshapen.empty(); }
  /// "60 loaded; 2 missing: fc.weight, fc.bias; 1 unexpected: head.weight"
  std::string str() const;
};
/// Writes r.str().
std::ostream& operator<<(std::ostream& out, const LoadReport& r);

}  // namespace lilith

template <>
struct fmt::formatter<lilith::LoadReport> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const lilith::LoadReport& r, Context& ctx) const {
    return fmt::formatter<std::string_view>::format(r.str(), ctx);
  }
};
