#include "lilith/ops.h"
#include "parity/bind.h"

// Decompositions, systems of equations and norms.
namespace lilith::parity {
namespace {

std::optional<Real> maybe_real(const Call& c, int position, const std::string& name) {
  if (!c.has(position, name)) return {};
  return Real(c.real(position, name, 0));
}
std::optional<DType> maybe_dtype(const Call& c) {
  if (!c.has(-1, "dtype")) return {};
  return c.dtype(-1, "dtype", DType::F32);
}

void bind_factors(Table& t) {
  t["cholesky"] = t["linalg.cholesky"] = [](const Call& c) {
    return one(cholesky(c.operand(0), c.flag(1, "upper", false)));
  };
  t["linalg.cholesky_ex"] = [](const Call& c) {
    const auto [l, info] = linalg::cholesky_ex(c.operand(0), c.flag(-1, "upper", false));
    return std::vector{l, info};
  };
  t["cholesky_solve"] = [](const Call& c) {
    return one(cholesky_solve(c.operand(0), c.operand(1), c.flag(2, "upper", false)));
  };
  t["cholesky_inverse"] = [](const Call& c) {
    return one(cholesky_inverse(c.operand(0), c.flag(1, "upper", false)));
  };
  t["qr"] = [](const Call& c) {
    const auto [q, r] = qr(c.operand(0), c.flag(1, "some", true));
    return std::vector{q, r};
  };
  t["linalg.qr"] = [](const Call& c) {
    const auto [q, r] = linalg::qr(c.operand(0), c.text(1, "mode", "reduced"));
    return std::vector{q, r};
  };
  t["geqrf"] = [](const Call& c) {
    const auto [a, tau] = geqrf(c.operand(0));
    return std::vector{a, tau};
  };
  t["ormqr"] = [](const Call& c) {
    return one(ormqr(c.operand(0), c.operand(1), c.operand(2), c.flag(3, "left", true),
                     c.flag(4, "transpose", false)));
  };
  for (const char* name : {"linalg.householder_product", "orgqr"})
    binary(t, name, linalg::householder_product);
  t["lu"] = [](const Call& c) -> std::vector<Tensor> {
    if (!c.flag(1, "pivot", true)) throw Unsupported("lu without pivoting");
    const auto [LU, pivots] = lu(c.operand(0));
    if (!c.flag(2, "get_infos", false)) return {LU, pivots};
    Shape batch = LU.shape();
    batch.erase(batch.rank() - 1);
    batch.erase(batch.rank() - 1);
    return {LU, pivots, zeros(batch, {.dtype = DType::I32})};
  };
  t["linalg.lu_factor"] = [](const Call& c) -> std::vector<Tensor> {
    if (!c.flag(-1, "pivot", true)) throw Unsupported("lu without pivoting");
    const auto [LU, pivots] = lu(c.operand(0));
    return {LU, pivots};
  };
  t["linalg.lu"] = [](const Call& c) -> std::vector<Tensor> {
    if (!c.flag(-1, "pivot", true)) throw Unsupported("lu without pivoting");
    const auto [p, l, u] = linalg::lu(c.operand(0));
    return {p, l, u};
  };
  t["lu_unpack"] = [](const Call& c) {
    const auto [p, l, u] = lu_unpack(c.operand(0), c.tensor(1));
    return std::vector{p, l, u};
  };
  t["lu_solve"] = [](const Call& c) {
    return one(lu_solve(c.operand(0), c.tensor(1), c.tensor(2)));
  };
  t["linalg.lu_solve"] = [](const Call& c) {
    return one(linalg::lu_solve(c.tensor(0), c.tensor(1), c.operand(2), c.flag(-1, "left", true),
                                c.flag(-1, "adjoint", false)));
  };
}

void bind_spectra(Table& t) {
  t["svd"] = [](const Call& c) -> std::vector<Tensor> {
    const auto [u, s, v] = svd(c.operand(0), c.flag(1, "some", true));
    return {u, s, v};
  };
  t["linalg.svd"] = [](const Call& c) -> std::vector<Tensor> {
    const auto [u, s, vh] = linalg::svd(c.operand(0), c.flag(1, "full_matrices", true));
    return {u, s, vh};
  };
  unary(t, "linalg.svdvals", linalg::svdvals);
  t["symeig"] = [](const Call& c) -> std::vector<Tensor> {
    const auto [w, v] = linalg::eigh(c.operand(0), c.flag(2, "upper", true) ? "U" : "L");
    if (!c.flag(1, "eigenvectors", false)) throw Unsupported("symeig without vectors");
    return {w, v};
  };
  t["linalg.eigh"] = [](const Call& c) -> std::vector<Tensor> {
    const auto [w, v] = linalg::eigh(c.operand(0), c.text(1, "UPLO", "L"));
    return {w, v};
  };
  t["linalg.eigvalsh"] = [](const Call& c) {
    return one(linalg::eigvalsh(c.operand(0), c.text(1, "UPLO", "L")));
  };
  t["svd_lowrank"] = [](const Call& c) -> std::vector<Tensor> {
    // What has a higher rank than q is approximated, by draws.
    const std::int64_t q = c.integer(-1, "q", 6);
    const auto most = std::min(c.tensor(0).size(-2), c.tensor(1).size(-2));
    if (c.has(-1, "M") && q > 0 && most > q)
      throw Unsupported("approximated by draws of another generator than PyTorch's");
    const Tensor a = matmul(c.tensor(0), transpose(c.tensor(1), -2, -1));
    const auto [u, s, v] = svd_lowrank(a, Int(c.integer(-1, "q", 6)), c.integer(-1, "niter", 2),
                                       c.maybe_tensor(-1, "M"));
    return {u, s, v};
  };
  t["pca_lowrank"] = [](const Call& c) -> std::vector<Tensor> {
    const Tensor a = matmul(c.tensor(0), transpose(c.tensor(1), -2, -1));
    const auto [u, s, v] = pca_lowrank(a, Int(c.integer(-1, "q", 6)), c.flag(-1, "center", true),
                                       c.integer(-1, "niter", 2));
    return {u, s, v};
  };
  t["pinverse"] = [](const Call& c) {
    return one(pinverse(c.operand(0), c.real(1, "rcond", 1e-15)));
  };
  for (const char* name : {"linalg.pinv", "linalg.pinv__hermitian"}) {
    t[name] = [](const Call& c) -> std::vector<Tensor> {
      std::optional<Real> rtol = maybe_real(c, -1, "rtol");
      if (!rtol) rtol = maybe_real(c, -1, "rcond");
      return one(linalg::pinv(c.operand(0), maybe_real(c, -1, "atol"), rtol,
                              c.flag(-1, "hermitian", false)));
    };
  }
  for (const char* name : {"linalg.matrix_rank", "linalg.matrix_rank__hermitian"}) {
    t[name] = [](const Call& c) {
      const bool hermitian = c.flag(-1, "hermitian", false);
      if (c.is_tensor(-1, "atol") || c.is_tensor(-1, "rtol"))
        return one(linalg::matrix_rank(c.operand(0), c.maybe_tensor(-1, "atol"),
                                       c.maybe_tensor(-1, "rtol"), hermitian));
      return one(linalg::matrix_rank(c.operand(0), maybe_real(c, -1, "atol"),
                                     maybe_real(c, -1, "rtol"), hermitian));
    };
  }
  t["linalg.polar"] = [](const Call& c) -> std::vector<Tensor> {
    const auto [U, H] = linalg::polar(c.operand(0));
    return {U, H};
  };
  t["linalg.cond"] = [](const Call& c) {
    if (c.is_text(1, "p")) return one(linalg::cond(c.operand(0), c.text(1, "p", "")));
    return one(linalg::cond(c.operand(0), c.real(1, "p", 2)));
  };
}

void bind_systems(Table& t) {
  for (const char* name : {"inverse", "linalg.inv"}) unary(t, name, inverse);
  t["linalg.inv_ex"] = [](const Call& c) -> std::vector<Tensor> {
    const auto [inverse, info] = linalg::inv_ex(c.operand(0));
    return {inverse, info};
  };
  for (const char* name : {"det", "linalg.det", "linalg.det__singular"}) unary(t, name, det);
  unary(t, "logdet", logdet);
  for (const char* name : {"slogdet", "linalg.slogdet"}) {
    t[name] = [](const Call& c) -> std::vector<Tensor> {
      const auto [sign, logabsdet] = slogdet(c.operand(0));
      return {sign, logabsdet};
    };
  }
  t["linalg.solve"] = [](const Call& c) {
    return one(linalg::solve(c.operand(0), c.operand(1, "B"), c.flag(-1, "left", true)));
  };
  t["linalg.solve_triangular"] = [](const Call& c) {
    return one(linalg::solve_triangular(c.operand(0), c.operand(1), c.flag(-1, "upper", false),
                                        c.flag(-1, "left", true),
                                        c.flag(-1, "unitriangular", false)));
  };
  t["triangular_solve"] = [](const Call& c) -> std::vector<Tensor> {
    const bool upper = c.flag(2, "upper", true), turned = c.flag(3, "transpose", false);
    const Tensor a = c.tensor(1), given = turned ? transpose(a, -2, -1) : a;
    const Tensor x = linalg::solve_triangular(given, c.operand(0), upper != turned, true,
                                              c.flag(4, "unitriangular", false));
    Shape batch = x.shape();
    batch[x.ndim() - 1] = a.size(-1);
    return {x, expand(a, batch)};
  };
  for (const char* name : {"matrix_exp", "linalg.matrix_exp"}) unary(t, name, matrix_exp);
  for (const char* name : {"matrix_power", "linalg.matrix_power"}) {
    t[name] = [](const Call& c) { return one(matrix_power(c.operand(0), c.integer(1, "n"))); };
  }
  t["linalg.tensorinv"] = [](const Call& c) {
    return one(linalg::tensorinv(c.operand(0), c.integer(1, "ind", 2)));
  };
  t["linalg.tensorsolve"] = [](const Call& c) {
    return one(linalg::tensorsolve(c.operand(0), c.operand(1), c.longs(2, "dims", {})));
  };
}

void bind_norms(Table& t) {
  t["norm__nuc"] = [](const Call& c) {
    return one(
        norm(c.operand(0), MatrixNorm::Nuc, c.longs(2, "dim", {}), c.flag(3, "keepdim", false)));
  };
  t["linalg.norm"] = t["linalg.norm__subgradients_at_zero"] = [](const Call& c) {
    const std::vector<std::int64_t> dim = c.longs(2, "dim", {});
    const bool keepdim = c.flag(3, "keepdim", false);
    if (c.is_text(1, "ord"))
      return one(linalg::norm(c.operand(0), c.text(1, "ord", ""), dim, keepdim, maybe_dtype(c)));
    return one(linalg::norm(c.operand(0), maybe_real(c, 1, "ord"), dim, keepdim, maybe_dtype(c)));
  };
  t["linalg.vector_norm"] = [](const Call& c) {
    return one(linalg::vector_norm(c.operand(0), c.real(1, "ord", 2), c.longs(2, "dim", {}),
                                   c.flag(3, "keepdim", false), maybe_dtype(c)));
  };
  t["linalg.matrix_norm"] = [](const Call& c) {
    const std::vector<std::int64_t> dim = c.longs(2, "dim", {-2, -1});
    const bool keepdim = c.flag(3, "keepdim", false);
    if (!c.has(1, "ord") || c.is_text(1, "ord"))
      return one(
          linalg::matrix_norm(c.operand(0), c.text(1, "ord", "fro"), dim, keepdim, maybe_dtype(c)));
    return one(
        linalg::matrix_norm(c.operand(0), c.real(1, "ord", 2), dim, keepdim, maybe_dtype(c)));
  };
  t["linalg.multi_dot"] = [](const Call& c) { return one(linalg::multi_dot(c.tensors(0))); };
  t["linalg.vander"] = [](const Call& c) {
    std::optional<Int> n;
    if (c.has(1, "N")) n = c.integer(1, "N");
    return one(linalg::vander(c.operand(0), n));
  };
  t["linalg.cross"] = [](const Call& c) {
    return one(
        linalg::cross(c.operand(0), c.operand(1), static_cast<int>(c.integer(2, "dim", -1))));
  };
  t["linalg.vecdot"] = [](const Call& c) {
    return one(
        linalg::vecdot(c.operand(0), c.operand(1), static_cast<int>(c.integer(2, "dim", -1))));
  };
  t["linalg.diagonal"] = [](const Call& c) {
    return one(linalg::diagonal(c.operand(0), c.integer(1, "offset", 0),
                                static_cast<int>(c.integer(2, "dim1", -2)),
                                static_cast<int>(c.integer(3, "dim2", -1))));
  };
}

}  // namespace

void bind_decompositions(Table& t) {
  bind_factors(t);
  bind_spectra(t);
  bind_systems(t);
  bind_norms(t);
}

}  // namespace lilith::parity
