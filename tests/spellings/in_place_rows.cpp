#include "spelling.h"

// In-place methods: of a variable, and of what is new.
namespace lilith::spellings {
namespace {

const Row kRows[] = {
    SAME(x.add_(1)),
    SAME(x.add_(y)),
    SPELL("x.add_(y, alpha=2)", x.add_(y, 2)),
    SAME(x.sub_(y)),
    SAME(x.mul_(2)),
    SAME(x.div_(y)),
    SAME(x.pow_(2)),
    SAME(x.abs_()),
    SAME(x.neg_()),
    SAME(x.exp_()),
    SAME(y.log_()),
    SAME(y.sqrt_()),
    SAME(x.relu_()),
    SAME(x.sigmoid_()),
    SAME(x.tanh_()),
    SAME(x.floor_()),
    SAME(x.round_()),
    SAME(x.square_()),
    SAME(x.clamp_(0, 1)),
    SPELL("x.clamp_(max=1)", x.clamp_({}, 1)),
    SAME(x.clamp_min_(0)),
    SAME(x.masked_fill_(mask, 0)),
    SAME(x.zero_()),
    SAME(x.fill_(3)),
    SAME(x.copy_(v)),
    SAME(x.lerp_(y, 0.5)),
    SAME(x.addcmul_(y, p)),
    SPELL("x.addcdiv_(y, p, value=-1)", x.addcdiv_(y, p, -1)),
    SAME(x.index_add_(1, index, y.narrow(1, 0, 2))),
    SAME(x.index_fill_(1, index, 0)),
    SAME(x.scatter_add_(1, n, y)),
    SAME(m.tril_()),
    SAME(m.triu_()),
    SAME(x.cumsum_(1)),
    SAME(x.unsqueeze_(0)),
    SAME(img.squeeze_()),
    SAME(x.t_()),
    SAME(x.transpose_(0, 1)),
    SAME(n.add_(1)),
    SAME(n.mul_(2)),
    SAME(mask.logical_not_()),
    SAME(x.add_(1).mul_(2)),
    SPELL("x.normal_().shape", x.normal_().shape()),
    SPELL("x.uniform_(0, 1).shape", x.uniform_(0, 1).shape()),
    SPELL("x.bernoulli_(0.5).shape", x.bernoulli_(0.5).shape()),
    SAME(x.detach_()),
    SAME(zeros(2, 3).scatter_(1, n, 1)),
    SAME(zeros_like(x).add_(y)),
    SAME((x * 2).relu_()),
    SAME(ones(3).fill_(2)),
    SAME(arange(6).view(2, 3).mul_(2)),
    SAME(zeros(3, 3).fill_diagonal_(1)),
    SPELL("torch.empty(2, 3).uniform_(0, 1).shape", empty(2, 3).uniform_(0, 1).shape()),
    SPELL("torch.empty(2, 3).normal_().shape", empty(2, 3).normal_().shape()),
    SPELL("x.__iadd__(1)", x += 1),
    SPELL("x.__imul__(y)", x *= y),
};

}  // namespace

std::vector<Row> in_place_rows() { return {std::begin(kRows), std::end(kRows)}; }

}  // namespace lilith::spellings
