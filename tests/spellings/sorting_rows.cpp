#include "spelling.h"

// Orders, selections, and what is written at indices.
namespace lilith::spellings {
namespace {

const Row kRows[] = {
    SAME(x.sort()),
    SAME(sort(x)),
    SPELL("x.sort(1, True)", x.sort(1, true)),
    SPELL("sort(x, 1, True)", sort(x, 1, true)),
    SPELL("sort(x, descending=True)", sort(x, -1, true)),
    SAME(x.argsort()),
    SAME(argsort(x)),
    SAME(x.topk(2)),
    SAME(topk(x, 2)),
    SAME(x.topk(2).indices),
    SAME(x.topk(2)[1]),
    SAME(x.kthvalue(2)),
    SAME(kthvalue(x, 2)),
    SAME(x.median()),
    SAME(median(x)),
    SAME(x.nanmedian()),
    SAME(x.median(1)),
    SAME(median(x, 1)),
    SAME(x.mode(1)),
    SAME(mode(x)),
    SAME(x.quantile(0.25)),
    SAME(quantile(x, 0.25)),
    SAME(x.msort()),
    SAME(msort(x)),
    SAME(x.cummax(1)),
    SAME(cummax(x, 1)),
    SAME(x.cummin(1)),
    SAME(mask.nonzero()),
    SAME(nonzero(mask)),
    SAME(mask.argwhere()),
    SAME(n.nonzero()),
    SAME(x.masked_select(mask)),
    SAME(masked_select(x, mask)),
    SAME(x.scatter(1, n, y)),
    SAME(scatter(x, 1, n, y)),
    SAME(x.scatter_(1, n, y)),
    SAME(x.scatter(1, n.narrow(1, 0, 1), 2.5)),
    SPELL("x.scatter_reduce(1, n, y, 'amax')", x.scatter_reduce(1, n, y, "amax")),
    SPELL("x.scatter_reduce(1, n, y, 'sum')", x.scatter_reduce(1, n, y, "sum")),
    SPELL("x.scatter_reduce_(1, n, y, 'sum')", x.scatter_reduce_(1, n, y, "sum")),
    SAME(x.index_copy(1, index, y.narrow(1, 0, 2))),
    SAME(x.index_copy_(1, index, y.narrow(1, 0, 2))),
    SAME(x.put(index, v.narrow(0, 0, 2))),
    SAME(x.put_(index, v.narrow(0, 0, 2))),
    SAME(x.masked_scatter(mask, y)),
    SAME(x.masked_scatter_(mask, y)),
    SAME(n.unique()),
    SAME(unique(n)),
    SAME(unique_consecutive(n)),
    SAME(n.view(-1).bincount()),
    SAME(bincount(n.view(-1))),
    SAME(x.histc(4, -1, 1)),
    SAME(histc(x, 4, -1, 1)),
    SAME(searchsorted(sort(v)[0], x)),
    SAME(bucketize(x, arange(3))),
    SAME(isin(n, index)),
    SAME(combinations(v)),
    SAME(cdist(x, m)),
};

}  // namespace

std::vector<Row> sorting_rows() { return {std::begin(kRows), std::end(kRows)}; }

}  // namespace lilith::spellings
