#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "lilith/ops/int_list.h"
#include "lilith/tensor.h"

namespace lilith {

/// [..., M, K] x [..., K, N] -> [..., M, N]; 1-d operands are vectors; batch dimensions broadcast.
/// Errors: inner sizes differ, a 0-d operand, dtypes differ.
Tensor matmul(const Arg& a, const Arg& b);
/// [M, K] x [K, N].
Tensor mm(const Arg& a, const Arg& b);
/// [B, M, K] x [B, K, N].
Tensor bmm(const Arg& a, const Arg& b);
/// [M, K] x [K].
Tensor mv(const Arg& a, const Arg& b);
/// [K] x [K] -> [].
Tensor dot(const Arg& a, const Arg& b);
Tensor vdot(const Arg& a, const Arg& b);
/// [..., K] x [..., K], the last dimensions contracted.
Tensor inner(const Arg& a, const Arg& b);
/// [M] x [N] -> [M, N].
Tensor outer(const Arg& a, const Arg& b);
/// beta x + alpha (a @ b). With beta = 0, x is not read.
Tensor addmm(const Arg& x, const Arg& a, const Arg& b, Real beta = 1, Real alpha = 1);
Tensor addmv(const Arg& x, const Arg& a, const Arg& b, Real beta = 1, Real alpha = 1);
Tensor addr(const Arg& x, const Arg& a, const Arg& b, Real beta = 1, Real alpha = 1);
Tensor baddbmm(const Arg& x, const Arg& a, const Arg& b, Real beta = 1, Real alpha = 1);
/// beta x + alpha sum_b(a[b] @ b[b]).
Tensor addbmm(const Arg& x, const Arg& a, const Arg& b, Real beta = 1, Real alpha = 1);
/// Contracts dims_a of a with dims_b of b: [a free, b free].
Tensor tensordot(const Arg& a, const Arg& b, const IntList& dims_a, const IntList& dims_b);
/// The last `dims` dimensions of a with the first of b.
Tensor tensordot(const Arg& a, const Arg& b, Int dims = 2);
/// Einstein's summation: einsum("bij,bjk->bik", {a, b}); "..." stands for broadcast dimensions.
Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands,
              SourceLocation loc = SourceLocation::current());
/// PyTorch's order: einsum("bij,bjk->bik", a, b).
template <std::derived_from<Tensor>... T>
Tensor einsum(std::string_view equation, const Arg& a, const T&... others) {
  const LocScope scope(a.loc());
  return einsum(equation, std::vector<Tensor>{a.tensor(), others...});
}
/// The vector product along dim (of size 3).
Tensor cross(const Arg& a, const Arg& b, Dim dim = -1);
/// Kronecker's product: [a_i b_i …], missing dimensions of 1 in front. Ref: torch.kron
Tensor kron(const Arg& a, const Arg& b);
/// x @ x @ … (n times) of square matrices [..., M, M]; n = 0: the identity; n < 0: of the inverse.
/// Errors: a matrix that is not square or, with n < 0, singular. Ref: torch.matrix_power
Tensor matrix_power(const Arg& x, Int n);
/// The product of matrices, from the left. Error: none. Ref: torch.chain_matmul
Tensor chain_matmul(const std::vector<Tensor>& matrices,
                    SourceLocation loc = SourceLocation::current());
/// The last two dimensions swapped; 0-d tensors as they are. Error: one dimension. Ref:
/// torch.adjoint
Tensor adjoint(const Arg& x);
/// The covariance matrix of variables (rows) over observations (columns), divided by
/// n - correction; of one variable 0-d. x: floating [V, n] or [n]; fweights: how often each
/// observation counts, integers [n]; aweights: their importance, [n]. Ref: torch.cov
Tensor cov(const Arg& x, Int correction = 1, const Tensor& fweights = {},
           const Tensor& aweights = {});
/// The correlation coefficients of variables, clamped to [-1, 1]. Ref: torch.corrcoef
Tensor corrcoef(const Arg& x);
/// Columns x^(n-1), …, x, 1 of a vector; the other way round when increasing. Ref: torch.vander
Tensor vander(const Arg& x, std::optional<Int> n = {}, bool increasing = false);
/// The general contraction: batch dimensions pair up, contracted ones are summed over:
/// [batch, lhs free, rhs free].
Tensor dot_general(const Tensor& lhs, const Tensor& rhs, const std::vector<std::int64_t>& lhs_batch,
                   const std::vector<std::int64_t>& rhs_batch,
                   const std::vector<std::int64_t>& lhs_contract,
                   const std::vector<std::int64_t>& rhs_contract);

}  // namespace lilith
