#include "kernel_ir/linear.h"

#include <algorithm>
#include <cstdlib>

namespace lilith::kir {

void LinearForm::add(Expr x, std::int64_t k) {
  switch (x->op) {
    case Op::Const:
      constant += static_cast<__int128>(k) * x->i;
      return;
    case Op::Add:
      add(x->args[0], k);
      return add(x->args[1], k);
    case Op::Sub:
      add(x->args[0], k);
      return add(x->args[1], -k);
    case Op::Mul:
      // Coefficients that large are no memory's.
      if (x->args[1]->op == Op::Const && std::abs(x->args[1]->i) < (INT64_C(1) << 40) &&
          std::abs(k) < (INT64_C(1) << 20))
        return add(x->args[0], k * x->args[1]->i);
      break;
    default:
      break;
  }
  const auto same = std::ranges::find_if(terms, [&](const Term& t) { return t.atom == x; });
  if (same == terms.end()) {
    terms.push_back({x, k});
  } else if ((same->k += k) == 0) {
    terms.erase(same);
  }
}

void LinearForm::add(const LinearForm& o, std::int64_t k) {
  for (const Term& t : o.terms) add(t.atom, k * t.k);
  constant += o.constant * k;
}

std::int64_t LinearForm::coefficient(Expr atom) const {
  for (const Term& t : terms) {
    if (t.atom == atom) return t.k;
  }
  return 0;
}

}  // namespace lilith::kir
