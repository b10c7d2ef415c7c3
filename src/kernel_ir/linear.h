#pragma once
#include <vector>

#include "lilith/kernel_ir.h"

namespace lilith::kir {

/// constant + sum of k * atom, each atom once: what an index is once sums and products with numbers
/// are taken apart. Atoms are all other expressions.
struct LinearForm {
  struct Term {
    Expr atom;
    std::int64_t k;
  };
  std::vector<Term> terms;
  __int128 constant = 0;

  LinearForm() = default;
  explicit LinearForm(Expr x) { add(x, 1); }
  void add(Expr x, std::int64_t k);
  void add(const LinearForm& o, std::int64_t k);
  /// 0 where the atom does not occur.
  std::int64_t coefficient(Expr atom) const;
};

}  // namespace lilith::kir
