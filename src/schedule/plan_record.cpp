#include "schedule/plan_record.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/dump.h"
#include "core/env.h"
#include "ir/hash.h"

namespace lilith::schedule {
namespace {

class Record {
 public:
  void options(const PlanOptions& o) {
    const Target& t = o.target;
    line("target: vectors of {} bytes, {} registers, {} threads, caches of {} and {}",
         t.vector_bytes, t.vector_registers, t.threads, t.l1_bytes, t.l2_bytes);
    std::string donated;
    for (const bool d : o.donated) donated += d ? '1' : '0';
    std::vector<std::string> without = env::disabled();
    std::erase(without, "known_groups");  // which must change nothing
    line("options: donated {}, guards of {}, without [{}]", donated, o.guard_bytes,
         fmt::join(without, " "));
  }

  void plan(const Plan& p) {
    for (std::size_t k = 0; k < p.launches.size(); ++k) launch(k, p.launches[k]);
    for (std::size_t k = 0; k < p.buffers.size(); ++k) buffer(k, p.buffers[k]);
    line("inputs {}, outputs {}, arena {}", fmt::join(p.inputs, " "), fmt::join(p.outputs, " "),
         p.arena_bytes);
    if (p.once > 0) line("the first {} launches in the first step", p.once);
  }

  /// Lines for people.
  void shown(std::string_view block) {
    while (!block.empty()) {
      const std::size_t end = std::min(block.find('\n'), block.size());
      fmt::format_to(std::back_inserter(text_), "| {}\n", block.substr(0, end));
      block.remove_prefix(std::min(end + 1, block.size()));
    }
  }

  std::uint64_t content() const { return content_; }
  const std::string& text() const { return text_; }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    const std::string made = fmt::format(format, std::forward<Args>(args)...);
    content_ = mix(content_, hash_text(made));
    text_ += made + "\n";
  }

  void launch(std::size_t k, const LaunchPlan& l) {
    const std::string code = kir::canonical_form(l.kernel);
    shown(l.what);
    line("launch {}: kernel {:016x} of {} bytes, {}", k, hash_text(code), code.size(), l.how);
    line("  buffers {}, as {}, writes {}{}{}", fmt::join(l.buffers, " "), fmt::join(l.params, " "),
         fmt::join(l.written, " "), l.barrier_before ? ", behind a barrier" : "",
         l.single ? ", one thread" : "");
    line("  {} flop, {} bytes", l.flops, l.bytes);
    shown(kir::to_string(l.kernel));
    if (l.loop) loop(*l.loop);
    if (l.call)
      line("call of {} {} with {}", l.call->op->name, l.call->attrs.hash(),
           fmt::join(l.call->buffers, " "));
  }

  void loop(const LoopPlan& l) {
    const auto text = [](const LoopPlan::Place& p) {
      return fmt::format("{}/{}+{}/{}+{}s, first {}", p.in[0], p.in[1], p.offset[0], p.offset[1],
                         p.step, p.first);
    };
    line("loop {} of {} steps, by {}", static_cast<int>(l.kind), l.steps, l.decides);
    for (std::size_t k = 0; k < l.bodies.size(); ++k) {
      plan(l.bodies[k]);
      for (const LoopPlan::Place& p : l.places[k]) line("place {}", text(p));
    }
    for (const LoopPlan::Result& r : l.results) line("copy {} from {}", r.to, text(r.from));
  }

  void buffer(std::size_t k, const BufferPlan& b) {
    constexpr const char* kKinds[] = {"input", "output", "arena"};
    line("buffer {}: {} {}{} {}{} order {}, {} bytes at {}, alive {} to {}, donor {}", k,
         kKinds[static_cast<int>(b.kind)], b.index, b.scratch ? " scratch" : "", name(b.dtype),
         b.shape.str(), fmt::join(b.layout.order, " "), b.bytes, b.offset, b.first, b.last,
         b.donor);
  }

  std::string text_;
  std::uint64_t content_ = 0;
};

}  // namespace

bool records_plans() { return !env::text("LILITH_DUMP_PLANS").empty(); }

void record_plan(const Graph& g, const PlanOptions& options, const Plan& plan) {
  if (!records_plans()) return;
  Record record;
  record.options(options);
  record.plan(plan);
  record.shown(g.str());
  const std::uint64_t program = dump::Asked::hash().value_or(g.hash());
  dump::write_once(env::text("LILITH_DUMP_PLANS"),
                   fmt::format("{:016x}-{:016x}.txt", program, record.content()), record.text());
}

}  // namespace lilith::schedule
