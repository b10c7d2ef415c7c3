#include "schedule/cpu/winograd/transform.h"

namespace lilith::schedule {

using kir::Expr;

// Column by column into registers, so that few are alive, then row by row.
kir::Block transform_square(kir::Kernel& kernel, const std::string& name, const Matrix& m,
                            const std::function<Expr(int i, int j)>& load,
                            const std::function<kir::Stmt(int i, int j, Expr)>& store) {
  kir::Pool& pool = *kernel.pool;
  const kir::RegId half = kernel.add_reg(name, DType::F32, {m.rows, m.columns});
  const auto place = [&](int i, int j) {
    return std::vector<Expr>{pool.integer(i), pool.integer(j)};
  };
  kir::Block block{kir::DeclReg{half, pool.constant(DType::F32, 0)}};
  for (int j = 0; j < m.columns; ++j) {
    std::vector<Expr> x;
    for (int i = 0; i < m.columns; ++i) x.push_back(load(i, j));
    const std::vector<Expr> y = times(m, x);
    for (int i = 0; i < m.rows; ++i)
      block.push_back(kir::SetReg{half, place(i, j), y[static_cast<std::size_t>(i)]});
  }
  for (int i = 0; i < m.rows; ++i) {
    std::vector<Expr> x;
    for (int j = 0; j < m.columns; ++j) x.push_back(pool.read(half, DType::F32, place(i, j)));
    const std::vector<Expr> y = times(m, x);
    for (int j = 0; j < m.rows; ++j) block.push_back(store(i, j, y[static_cast<std::size_t>(j)]));
  }
  return block;
}

}  // namespace lilith::schedule
