#include "transforms/load_state.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <ostream>
#include <unordered_map>
#include <unordered_set>

#include "core/quote.h"
#include "ir/host_copy.h"
#include "lilith/ops/create.h"
#include "transforms/ties.h"

namespace lilith {

namespace {

constexpr std::size_t kRows = 10;  // of each kind that a message shows
constexpr std::size_t kNone = SIZE_MAX;

/// A tensor of the model with all its paths: several, where it is shared or tied.
struct Target {
  std::vector<std::string> paths;
  Tensor* value;
  std::vector<Tensor*> tied = {};  // the other fields that hold it

  void assign(const Tensor& to) const {
    value->rebind(to);
    for (Tensor* t : tied) t->rebind(to);
  }
};
using Index = std::unordered_map<std::string, std::size_t>;  // entries by their key

std::vector<Target> targets_of(ModelRef m) {
  SlotVisitor v;
  m.visit(v);
  std::vector<Target> out;
  std::vector<Tensor*> all;
  for (auto& [path, t] : v.slots) all.push_back(t);
  const std::vector<std::size_t> roots = detail::tie_roots(all);
  std::unordered_map<const Tensor*, std::size_t> seen;
  for (std::size_t k = 0; k < all.size(); ++k) {
    Tensor* first = all[detail::root_of(roots, k)];
    const auto [at, fresh] = seen.emplace(first, out.size());
    if (fresh) out.push_back({{}, first});
    out[at->second].paths.push_back(v.slots[k].first);
    if (all[k] != first) out[at->second].tied.push_back(all[k]);
  }
  return out;
}

std::size_t find(const Index& index, const std::string& key) {
  const auto it = index.find(key);
  return it == index.end() ? kNone : it->second;
}
// The first of the target's entries.
std::size_t find(const Index& index, const Target& target) {
  for (const std::string& path : target.paths)
    if (const std::size_t i = find(index, path); i != kNone) return i;
  return kNone;
}

/// A key that the model and the source do not agree about.
struct Difference {
  std::string key, model, given, what;
};

class Loader {
 public:
  Loader(ModelRef m, const std::vector<StateEntry>& entries, const LoadOptions& options)
      : entries_(entries), options_(options), targets_(targets_of(m)) {}

  LoadReport run() {
    names_ = renamed_keys(entries_, options_, failures_);
    LILITH_CHECK(failures_.empty(), "{}: {}.", op(), fmt::join(failures_, "; "));
    make_index();
    for (const Target& t : targets_) match(t);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i].empty() || used_.count(i)) continue;
      report_.unexpected.push_back(entries_[i].name);
      if (options_.strict) add({names_[i], "-", given(i), "unexpected"});
    }
    complain();
    std::vector<Tensor> values;
    for (const Target& t : targets_) values.push_back(value_of(t));
    for (std::size_t i = 0; i < targets_.size(); ++i)
      if (values[i].defined()) targets_[i].assign(values[i]);
    return std::move(report_);
  }

 private:
  std::string op() const {
    return options_.source.empty() ? "load_state_dict" : "load: " + escaped(options_.source, 200);
  }
  std::string given(std::size_t i) const {
    const StateEntry& e = entries_[i];
    return e.refused.empty() ? e.aval.str() : "not readable";
  }
  void add(Difference d) { rows_.push_back(std::move(d)); }

  void make_index() {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i].empty()) continue;
      const auto [at, fresh] = index_.emplace(names_[i], i);
      LILITH_CHECK(fresh, "{}: '{}' and '{}' both become '{}'.", op(),
                   escaped(entries_[at->second].name), escaped(entries_[i].name),
                   escaped(names_[i]));
    }
  }

  // Sorts a target's paths into the report.
  void match(const Target& target) {
    const std::size_t from = find(index_, target);
    for (const std::string& path : target.paths)
      if (const std::size_t i = find(index_, path); i != kNone) used_.insert(i);
    for (const std::string& path : target.paths) {
      const std::size_t own = find(index_, path);
      if (from == kNone) {
        if (fills(path)) {
          report_.filled.push_back(path);
        } else {
          report_.missing.push_back(path);
          if (options_.strict) add({path, target.value->aval().str(), "-", "missing"});
        }
        continue;
      }
      const std::size_t i = own == kNone ? from : own;
      const StateEntry& e = entries_[i];
      LILITH_CHECK(e.refused.empty(), "{}: '{}' {}.", op(), escaped(e.name), e.refused);
      if (!(e.aval.shape == target.value->shape())) {
        report_.misshapen.push_back(path);
        if (!options_.ignore_misshapen)
          add({path, target.value->aval().str(), e.aval.str(), "misshapen"});
        continue;
      }
      report_.loaded.push_back(path);
      if (e.name != path) report_.sources[path] = e.name;
    }
  }

  // Files of before PyTorch 0.4.1 lack this counter beside their running statistics.
  bool fills(const std::string& path) const {
    constexpr std::string_view kCounter = "num_batches_tracked";
    if (!path.ends_with(kCounter)) return false;
    const std::string beside = path.substr(0, path.size() - kCounter.size());
    return (beside.empty() || beside.ends_with('.')) &&
           find(index_, beside + "running_mean") != kNone;
  }

  Tensor value_of(const Target& target) const {
    Tensor out;
    std::size_t from = kNone;
    for (const std::string& path : target.paths) {
      const std::size_t i = find(index_, path);
      if (i == kNone || !(entries_[i].aval.shape == target.value->shape())) continue;
      const Tensor value = entries_[i].read();
      if (out.defined()) check_tie(out, from, value, i);
      if (!out.defined()) out = value, from = i;
    }
    const Aval& wanted = target.value->aval();
    if (!out.defined())
      return find(index_, target) == kNone && fills(target.paths.front())
                 ? zeros(wanted.shape, {.dtype = wanted.dtype, .device = wanted.device})
                 : Tensor();
    if (out.dtype() != wanted.dtype) out = out.to(wanted.dtype);
    if (!(out.device() == wanted.device)) out = out.to(wanted.device);
    return out;
  }
  void check_tie(const Tensor& a, std::size_t ia, const Tensor& b, std::size_t ib) const {
    const bool same = a.node() == b.node() ||
                      (a.dtype() == b.dtype() &&
                       std::memcmp(ir::host_value(a, "load")->data(),
                                   ir::host_value(b, "load")->data(), a.aval().bytes()) == 0);
    LILITH_CHECK(same,
                 "{}: '{}' and '{}' are one tensor in the model, and two different ones here.",
                 op(), escaped(entries_[ia].name), escaped(entries_[ib].name));
  }

  void complain() const {
    const bool nothing = report_.loaded.empty() && !targets_.empty();
    if (rows_.empty() && !nothing) {
      check_strip();
      return;
    }
    if (rows_.size() == 1 && rows_[0].what == "misshapen" && !options_.source.empty())
      fail("load: '{}' is {} in {}, the model wants {}.", rows_[0].key, rows_[0].given,
           escaped(options_.source, 200), rows_[0].model);
    if (rows_.empty() && report_.misshapen.size() > report_.missing.size())
      fail("{}: nothing is loaded: all {} tensors of the model have other shapes here ({}).", op(),
           report_.misshapen.size(), first(report_.misshapen));
    if (rows_.empty())
      fail("{}: nothing is loaded: none of its {} keys ({}) is one of the model's {} ({}).{}", op(),
           entries_.size(), first(report_.unexpected), report_.missing.size(),
           first(report_.missing), hint());
    fail("{}: {} key{} not fit the model:{}{}", op(), rows_.size(),
         rows_.size() == 1 ? " does" : "s do", table(), hint());
  }
  // A prefix that no key has is a slip of the pen, where keys are missing for want of it.
  void check_strip() const {
    if (report_.missing.empty()) return;
    for (const std::string& p : options_.strip)
      LILITH_CHECK(std::any_of(entries_.begin(), entries_.end(),
                               [&](const StateEntry& e) { return e.name.find(p) != e.name.npos; }),
                   "{}: no key has '{}', which .strip takes off.", op(), escaped(p));
  }

  static std::string first(const std::vector<std::string>& keys) {
    if (keys.empty()) return "none";
    std::string out;
    for (std::size_t i = 0; i < std::min<std::size_t>(keys.size(), 3); ++i)
      out += (i == 0 ? "" : ", ") + escaped(keys[i]);
    return keys.size() > 3 ? out + ", …" : out;
  }

  std::string table() const {
    std::map<std::string, std::size_t> count;
    std::vector<Difference> shown;
    for (Difference d : rows_) {
      if (++count[d.what] > kRows) continue;
      d.key = escaped(d.key);
      shown.push_back(std::move(d));
    }
    std::size_t key = 3, model = 5, given = 5;
    for (const auto& r : shown) {
      key = std::max(key, r.key.size());
      model = std::max(model, r.model.size());
      given = std::max(given, r.given.size());
    }
    std::string out = fmt::format("\n  {:{}}  {:{}}  given", "key", key, "model", model);
    for (const auto& r : shown)
      out += fmt::format("\n  {:{}}  {:{}}  {:{}}  {}", r.key, key, r.model, model, r.given, given,
                         r.what);
    std::vector<std::string> more;
    for (const auto& [what, n] : count)
      if (n > kRows) more.push_back(fmt::format("{} more {}", n - kRows, what));
    return more.empty() ? out : out + fmt::format("\n  … {}", fmt::join(more, ", "));
  }

  // How many of the model's tensors `change` of the keys would load.
  template <class Change>
  std::size_t fitting(Change change) const {
    Index index;
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (std::string key = change(names_[i]); !key.empty()) index.emplace(std::move(key), i);
    std::size_t n = 0;
    for (const Target& t : targets_) {
      const std::size_t i = find(index, t);
      if (i != kNone && entries_[i].aval.shape == t.value->shape()) ++n;
    }
    return n;
  }

  // The prefix that most of `keys` have in front of one of `others`; empty for none.
  static std::string common_prefix(const std::vector<std::string>& keys, const Index& others) {
    std::map<std::string, std::size_t> count;
    for (const std::string& key : keys)
      for (std::size_t dot = key.find('.'); dot != key.npos; dot = key.find('.', dot + 1))
        if (others.count(key.substr(dot + 1))) ++count[key.substr(0, dot + 1)];
    const auto most =
        std::max_element(count.begin(), count.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return most == count.end() ? "" : most->first;
  }

  // Says which option would make the keys fit: tried, not guessed.
  std::string hint() const {
    Index paths;
    std::vector<std::string> all;
    for (const Target& t : targets_)
      for (const std::string& path : t.paths) {
        paths.emplace(path, 0);
        all.push_back(path);
      }
    const std::size_t now = fitting([](const std::string& key) { return key; });
    const auto fit = [&](std::size_t n) {
      return n == targets_.size()
                 ? fmt::format("all {} tensors of the model fit", n)
                 : fmt::format("{} of the model's {} tensors fit", n, targets_.size());
    };
    const std::string theirs = common_prefix(names_, paths);
    const std::size_t with = theirs.empty() ? 0 : fitting([&](const std::string& key) {
      return key.starts_with(theirs) ? key.substr(theirs.size()) : "";
    });
    if (with > now && 2 * with >= targets_.size()) {
      const bool more = !options_.prefix.empty() && !options_.prefix.ends_with('.');
      return fmt::format("\n  With {{.prefix = \"{}\"}} {}.",
                         escaped(options_.prefix + (more ? "." : "") + theirs), fit(with));
    }
    const std::string ours = common_prefix(all, index_);
    const std::size_t under =
        ours.empty() ? 0 : fitting([&](const std::string& key) { return ours + key; });
    if (under > now && 2 * under >= names_.size())
      return fmt::format("\n  The keys fit what the model holds under '{}': load that part of it.",
                         escaped(ours.substr(0, ours.size() - 1)));
    return "";
  }

  const std::vector<StateEntry>& entries_;
  const LoadOptions& options_;
  const std::vector<Target> targets_;
  std::vector<std::string> names_, failures_;  // names_: by entry, once renamed
  Index index_;
  std::unordered_set<std::size_t> used_;
  std::vector<Difference> rows_;
  LoadReport report_;
};

}  // namespace

std::string LoadReport::str() const {
  std::string out = fmt::format("{} loaded", loaded.size());
  const auto list = [&](const char* what, const std::vector<std::string>& keys) {
    if (keys.empty()) return;
    out += fmt::format("; {} {}: ", keys.size(), what);
    for (std::size_t i = 0; i < std::min(keys.size(), kRows); ++i)
      out += (i == 0 ? "" : ", ") + escaped(keys[i]);
    if (keys.size() > kRows) out += ", …";
  };
  list("missing", missing);
  list("unexpected", unexpected);
  list("misshapen", misshapen);
  list("set to 0", filled);
  return out;
}
std::ostream& operator<<(std::ostream& out, const LoadReport& r) { return out << r.str(); }

LoadReport load_entries(ModelRef m, const std::vector<StateEntry>& entries,
                        const LoadOptions& options) {
  return Loader(m, entries, options).run();
}

LoadReport load_state_dict(ModelRef m, const StateDict& dict, const LoadOptions& options) {
  LocScope scope(m.loc(), nullptr);
  std::vector<StateEntry> entries;
  for (const auto& [name, value] : dict) {
    LILITH_CHECK(value.defined(), "load_state_dict: '{}' is an undefined tensor.", escaped(name));
    entries.push_back({name, value.aval(), "", [&value = value] { return value; }});
  }
  return load_entries(m, entries, options);
}

}  // namespace lilith
