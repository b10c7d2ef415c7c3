#include "schedule/group.h"

namespace lilith::schedule {

Nodes Map::results() const {
  Nodes all = stores;
  all.insert(all.end(), reduces.begin(), reduces.end());
  return all;
}

namespace {

struct Results {
  Nodes operator()(const Map& m) const { return m.results(); }
  Nodes operator()(const RowChain& c) const {
    Nodes all;
    for (const RowChain::Stage& s : c.stages) {
      for (ir::NodeImpl* n : s.map.results()) all.push_back(n);
    }
    return all;
  }
  Nodes operator()(const Product& p) const { return p.stores; }
  Nodes operator()(const Scatter& s) const { return {s.core}; }
  Nodes operator()(const Loop& l) const { return l.gets; }
  Nodes operator()(const HostCall& c) const { return c.results; }
};

}  // namespace

Nodes results_of(const Group& g) { return std::visit(Results{}, g); }

}  // namespace lilith::schedule
