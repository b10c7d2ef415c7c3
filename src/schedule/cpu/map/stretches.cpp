#include <fmt/format.h>

#include <set>
#include <unordered_set>

#include "schedule/cpu/map/pointwise.h"
#include "schedule/cpu/tasks.h"

// Pieces put together (a concatenation, a sum of pads): where a loop's variable says which of many
// reads counts, each stretch of it gets a loop of its own, in which that is known.
//
//   parallel first piece { vector … { out[…] = a[…] } }
//   parallel second piece { vector … { out[…] = b[…] } }
namespace lilith::schedule {

using kir::Block;
using kir::Expr;

namespace {

constexpr std::size_t kFewest = 4, kMost = 256;  // stretches
constexpr std::int64_t kShortest = 32;           // elements, of those along the innermost loop

// Where a comparison with a constant changes its answer while `var` grows; nothing for other ones.
void add_break(Expr x, Expr var, std::set<std::int64_t>* breaks) {
  if (x->op != kir::Op::Lt && x->op != kir::Op::Le) return;
  if (x->args[0]->dtype != DType::I64) return;
  const auto form = kir::affine(x->args[0] - x->args[1]);
  if (!form || form->terms.size() != 1 || form->terms[0].first != static_cast<kir::VarId>(var->i))
    return;
  const std::int64_t k = form->terms[0].second, c = form->constant;
  const std::int64_t le = x->op == kir::Op::Le ? 1 : 0;
  if (k == 1) breaks->insert(le - c);       // var < le - c
  if (k == -1) breaks->insert(c + 1 - le);  // var >= c + 1 - le
}

void find_breaks(Expr x, Expr var, std::unordered_set<const kir::ExprNode*>* seen,
                 std::set<std::int64_t>* breaks) {
  if (!x || !seen->insert(x.node()).second) return;
  add_break(x, var, breaks);
  for (const Expr& a : x->args) find_breaks(a, var, seen, breaks);
}

}  // namespace

std::optional<Stretches> find_stretches(const MapKernel& map) {
  std::optional<Stretches> best;
  for (std::size_t d = 0; d < map.dims.size(); ++d) {
    const LoopDim& dim = map.dims[d];
    std::set<std::int64_t> breaks;
    std::unordered_set<const kir::ExprNode*> seen;
    for (const Expr& v : map.values) find_breaks(v, dim.var, &seen, &breaks);
    std::erase_if(breaks, [&](std::int64_t b) { return b <= 0 || b >= dim.extent; });
    if (breaks.size() + 1 < kFewest || breaks.size() + 1 > kMost) continue;
    // Along the innermost loop each has to fill vectors.
    const auto stretches = static_cast<std::int64_t>(breaks.size() + 1);
    if (d + 1 == map.dims.size() && dim.extent < stretches * kShortest) continue;
    if (best && breaks.size() + 2 <= best->bounds.size()) continue;
    best = Stretches{d, {0}};
    best->bounds.insert(best->bounds.end(), breaks.begin(), breaks.end());
    best->bounds.push_back(dim.extent);
  }
  return best;
}

std::string emit_stretches(MapKernel& map, const Stretches& s) {
  for (std::size_t k = 0; k + 1 < s.bounds.size(); ++k) {
    const std::int64_t from = s.bounds[k], n = s.bounds[k + 1] - from;
    std::vector<LoopDim> dims = map.dims;
    std::vector<Expr> by;
    for (LoopDim& d : dims) {  // every nest binds variables of its own
      const bool cut = &d == &dims[s.dim];
      if (cut) d.extent = n;
      const Expr var = d.var;
      d.var = loop_var(map.pool(), d.extent, "p");
      set_var(&by, var, cut ? d.var + map.pool().integer(from) : d.var);
    }
    map.kernel.body.push_back(share_vector_loops(map.pool(), dims, map.stores(by),
                                                 enough_tasks(map.b.target, extent_of(dims))));
  }
  return fmt::format("pointwise, {} stretches of loop {} of {}", s.bounds.size() - 1, s.dim,
                     map.dims.size());
}

}  // namespace lilith::schedule
