#include "schedule/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "schedule/memory_plan.h"

namespace lilith::schedule {

Layout Layout::row_major(int rank) {
  Layout l;
  l.order.resize(static_cast<std::size_t>(rank));
  std::iota(l.order.begin(), l.order.end(), 0);
  return l;
}
std::vector<std::int64_t> Layout::strides(const Shape& shape) const {
  std::vector<std::int64_t> s(order.size(), 0);
  std::int64_t step = 1;
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    s[static_cast<std::size_t>(*it)] = step;
    step *= shape[*it];
  }
  return s;
}

namespace {

template <class P, class L>
void collect(P& plan, std::vector<L*>* out) {
  for (L& l : plan.launches) {
    if (l.call) continue;
    if (!l.loop) {
      out->push_back(&l);
      continue;
    }
    for (auto& body : l.loop->bodies) collect(body, out);
  }
}

std::string indented(const std::string& text) {
  std::string out = "    ";
  for (const char c : text.substr(0, text.size() - 1)) {
    out += c;
    if (c == '\n') out += "    ";
  }
  return out + "\n";
}

}  // namespace

std::vector<LaunchPlan*> kernel_launches(Plan& plan) {
  std::vector<LaunchPlan*> out;
  collect(plan, &out);
  return out;
}
std::vector<const LaunchPlan*> kernel_launches(const Plan& plan) {
  std::vector<const LaunchPlan*> out;
  collect(plan, &out);
  return out;
}

bool has_calls(const Plan& plan) {
  return std::ranges::any_of(plan.launches, [](const LaunchPlan& l) {
    return (l.call && l.call->may_fail()) ||
           (l.loop && std::ranges::any_of(l.loop->bodies, has_calls));
  });
}

std::string Plan::str() const {
  std::string text;
  for (std::size_t i = 0; i < launches.size(); ++i) {
    const LaunchPlan& l = launches[i];
    text += fmt::format("{:3}{} {}\n      {}; {:.3f} MFLOP, {:.1f} KiB{}{}\n", i,
                        l.barrier_before ? "*" : " ", l.what, l.how, l.flops / 1e6, l.bytes / 1024,
                        l.single ? ", one thread" : "", i < once ? ", in the first step" : "");
    if (!l.loop) continue;
    for (const Plan& body : l.loop->bodies) text += indented(body.str());
  }
  std::size_t total = 0;
  for (const BufferPlan& b : buffers) {
    if (b.kind == BufferPlan::Kind::Arena) total += b.bytes;
  }
  text += fmt::format("arena: {:.1f} KiB for {:.1f} KiB of values (* = barrier)\n",
                      static_cast<double>(arena_bytes) / 1024, static_cast<double>(total) / 1024);
  const auto taken = taken_launches(*this);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const BufferPlan& b = buffers[i];
    if (b.kind != BufferPlan::Kind::Arena || b.bytes == 0) continue;
    text += fmt::format("  {:>10} +{:<10} launches {:>3} to {:>3}  {}{}{}\n", b.offset, b.bytes,
                        taken[i].first, taken[i].second, name(b.dtype), b.shape.str(),
                        b.scratch ? " (scratch)" : "");
  }
  return text;
}

}  // namespace lilith::schedule
