#include "schedule/fusion/fusion.h"

#include "core/env.h"
#include "schedule/fusion/chains.h"
#include "schedule/fusion/epilogues.h"
#include "schedule/fusion/linked_group.h"
#include "schedule/fusion/maps.h"
#include "schedule/fusion/order.h"
#include "schedule/fusion/reads.h"
#include "schedule/fusion/sparse_products.h"
#include "schedule/fusion/state.h"
#include "schedule/fusion/stores.h"

// From nodes to kernels, in phases. Each goes on from what those before it wrote to the state, or
// hands on by itself:
//
//   phase           takes                decides
//   SparseProducts  the graph            which products walk a list of an operand's elements
//   Stores          the sparse products  what is stored; all else is computed where it is read, at
//                                        a cost that is handed on
//   Epilogues       what is stored       the groups of products, and what of each is not stored
//                                        after all: it is computed from the accumulators
//   Maps            what is stored now,  the groups of what has none: stores and reductions over
//                   what each part reads one domain share one
//   Order           the groups           the order in which they run
//   Chains          groups in an order   which maps become one group because they depend on each
//                                        other row by row; what is left is ordered again
namespace lilith::schedule {

Fusion fuse(const Dataflow& a, const Graph& g, const FusionRules& rules,
            const std::vector<bool>& donated) {
  // If not, every product stores its value as it is, and every map has a kernel of its own.
  const bool wide = !env::disabled("fuse");
  FusionState state(a);
  const SparseProducts sparse(a, rules);
  Stores(rules, sparse, state).run();
  Epilogues(rules, sparse, wide, state).run();

  Reads reads(state);
  Maps(rules, wide, state, reads).run();

  const Order order(a, g, donated);
  LinkedGroups groups = order.sorted(linked(state.take_groups(), a, reads));
  if (wide && !env::disabled("rows"))
    groups = order.sorted(Chains(rules, state, reads, std::move(groups)).run());

  Fusion fusion;
  fusion.groups.reserve(groups.size());
  for (LinkedGroup& group : groups) fusion.groups.push_back(std::move(group.group));
  return fusion;
}

}  // namespace lilith::schedule
