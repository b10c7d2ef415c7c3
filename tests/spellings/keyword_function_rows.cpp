#include "spelling.h"

// Arguments by name of functions and methods that have several, and tensors as numbers of the host.
namespace lilith::spellings {
namespace {

const Row kRows[] = {
    SPELL("torch.triu(torch.ones(3, 3), diagonal=1).bool()",
          triu(ones(3, 3), {.diagonal = 1}).to(kBool)),
    SPELL("m.tril(diagonal=-1)", m.tril({.diagonal = -1})),
    SPELL("torch.quantile(x, torch.tensor([0.25, 0.75]), dim=1)",
          quantile(x, tensor({0.25, 0.75}), {.dim = 1})),
    SPELL("x.quantile(0.5, dim=1, keepdim=True)", x.quantile(0.5, {.dim = 1, .keepdim = true})),
    SPELL("x.nanquantile(0.5, dim=1)", x.nanquantile(0.5, {.dim = 1})),
    SPELL("torch.diff(x, n=1, dim=0)", diff(x, {.n = 1, .dim = 0})),
    SPELL("torch.diff(x, dim=1, prepend=x[:, :1])",
          diff(x, {.dim = 1, .prepend = x.slice(1, 0, 1)})),
    SPELL("torch.cumsum(n, 1, dtype=torch.float32)", cumsum(n, 1, {.dtype = kFloat})),
    SPELL("x.cumprod(1, dtype=torch.float64)", x.cumprod(1, {.dtype = kFloat64})),
    SPELL("torch.quantile(x, 0.4, dim=1, interpolation='lower')",
          quantile(x, 0.4, {.dim = 1, .interpolation = "lower"})),
    SPELL("x.shape[-1]", x.shape()[-1]),
    SPELL("torch.nan_to_num(x / 0, nan=0., posinf=1., neginf=-1.)",
          nan_to_num(x / 0, {.nan = 0., .posinf = 1., .neginf = -1.})),
    SPELL("torch.addcdiv(x, x, y, value=0.5)", addcdiv(x, x, y, {.value = 0.5})),
    SPELL("torch.addcmul(x, x, y, value=0.5)", addcmul(x, x, y, {.value = 0.5})),
    SPELL("torch.baddbmm(seq, seq, m.expand(4, 3, 3), beta=0.5)",
          baddbmm(seq, seq, m.expand(4, 3, 3), {.beta = 0.5})),
    SPELL("x.addmm(x, m, beta=0.5, alpha=2)", x.addmm(x, m, {.beta = 0.5, .alpha = 2})),
    SPELL("torch.addr(m, v, v, alpha=2)", addr(m, v, v, {.alpha = 2})),
    SPELL("torch.addmv(v, m, v, beta=0)", addmv(v, m, v, {.beta = 0})),
    SPELL("m.addbmm(m.expand(2, 3, 3), m.expand(2, 3, 3), beta=0.5)",
          addbmm(m, m.expand(2, 3, 3), m.expand(2, 3, 3), {.beta = 0.5})),
    SPELL("torch.repeat_interleave(x, torch.tensor([1, 2]), dim=0)",
          repeat_interleave(x, tensor({1, 2}), {.dim = 0})),
    SPELL("x.repeat_interleave(2, dim=0)", x.repeat_interleave(2, {.dim = 0})),
    SPELL("torch.trapezoid(y, dx=0.5)", trapezoid(y, {.dx = 0.5})),
    SPELL("torch.cumulative_trapezoid(y, dim=0)", cumulative_trapezoid(y, {.dim = 0})),
    SPELL("torch.round(x, decimals=1)", round(x, {.decimals = 1})),
    SPELL("x.to(dtype=torch.float64)", x.to({.dtype = kFloat64})),
    SPELL("x.to(device='cpu', dtype=torch.float64)", x.to({.device = "cpu", .dtype = kFloat64})),
    SPELL("x.nonzero(as_tuple=True)", x.nonzero({.as_tuple = true})),
    SPELL("torch.linalg.norm(x, dim=1)", linalg::norm(x, {.dim = 1})),
    SPELL("torch.linalg.norm(x, ord=1, dim=1)", linalg::norm(x, {.ord = 1, .dim = 1})),
    SPELL("torch.linalg.norm(x, 'fro', dim=(0, 1))", linalg::norm(x, "fro", {.dim = {0, 1}})),
    SPELL("torch.linalg.norm(x, 2, dim=0)", linalg::norm(x, 2, {.dim = 0})),
    SPELL("torch.linalg.vector_norm(x, 2, dim=1, keepdim=True)",
          linalg::vector_norm(x, 2, {.dim = 1, .keepdim = true})),
    SPELL("torch.linalg.vector_norm(x, dim=0)", linalg::vector_norm(x, {.dim = 0})),
    SPELL("torch.linalg.solve_triangular(m.triu() + 3 * torch.eye(3), m, upper=True)",
          linalg::solve_triangular(m.triu() + 3 * eye(3), m, {.upper = true})),
    SPELL("torch.linalg.svd(x, full_matrices=False).S", linalg::svd(x, {.full_matrices = false}).S),
    SPELL("torch.view_as_real(torch.fft.rfft(x, dim=0))", fft::rfft(x, {.dim = 0})),
    SPELL("torch.view_as_real(torch.fft.rfft2(x, norm='ortho'))", fft::rfft2(x, {.norm = "ortho"})),
    SPELL("torch.view_as_real(torch.fft.rfftn(seq, dim=(0, 2)))", fft::rfftn(seq, {.dim = {0, 2}})),
    SPELL("float(x.sum())", float(x.sum())),
    SPELL("int(n.max()) + 1", int(n.max()) + 1),
    SPELL("int(tensor(-2.7))", int(tensor(-2.7))),
    SPELL("bool((x > 100).any())", bool((x > 100).any())),
    SPELL("1 if s else 0", s ? 1 : 0),
    SPELL("not mask.all()", !mask.all()),
};

}  // namespace

std::vector<Row> keyword_function_rows() { return {std::begin(kRows), std::end(kRows)}; }

}  // namespace lilith::spellings
