#include "schedule/cpu/contraction/contraction.h"

#include <fmt/format.h>

#include <algorithm>

#include "schedule/cpu/backend.h"
#include "schedule/cpu/contraction/builder.h"

// Matmul and all convolution passes as one nest:
//
//   parallel tiles of the result {
//     decl acc[rows][vector_tile]
//     for summed… { unroll r { vector c { acc[r][c] += a[r,k] * b[k,c] } } }
//     unroll r { vector c { epilogue of acc[r][c]; store… } }
//   }
namespace lilith::schedule {

using ir::NodeImpl;
using kir::Block;
using kir::Expr;
using kir::LoopKind;

namespace {
constexpr std::size_t index(int i) { return static_cast<std::size_t>(i); }
}  // namespace

ContractionBuilder::ContractionBuilder(Builder& b, const Product& g)
    : b_(b), g_(g), lower_(b.lowerer(kernel_)), dtype_(compute_dtype(g.core->aval.dtype)) {
  kernel_.name = g.core->op->name;
}

bool ContractionBuilder::build() {
  spec_ = make_spec(b_, g_.core);
  if (g_.pool != nullptr && !mark_windows()) return false;
  mark_strided();
  choice_ = choose_schedule(spec_, b_.target, dtype_, g_.domain);
  if (g_.pool != nullptr && choice_.vector_axis < 0) return false;
  for (const Axis& x : spec_.axes) macs_ *= static_cast<double>(x.extent);
  if (choice_.swap) swap_operands();
  allocate();
  if (choice_.sum_axis >= 0) {
    emit_dots();
  } else if (choice_.vector_axis < 0) {
    emit_generic();
  } else {
    if (choice_.pack_b) pack_b();
    if (choice_.split_axes.empty())
      emit_tiles();
    else
      emit_split();
  }
  b_.launch(std::move(kernel_), lower_, g_.stores, how(), 2 * macs_, g_.core);
  return true;
}

// What no window reaches is not computed.
bool ContractionBuilder::mark_windows() {
  const auto& window = g_.pool->attrs.ints("window");
  for (int d = 0; d < g_.domain.rank(); ++d) {
    if (window[index(d)] == 1) continue;
    Axis* axis = nullptr;
    for (Axis& x : spec_.axes) {
      if (x.out_dim != d) continue;
      if (axis != nullptr || x.out_step != 1) return false;
      axis = &x;
    }
    if (axis == nullptr) return false;
    axis->unit = window[index(d)];
    axis->extent = g_.domain[d] * axis->unit;
  }
  return true;
}

void ContractionBuilder::swap_operands() {
  for (Axis& x : spec_.axes) std::swap(x.a, x.b);
  std::swap(spec_.a_buffer, spec_.b_buffer);
  std::swap(spec_.a_offset, spec_.b_offset);
}

// The lanes' dimension is innermost in memory.
void ContractionBuilder::allocate() {
  layout_ = Layout::row_major(g_.domain.rank());
  if (choice_.vector_axis >= 0) {
    const int d = axis(choice_.vector_axis).out_dim;
    std::erase(layout_.order, d);
    layout_.order.push_back(d);
  }
  for (NodeImpl* n : g_.stores) b_.add_value(n, layout_);
}

std::vector<int> ContractionBuilder::summed_axes() const {
  std::vector<int> r;
  for (int i = 0; i < axes(); ++i) {
    if (axis(i).summed()) r.push_back(i);
  }
  return r;
}

Expr ContractionBuilder::place_a(kir::Pool& p, const std::vector<Expr>& at) const {
  Expr sum = p.integer(spec_.a_offset);
  for (int i = 0; i < axes(); ++i) {
    if (axis(i).a != 0) sum = sum + at[index(i)] * p.integer(axis(i).a);
  }
  return sum;
}

Expr ContractionBuilder::place_b(kir::Pool& p, const std::vector<Expr>& at) const {
  Expr sum = p.integer(spec_.b_offset);
  for (int i = 0; i < axes(); ++i) {
    if (axis(i).b != 0) sum = sum + at[index(i)] * p.integer(axis(i).b);
  }
  return sum;
}

Expr ContractionBuilder::load_operand(int buffer, Expr address) {
  return lower_.load(buffer, address, dtype_);
}

Expr ContractionBuilder::load_b(const std::vector<Expr>& at, Expr tile, Expr column) {
  if (!choice_.pack_b) return load_operand(spec_.b_buffer, place_b(pool(), at));
  return load_operand(packed_, packed_place(pool(), at, tile, column));
}

Index ContractionBuilder::out_index(const std::vector<Expr>& at) {
  return result_index(pool(), spec_.axes, g_.domain.rank(), at);
}

// What no tile fits: correct, not tuned. A plain dot product sums in the lanes.
void ContractionBuilder::emit_generic() {
  std::vector<Expr> at;
  std::vector<LoopDim> outer;
  for (int i = 0; i < axes(); ++i) {
    at.push_back(pool().var(axis(i).extent, axis(i).name));
    if (!axis(i).summed()) outer.push_back({at.back(), axis(i).extent});
  }
  const kir::RegId acc = kernel_.add_reg("acc", dtype_);
  const Expr product_ab = load_operand(spec_.a_buffer, place_a(pool(), at)) * load_b(at, {}, {});
  Block sum;
  sum.push_back(kir::Accumulate{acc, {}, kir::Combine::Add, product_ab, {}, {}});
  const std::vector<int> summed = summed_axes();
  for (auto it = summed.rbegin(); it != summed.rend(); ++it) {
    const bool lanes = outer.empty() && it == summed.rbegin();
    sum = in_loop(at[index(*it)], lanes ? LoopKind::Vector : LoopKind::Serial, std::move(sum));
  }
  Block body;
  body.push_back(kir::DeclReg{acc, pool().constant(dtype_, 0)});
  append(&body, std::move(sum));
  append(&body, epilogue(out_index(at), pool().read(acc, dtype_)));
  kernel_.body.push_back(share_vector_loops(pool(), outer, std::move(body), tasks()));
}

std::string ContractionBuilder::how() const {
  if (choice_.sum_axis >= 0)
    return fmt::format("lanes along the sum over {}, {} side by side", axis(choice_.sum_axis).name,
                       choice_.group);
  if (choice_.vector_axis < 0) return "generic loops";
  std::string rows;
  for (std::size_t k = 0; k < choice_.row_axes.size(); ++k) {
    rows +=
        fmt::format("{}{}:{}", k ? "," : "", axis(choice_.row_axes[k]).name, choice_.row_tiles[k]);
  }
  std::string split;
  for (const int i : choice_.split_axes) split += " " + axis(i).name;
  std::string text = fmt::format("tile rows {} x lanes {}:{}", rows.empty() ? "1" : rows,
                                 axis(choice_.vector_axis).name, choice_.vector_tile);
  if (g_.pool) text += ", pooled";
  if (choice_.swap) text += ", operands swapped";
  if (choice_.pack_b) text += ", b in panels";
  if (!split.empty()) text += fmt::format(", sum split over{} in {} chunks", split, choice_.chunks);
  if (fetches_ahead_) text += ", epilogue fetched ahead";
  return text;
}

void build_contraction(Builder& b, const Product& g) {
  if (ContractionBuilder(b, g).build()) return;
  ContractionBuilder(b, {g.core, g.core->aval.shape, {g.core}}).build();
  build_map(b, {g.domain, g.stores, {}});
}

}  // namespace lilith::schedule
