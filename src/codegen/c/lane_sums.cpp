#include "codegen/c/lane_sums.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "codegen/c/arith.h"
#include "codegen/c/expressions.h"
#include "codegen/c/spelling.h"
#include "kernel_ir/scalar.h"
#include "kernel_ir/walk.h"

namespace lilith::codegen::c {

using kir::LaneSum;

LaneSumPrinter::LaneSumPrinter(const kir::Kernel& kernel, const Dialect& dialect, Lines* out)
    : kernel_(kernel), dialect_(dialect), out_(*out) {
  find(kernel.body);
}

void LaneSumPrinter::find(const kir::Block& block) {
  for (const kir::Stmt& s : block) {
    if (s.kind == kir::Stmt::Kind::For && s.loop.kind == kir::LoopKind::Thread) {
      const kir::ThreadNest nest = kir::thread_nest(s.loop);
      for (const LaneSum& sum : kir::lane_sums(kernel_, nest)) {
        if (meets(sum, nest.lanes()))
          arrays_[memory_type(dtype(sum))] = static_cast<std::int64_t>(size_of(dtype(sum)));
      }
    } else {
      kir::for_each_block(s, [&](const kir::Block& inner) { find(inner); });
    }
  }
}

std::int64_t LaneSumPrinter::declare_arrays() {
  std::int64_t bytes = 0;
  for (const auto& [type, size] : arrays_) {
    out_.add(fmt::format("{}{} lanes_{}[{}];", dialect_.local, type, type, kernel_.threads));
    bytes += size * kernel_.threads;
  }
  return bytes;
}

std::string LaneSumPrinter::array(DType dtype) const { return "lanes_" + memory_type(dtype); }

/// The lanes of an element are whole warps, or several elements share one.
bool LaneSumPrinter::has_warps(const LaneSum& s) const {
  const std::int64_t warp = dialect_.warp;
  if (warp == 1 || kernel_.threads % warp != 0) return false;
  return s.lanes % warp == 0 || (s.lanes < warp && std::has_single_bit<std::uint64_t>(
                                                       static_cast<std::uint64_t>(s.lanes)));
}

/// Shuffles alone do not bring the total to every thread that holds the element.
bool LaneSumPrinter::meets(const LaneSum& s, std::int64_t lanes) const {
  const bool of_block = s.lanes == lanes;  // threads beyond the lanes hold it too
  if (s.lanes == 1) return of_block && kernel_.threads > 1;
  return !has_warps(s) || s.lanes > dialect_.warp || (of_block && lanes < kernel_.threads);
}

std::string LaneSumPrinter::operation(const LaneSum& s, const std::string& a,
                                      const std::string& b) const {
  const Operand args[] = {{a}, {b}};
  return bare(arithmetic(kir::operation_of(s.combine), dtype(s), false, args));
}

void LaneSumPrinter::combine(const LaneSum& s, std::int64_t lanes, const std::string& element,
                             const std::string& partial) {
  const bool warps = has_warps(s), memory = meets(s, lanes);
  std::string total = partial;
  if (warps) shuffle(s, std::min<std::int64_t>(s.lanes, dialect_.warp), partial);
  if (memory) total = warps ? across_warps(s, lanes, partial) : in_memory(s, lanes, partial);
  out_.add(element + " = " + operation(s, element, total) + ";");
  if (memory) out_.add(dialect_.barrier);  // the array is free again
}

void LaneSumPrinter::shuffle(const LaneSum& s, std::int64_t lanes, const std::string& partial) {
  if (lanes == 1) return;
  const bool wide = size_of(dtype(s)) == 8, real = is_floating(dtype(s));
  const std::string of = real ? (wide ? "f64" : "f32") : (wide ? "i64" : "i32");
  out_.add(fmt::format("for (i32 s = 1; s < {}; s *= 2)", lanes));
  out_.add("  " + partial + " = " +
           operation(s, partial, fmt::format("shuffle_{}({}, s)", of, partial)) + ";");
}

/// The array takes all partials, and a total is where its first lane's was.
std::string LaneSumPrinter::in_memory(const LaneSum& s, std::int64_t lanes,
                                      const std::string& partial) {
  const bool of_block = s.lanes == lanes;
  const std::string lane = of_block ? "thread" : fmt::format("thread % {}", s.lanes);
  const std::string inside = of_block ? "" : fmt::format(" && thread < {}", lanes);
  const auto at = [&](const std::string& i) { return array(dtype(s)) + "[" + i + "]"; };
  const std::string own = value_of(dtype(s), at("thread"));
  out_.add(set_element(dtype(s), at("thread"), partial));
  if (s.lanes > 1) {
    out_.open(fmt::format("for (i32 s = 1; s < {}; s *= 2)", s.lanes));
    out_.add(dialect_.barrier);
    out_.add(fmt::format("if ({} % (2 * s) == 0 && {} + s < {}{})", lane, lane, s.lanes, inside));
    out_.add("  " + set_element(dtype(s), at("thread"),
                                operation(s, own, value_of(dtype(s), at("thread + s")))));
    out_.close();
  }
  out_.add(dialect_.barrier);
  return value_of(dtype(s), at(of_block ? "0" : fmt::format("thread / {} * {}", s.lanes, s.lanes)));
}

/// Each warp, or each element where several share one, has its total: the array takes those.
std::string LaneSumPrinter::across_warps(const LaneSum& s, std::int64_t lanes,
                                         const std::string& partial) {
  const std::int64_t unit = std::min<std::int64_t>(s.lanes, dialect_.warp), totals = s.lanes / unit;
  const auto at = [&](const std::string& i) { return array(dtype(s)) + "[" + i + "]"; };
  out_.add(fmt::format("if (thread % {} == 0) ", unit) +
           set_element(dtype(s), at(fmt::format("thread / {}", unit)), partial));
  out_.add(dialect_.barrier);
  if (totals == 1) return value_of(dtype(s), at("0"));
  const auto width = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(totals)));
  const std::string first =
      s.lanes == lanes ? "" : fmt::format("thread / {} * {} + ", s.lanes, totals);
  std::string value = value_of(dtype(s), at(first + fmt::format("thread % {}", width)));
  if (width > totals)
    value = fmt::format("thread % {} < {} ? {} : {}", width, totals, value,
                        literal(kir::neutral(s.combine, dtype(s)), dtype(s)));
  out_.add(partial + " = " + value + ";");
  shuffle(s, width, partial);
  return partial;
}

}  // namespace lilith::codegen::c
