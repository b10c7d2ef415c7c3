#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/quote.h"
#include "transforms/load_state.h"

namespace lilith {

namespace {

// "module" as "module.": a prefix is of whole components.
std::string as_prefix(std::string text) {
  if (!text.empty() && !text.ends_with('.')) text += '.';
  return text;
}

// The first components of the names, for a message.
std::string beginnings(const std::vector<StateEntry>& entries) {
  std::set<std::string> first;
  for (const StateEntry& e : entries) {
    first.insert(escaped(e.name.substr(0, e.name.find('.')), 40));
    if (first.size() > 8) break;
  }
  std::vector<std::string> shown(first.begin(), first.end());
  if (shown.size() > 8) shown.back() = "…";
  return fmt::format("{}", fmt::join(shown, ", "));
}

// Whether [at, at + n) of the key is bounded by dots or its ends.
bool whole(const std::string& key, std::size_t at, std::size_t n) {
  return (at == 0 || key[at - 1] == '.') && (at + n == key.size() || key[at + n] == '.');
}

std::string without_outer_dots(std::string text) {
  if (text.starts_with('.')) text.erase(0, 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// Replaces whole components wherever they stand; whether there were any.
bool replace(std::string& key, const std::string& from, const std::string& to) {
  bool any = false;
  for (std::size_t at = 0; !from.empty() && (at = key.find(from, at)) != key.npos;) {
    if (!whole(key, at, from.size())) {
      ++at;
      continue;
    }
    any = true;
    std::size_t n = from.size();
    if (to.empty()) {  // a dot goes with it
      if (at + n < key.size())
        ++n;
      else if (at > 0)
        --at, ++n;
    }
    key.replace(at, n, to);
    at += to.size();
  }
  return any;
}

void take_prefix(std::vector<std::string>& names, const std::vector<StateEntry>& entries,
                 const LoadOptions& options, std::vector<std::string>& failures) {
  const std::string prefix = as_prefix(options.prefix);
  if (prefix.empty()) return;
  bool any = false;
  for (std::string& name : names) {
    const bool under = name.starts_with(prefix) && name.size() > prefix.size();
    any = any || under;
    name = under ? name.substr(prefix.size()) : "";
  }
  if (!any)
    failures.push_back(fmt::format("no key is under the prefix '{}'; they begin with: {}",
                                   escaped(prefix), beginnings(entries)));
}

void strip_prefixes(std::vector<std::string>& names, const LoadOptions& options) {
  std::vector<std::string> prefixes;
  for (const std::string& p : options.strip) prefixes.push_back(as_prefix(p));
  for (std::string& name : names) {
    std::vector<std::string> left = prefixes;
    const auto next = [&] {
      return std::find_if(left.begin(), left.end(), [&](const std::string& p) {
        return !p.empty() && name.starts_with(p) && name.size() > p.size();
      });
    };
    for (auto p = next(); p != left.end(); p = next()) {
      name.erase(0, p->size());
      left.erase(p);
    }
  }
}

void rename(std::vector<std::string>& names, const Rename& how,
            std::vector<std::string>& failures) {
  for (const auto& [from, to] : how.pairs()) {
    const std::string a = without_outer_dots(from), b = without_outer_dots(to);
    bool any = false;
    for (std::string& name : names) any = replace(name, a, b) || any;
    if (!any)
      failures.push_back(fmt::format("no key has '{}', which .rename changes", escaped(from)));
  }
  if (!how.function()) return;
  for (std::string& name : names)
    if (!name.empty()) name = how.function()(name);
}

}  // namespace

std::vector<std::string> renamed_keys(const std::vector<StateEntry>& entries,
                                      const LoadOptions& options,
                                      std::vector<std::string>& failures) {
  std::vector<std::string> names;
  for (const StateEntry& e : entries) names.push_back(e.name);
  take_prefix(names, entries, options, failures);
  strip_prefixes(names, options);
  rename(names, options.rename, failures);
  return names;
}

StateDict renamed(const StateDict& dict, const LoadOptions& options, const std::string& op) {
  std::vector<StateEntry> entries;
  for (const auto& [name, value] : dict) entries.push_back({name, {}, {}, {}});
  std::vector<std::string> failures;
  const std::vector<std::string> names = renamed_keys(entries, options, failures);
  LILITH_CHECK(failures.empty(), "{}: {}.", op, fmt::join(failures, "; "));
  StateDict out;
  auto name = names.begin();
  for (const auto& [old, value] : dict) {
    LILITH_CHECK(name->empty() || out.emplace(*name, value).second,
                 "{}: two keys both become '{}'.", op, escaped(*name));
    ++name;
  }
  return out;
}

}  // namespace lilith
