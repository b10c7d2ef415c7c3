#include "optim/state_keys.h"

#include <fmt/ranges.h>

#include <optional>

#include "core/quote.h"
#include "transforms/load_state.h"

namespace lilith::optim {

namespace {

/// The key of a parameter's state: "state." or "models.1.state.", "fc.weight", ".exp_avg".
struct StateKey {
  std::string_view head, path, rest;
};
std::optional<StateKey> as_state_key(std::string_view key) {
  constexpr std::string_view kModels = "models.", kState = "state.";
  std::size_t at = 0;
  if (key.starts_with(kModels)) {
    const std::size_t dot = key.find('.', kModels.size());
    if (dot == key.npos) return {};
    at = dot + 1;
  }
  if (!key.substr(at).starts_with(kState)) return {};
  at += kState.size();
  const std::size_t dot = key.rfind('.');
  if (dot < at) return {};
  return StateKey{key.substr(0, at), key.substr(at, dot - at), key.substr(dot)};
}

// Where each path and each prefix of a group goes; empty: it is left out.
std::map<std::string, std::string> renamed_paths(const StateDict& dict,
                                                 const std::vector<std::string>& group_prefixes,
                                                 const LoadOptions& options,
                                                 const std::string& op) {
  std::map<std::string, std::string> out;
  for (const auto& [key, t] : dict)
    if (const auto k = as_state_key(key)) out.emplace(k->path, "");
  for (const std::string& prefix : group_prefixes)
    if (!prefix.empty()) out.emplace(prefix, "");
  std::vector<StateEntry> paths;
  for (const auto& [path, to] : out) paths.push_back({path, {}, {}, {}});
  LoadOptions of_paths = options;
  of_paths.prefix.clear();
  std::vector<std::string> failures;
  const std::vector<std::string> names = renamed_keys(paths, of_paths, failures);
  LILITH_CHECK(failures.empty(), "{}: {}.", op, fmt::join(failures, "; "));
  for (std::size_t i = 0; i < paths.size(); ++i) out.at(paths[i].name) = names[i];
  return out;
}

}  // namespace

RenamedState renamed_state(const StateDict& dict, const std::vector<std::string>& group_prefixes,
                           const LoadOptions& options, const std::string& op) {
  RenamedState out{{}, group_prefixes};
  const StateDict chosen = renamed(dict, {.prefix = options.prefix}, op);
  const auto paths = renamed_paths(chosen, group_prefixes, options, op);
  for (const auto& [key, t] : chosen) {
    const auto k = as_state_key(key);
    const std::string& path = k ? paths.at(std::string(k->path)) : key;
    if (path.empty()) continue;
    const std::string name = k ? fmt::format("{}{}{}", k->head, path, k->rest) : key;
    LILITH_CHECK(out.dict.emplace(name, t).second, "{}: two keys both become '{}'.", op,
                 escaped(name));
  }
  for (std::string& prefix : out.group_prefixes)
    if (!prefix.empty() && !paths.at(prefix).empty()) prefix = paths.at(prefix);
  return out;
}

}  // namespace lilith::optim
