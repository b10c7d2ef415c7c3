#!/usr/bin/env python3
"""Writes critical.jsonl: what PyTorch gives where a function or its slope has to choose.

One line a case: the function, the dtype, the operands, the value, the gradient of the value's sum
for each operand and, where PyTorch has it, the gradient of the gradient's sum. critical_test.cpp
holds the functions of the same names. Needs torch (made with 2.15).
"""
import json
import math
import os
import sys

import torch
import torch.nn.functional as F

inf, nan = math.inf, math.nan
REAL = [-inf, -1e30, -1e4, -100., -20., -3., -1., -0.5, -1e-8, -0., 0., 1e-8, 0.5, 1., 3., 20., 100., 1e4,
        1e30, inf, nan]
PAIR = [0., -0., 1., -1., 0.5, -2., 3., inf, -inf]


def pairs(first=PAIR, second=PAIR):
    both = [(a, b) for a in first for b in second]
    return [[a for a, _ in both], [b for _, b in both]]


def rows(*r):
    return [list(r)]


UNARY = {
    name: getattr(torch, name) for name in
    'exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sqrt rsqrt erf '
    'erfc erfinv lgamma digamma sigmoid reciprocal sinc neg abs sign floor frac square nan_to_num logit'.split()
}
UNARY |= {
    name: getattr(F, name) for name in
    'relu leaky_relu elu selu celu gelu silu mish softplus softsign hardtanh relu6 hardswish hardsigmoid hardshrink '
    'softshrink logsigmoid tanhshrink'.split()
}
UNARY |= {
    'gelu_tanh': lambda x: F.gelu(x, approximate='tanh'),
    'threshold': lambda x: F.threshold(x, 0., -1.),
    'softplus_beta': lambda x: F.softplus(x, beta=2., threshold=5.),
    'logit_eps': lambda x: torch.logit(x, eps=1e-3),
    'hypot_big': lambda x: torch.hypot(x, 3 * x),
    'clamp': lambda x: torch.clamp(x, -1., 1.),
    'clamp_min': lambda x: torch.clamp_min(x, 0.5),
    'clamp_max': lambda x: torch.clamp_max(x, 0.5),
    'pow_0': lambda x: x**0.,
    'pow_half': lambda x: x**0.5,
    'pow_1': lambda x: x**1.,
    'pow_1_5': lambda x: x**1.5,
    'pow_2': lambda x: x**2.,
    'pow_3': lambda x: x**3.,
    'pow_4': lambda x: x**4.,
    'pow_m1': lambda x: x**-1.,
    'pow_third': lambda x: x**(1. / 3),
    'rpow_0': lambda x: torch.pow(torch.zeros((), dtype=x.dtype), x),
    'rpow_2': lambda x: torch.pow(2., x),
    'xlogy_self': lambda x: torch.xlogy(x, x),
    'where_log': lambda x: torch.where(x > 0, torch.log(torch.where(x > 0, x, torch.ones_like(x))), 0.),
    'prelu': lambda x: F.prelu(x, torch.full((1, ), 0.25, dtype=x.dtype)),
}
BINARY = {
    name: getattr(torch, name) for name in
    'mul div maximum minimum fmax fmin atan2 hypot copysign logaddexp logaddexp2 xlogy pow remainder fmod'.
    split()
}
BINARY |= {
    'xlog1py': torch.special.xlog1py,
    'mse_loss': lambda a, b: F.mse_loss(a, b, reduction='none'),
    'l1_loss': lambda a, b: F.l1_loss(a, b, reduction='none'),
    'smooth_l1_loss': lambda a, b: F.smooth_l1_loss(a, b, reduction='none'),
    'huber_loss': lambda a, b: F.huber_loss(a, b, reduction='none'),
    'soft_margin_loss': lambda a, b: F.soft_margin_loss(a, b.detach(), reduction='none'),
}
# name: (function of the operands, [operands of one case] of each case)
ROW = [[-inf, -inf, -inf], [0., -inf, 1.], [1e4, -1e4, 0.], [2., 2., 2.], [inf, 0., 1.]]
PLAIN = [[1., 1., 1.], [1., 2., 4.], [0., 0., 0.], [-3., -3., -3.], [0.5, 0., 0.]]
NORMS = {
    'norm_%s' % n: (lambda x, p=p: torch.linalg.vector_norm(x, ord=p, dim=1), [[PLAIN]])
    for n, p in [('0', 0), ('half', 0.5), ('1', 1), ('1_5', 1.5), ('2', 2), ('3', 3), ('4', 4), ('inf', inf),
                 ('minf', -inf), ('m1', -1)]
}
P = [0., 1., 1e-20, 1. - 2**-20, 0.5, 0.25]
SHAPED = NORMS | {
    'norm_all': (lambda x: torch.linalg.norm(x), [[[[0., 0.], [0., 0.]]], [[[3., 4.], [0., 0.]]]]),
    'softmax': (lambda x: torch.softmax(x, 1), [[ROW]]),
    'softmin': (lambda x: F.softmin(x, 1), [[ROW]]),
    'log_softmax': (lambda x: torch.log_softmax(x, 1), [[ROW]]),
    'logsumexp': (lambda x: torch.logsumexp(x, 1), [[ROW], [[[inf, inf], [-inf, inf], [nan, 0.]]]]),
    'logcumsumexp': (lambda x: torch.logcumsumexp(x, 1), [[ROW[:2] + ROW[3:4]]]),
    'prod': (lambda x: torch.prod(x, 1), [[[[0., 2., 3.], [0., 0., 3.], [0., 0., 0.], [2., 3., 4.]]]]),
    'cumprod': (lambda x: torch.cumprod(x, 1), [[[[0., 2., 3.], [2., 0., 3.], [0., 0., 3.], [2., 3., 4.]]]]),
    'amax': (lambda x: torch.amax(x, 1), [[[[1., 1., 0.], [2., 2., 2.], [-inf, -inf, -inf]]]]),
    'amin': (lambda x: torch.amin(x, 1), [[[[1., 1., 0.], [2., 2., 2.], [inf, inf, inf]]]]),
    'max_dim': (lambda x: torch.max(x, 1).values, [[[[1., 1., 0.], [2., 2., 2.]]]]),
    'var': (lambda x: torch.var(x, 1), [[PLAIN], [[[1.], [2.]]]]),
    'std': (lambda x: torch.std(x, 1), [[PLAIN], [[[1.], [2.]]]]),
    'std_0': (lambda x: torch.std(x, 1, correction=0), [[PLAIN], [[[1.], [2.]]]]),
    'std_3': (lambda x: torch.std(x, 1, correction=3), [[PLAIN]]),
    'var_4': (lambda x: torch.var(x, 1, correction=4), [[PLAIN]]),
    'std_all': (lambda x: torch.std(x), [[PLAIN[:1]], [[[2.]]]]),
    'std_mean': (lambda x: sum(torch.std_mean(x, 1)), [[PLAIN]]),
    'advantage': (lambda x: (x - x.mean(1, True)) / (x.std(1, keepdim=True) + 1e-8), [[PLAIN]]),
    'normalize': (lambda x: F.normalize(x, dim=1), [[PLAIN]]),
    'normalize_1': (lambda x: F.normalize(x, p=1., dim=1), [[PLAIN]]),
    'normalize_3': (lambda x: F.normalize(x, p=3., dim=1), [[PLAIN]]),
    'normalize_inf': (lambda x: F.normalize(x, p=inf, dim=1), [[PLAIN]]),
    'cosine_similarity': (lambda a, b: F.cosine_similarity(a, b, dim=1), [[PLAIN, PLAIN[::-1]]]),
    'pairwise_distance': (lambda a, b: F.pairwise_distance(a, b, eps=0.), [[PLAIN, PLAIN]]),
    'pairwise_distance_1': (lambda a, b: F.pairwise_distance(a, b, p=1., eps=0.), [[PLAIN, PLAIN[::-1]]]),
    'dist': (lambda a, b: torch.dist(a, b), [[PLAIN, PLAIN]]),
    'cdist': (lambda a, b: torch.linalg.vector_norm(a[:, None] - b[None], dim=-1), [[PLAIN, PLAIN]]),
    'layer_norm': (lambda x: F.layer_norm(x, [3]) * torch.arange(3, dtype=x.dtype), [[PLAIN]]),
    'rms_norm': (lambda x: x * torch.rsqrt((x * x).mean(1, True) + 1e-6), [[PLAIN]]),
    'group_norm': (lambda x: F.group_norm(x, 1) * torch.arange(3, dtype=x.dtype), [[PLAIN]]),
    'batch_norm': (lambda x: F.batch_norm(x.t(), None, None, training=True).t() * torch.arange(3, dtype=x.dtype),
                   [[PLAIN]]),
    'instance_norm': (lambda x: F.instance_norm(x[None]) * torch.arange(3, dtype=x.dtype), [[PLAIN[:3]]]),
    'bce': (lambda p, t: F.binary_cross_entropy(p, t, reduction='none'), [pairs(P, [0., 1., 0.3])]),
    'bce_of_sigmoid': (lambda z, t: F.binary_cross_entropy(torch.sigmoid(z), t, reduction='none'),
                       [pairs([20., -20., -80., 110., 1e4, 0.], [0., 1., 0.3])]),
    'bce_with_logits': (lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction='none'),
                        [pairs([20., -110., 110., 1e4, -1e4, 0., 1e30, -1e30], [0., 1., 0.3])]),
    'kl_div': (lambda a, b: F.kl_div(a, b, reduction='none'), [pairs([-1., -100., 0., -1e30], [0., 1., 0.5])]),
    'kl_div_log': (lambda a, b: F.kl_div(a, b, reduction='none', log_target=True),
                   [pairs([-1., -100., 0.], [0., -1e4, -1.])]),
    'poisson_nll': (lambda a, b: F.poisson_nll_loss(a, b, reduction='none'), [pairs([0., -1e4, 3.], [0., 1., 2.])]),
    'poisson_nll_plain': (lambda a, b: F.poisson_nll_loss(a, b, log_input=False, full=True, reduction='none'),
                          [pairs([0., 1e-10, 3.], [0., 1., 2.])]),
    'gaussian_nll': (lambda a, v: F.gaussian_nll_loss(a, torch.ones_like(a), v, reduction='none'),
                     [pairs([1., 0., 3.], [0., 1e-30, 1e-6, 1.])]),
    'hinge_embedding': (lambda a: F.hinge_embedding_loss(a, torch.sign(a + 0.5), reduction='none'),
                        [[[-2., -1., 0., 0.5, 2.]]]),
    'margin_ranking': (lambda a, b: F.margin_ranking_loss(a, b, torch.ones_like(a), margin=1., reduction='none'),
                       [pairs([0., 1., 2.], [0.5, 1.5, 3.])]),
    'cosine_embedding': (lambda a, b: F.cosine_embedding_loss(
        a, b, torch.tensor([1., -1., 1., -1., 1.], dtype=a.dtype), reduction='none'), [[PLAIN, PLAIN[::-1]]]),
    'triplet_margin': (lambda a, b: F.triplet_margin_loss(a, b, a.detach() * 2, reduction='none'), [[PLAIN, PLAIN]]),
    'multilabel_soft_margin': (lambda a, b: F.multilabel_soft_margin_loss(a, b, reduction='none'),
                               [[[[1e4, -1e4], [0., 100.]], [[0., 1.], [1., 0.]]]]),
    'cross_entropy': (lambda x: F.cross_entropy(x, torch.tensor([0, 1, 2]), reduction='none'),
                      [[[[1e4, -1e4, 0.], [0., 0., 0.], [-inf, 0., 0.]]]]),
    'cross_entropy_soft': (lambda x, p: F.cross_entropy(x, p, reduction='none'),
                           [[[[1e4, -1e4, 0.], [0., 0., 0.]], [[1., 0., 0.], [0.5, 0.5, 0.]]]]),
    'glu': (lambda x: F.glu(x, 0), [[[1., 0., -1e4, 1e4, 200., -200.]]]),
    'attention': (lambda q: F.scaled_dot_product_attention(
        q, q, q, torch.tensor([[True, False, False], [False, False, False], [True, True, True]])),
                  [[[[1., 2.], [3., 4.], [0., -1.]]]]),
    'attention_added': (lambda q: F.scaled_dot_product_attention(
        q, q, q, torch.tensor([[0., -inf, -inf], [-inf, -inf, -inf], [0., 1., 0.]], dtype=q.dtype)),
                        [[[[1., 2.], [3., 4.], [0., -1.]]]]),
}


# Second slopes that are PyTorch's choice of a side, another formula or rounding.
FIRST_ONLY = {'elu', 'selu', 'celu', 'bce', 'bce_of_sigmoid', 'triplet_margin', 'cosine_similarity'}


def listed(t, digits='%.10g'):
    def one(v):
        if not math.isfinite(v):
            return str(v)
        short = float(digits % v)
        return short if math.isfinite(short) else v
    return [one(v) for v in t.detach().double().reshape(-1).tolist()]


def case(name, f, operands, dtype):
    xs = [torch.tensor(x, dtype=dtype, requires_grad=True) for x in operands]
    row = {'f': name, 'dtype': 'f32' if dtype == torch.float32 else 'f64',
           'shape': [list(x.shape) for x in xs], 'in': [listed(x, '%.17g') for x in xs]}
    y = f(*xs)
    row['value'] = listed(y)
    if name in ('var_4', 'std_3'):
        return row
    if not y.requires_grad:
        return row
    g = torch.autograd.grad(y.sum(), xs, create_graph=True, allow_unused=True)
    row['grad'] = [None if d is None else listed(d) for d in g]
    try:
        whole = sum(d.sum() for d in g if d is not None)
        if name not in FIRST_ONLY and torch.is_tensor(whole) and whole.requires_grad:
            h = torch.autograd.grad(whole, xs, allow_unused=True)
            row['second'] = [None if d is None else listed(d) for d in h]
    except RuntimeError:
        pass  # PyTorch has no second derivative here
    return row


def main(out):
    torch.set_num_threads(1)
    # Away from the poles, where PyTorch's slopes of digamma are noise; from infinities that it makes
    # NaN; and from the bounds of clamp, where its slope is 0 and ours 1, as in PyTorch before 2.15.
    without = {n: [x for x in REAL if x < -0.5 and x > -inf] for n in ('lgamma', 'digamma')}
    without |= {'hardswish': [-inf], 'gelu': [inf], 'clamp': [-1., 1.], 'clamp_min': [0.5], 'clamp_max': [0.5]}
    without['sinc'] = without['hypot_big'] = [-1e-8, 1e-8]
    table = [(n, f, [[[x for x in REAL if x not in without.get(n, [])]]]) for n, f in UNARY.items()]
    positive = [p for p in PAIR if p >= 0 or p == -inf]
    table += [(n, f, [pairs(PAIR, positive if n[:4] == 'xlog' else PAIR)]) for n, f in BINARY.items()]
    table += [(n, f, cases) for n, (f, cases) in SHAPED.items()]
    with open(out, 'w') as file:
        for name, f, cases in table:
            for operands in cases:
                for dtype in (torch.float32, torch.float64):
                    file.write(json.dumps(case(name, f, operands, dtype), separators=(',', ':')) + '\n')


main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                         'critical.jsonl'))
