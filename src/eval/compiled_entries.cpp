#include "eval/compiled_entries.h"

#include <algorithm>

#include "eval/explain_page.h"

namespace lilith::detail {

using driver::Entry;

namespace {
constexpr std::size_t kMaxEntries = 64;
}

CallState* CompiledImpl::acquire() {
  std::unique_ptr<CallState> state = free_.take();
  return state ? state.release() : new CallState;
}

void CompiledImpl::release(CallState* state) {
  state->clear();
  free_.give(std::unique_ptr<CallState>(state));
}

bool CompiledImpl::accepts(const Entry& entry, CallState& s, std::span<const ArgRef> args) const {
  return entry.accepts(s.signature) &&
         each_binding(entry, s, args,
                      [](const driver::CallRule& rule, const void* owner, const void* model,
                         const auto& fields) { return rule.accepts(owner, model, fields); });
}

void CompiledImpl::note_use(Entry& entry) {
  if (entry.last_used.load(std::memory_order_relaxed) != clock_.load(std::memory_order_relaxed))
    entry.last_used.store(++clock_, std::memory_order_relaxed);
}

bool CompiledImpl::find(CallState& s, std::span<const ArgRef> args) {
  // Threads that call it again and again write to nothing that they share.
  if (s.version == version_.load(std::memory_order_acquire) && s.entry->key == s.signature.key &&
      accepts(*s.entry, s, args)) {
    note_use(*s.entry);
    return true;
  }
  s.version = 0;
  s.entry = nullptr;
  s.program = nullptr;
  std::shared_lock lock(mutex_);
  const auto at = entries_.find(s.signature.key);
  if (at == entries_.end()) return false;
  for (const auto& entry : at->second) {
    if (!accepts(*entry, s, args)) continue;
    note_use(*entry);
    s.entry = entry;
    s.program = entry->program;
    s.version = version_;
    return true;
  }
  return false;
}

void CompiledImpl::insert(std::shared_ptr<Entry> entry) {
  std::unique_lock lock(mutex_);
  if (count_ >= kMaxEntries) evict();
  entry->last_used = ++clock_;
  entries_[entry->key].push_back(std::move(entry));
  ++count_;
}

void CompiledImpl::replace_program(Entry& entry, std::shared_ptr<Program> program) {
  std::unique_lock lock(mutex_);
  entry.program = std::move(program);
  ++version_;
}

std::shared_ptr<Program> CompiledImpl::program_of(const Entry& entry) const {
  std::shared_lock lock(mutex_);
  return entry.program;
}

std::string CompiledImpl::explain() const {
  const runtime::Busy busy;
  std::shared_lock lock(mutex_);
  std::string out;
  for (const auto& [key, list] : entries_)
    for (const auto& entry : list) out += entry->explain();
  return out.empty() ? "not called yet: nothing is compiled\n" : out;
}

void CompiledImpl::explain_html(const std::string& path) const {
  const runtime::Busy busy;
  const LocScope::Fallback line(loc);  // as in a call
  std::vector<ProgramRecord> records;
  for (const auto& [entry, program] : in_order_of_calls()) {
    if (!program) continue;
    const std::string title = loc.str() + ": " + entry->label;
    for (ProgramRecord& r : record_program(title, entry->graph, *program))
      records.push_back(std::move(r));
  }
  LILITH_CHECK(!records.empty(),
               "explain_html: there is no program: the function was not called yet, or computes "
               "nothing");
  write_page(records, path);
}

CompiledStats CompiledImpl::stats() const {
  const runtime::Busy busy;
  const auto entries = in_order_of_calls();
  if (entries.empty() || !entries.back().second) return {};
  const ProgramStats s = entries.back().second->stats();
  return {s.num_kernels, s.arena_bytes, s.compile_ms};
}

std::vector<CompiledImpl::Called> CompiledImpl::in_order_of_calls() const {
  std::shared_lock lock(mutex_);
  std::vector<std::pair<std::uint64_t, Called>> found;
  for (const auto& [key, list] : entries_)
    for (const auto& entry : list)
      found.emplace_back(entry->last_used, Called{entry, entry->program});
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Called> entries;
  for (auto& [used, called] : found) entries.push_back(std::move(called));
  return entries;
}

void CompiledImpl::evict() {
  auto oldest_key = entries_.end();
  std::size_t oldest = 0;
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    for (std::size_t i = 0; i < at->second.size(); ++i) {
      if (oldest_key != entries_.end() &&
          at->second[i]->last_used >= oldest_key->second[oldest]->last_used)
        continue;
      oldest_key = at;
      oldest = i;
    }
  }
  auto& list = oldest_key->second;
  list.erase(list.begin() + static_cast<std::ptrdiff_t>(oldest));
  if (list.empty()) entries_.erase(oldest_key);
  --count_;
  ++version_;
}

}  // namespace lilith::detail
