#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <optional>

#include "kernel_ir/scalar.h"
#include "kernel_ir/simplify.h"
#include "lilith/kernel_ir.h"

// I64 arithmetic. A canonical sum is a left-leaning chain of Add: terms in the order of their ids,
// each `atom` or `atom * constant`, then the constant. Ring identities hold under wrapping; rules
// that divide or compare first prove, in 128 bits, that nothing wraps.
namespace lilith::kir {
namespace {

using Wide = __int128;

struct Term {
  Expr atom;
  std::int64_t k;
};

struct Sum {
  std::vector<Term> terms;
  std::int64_t constant = 0;
};

std::int64_t wrap_add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
std::int64_t wrap_mul(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

bool is_int(Expr x) { return x->op == Op::Const; }

/// Adds x * k to a sum, without merging equal atoms.
void add_scaled(Sum& sum, Expr x, std::int64_t k) {
  while (x->op == Op::Add) {
    add_scaled(sum, x->args[1], k);
    x = x->args[0];
  }
  if (is_int(x)) {
    sum.constant = wrap_add(sum.constant, wrap_mul(x->i, k));
  } else if (x->op == Op::Mul && is_int(x->args[1])) {
    sum.terms.push_back({x->args[0], wrap_mul(x->args[1]->i, k)});
  } else {
    sum.terms.push_back({x, k});
  }
}

void merge(Sum& sum) {
  auto& t = sum.terms;
  std::sort(t.begin(), t.end(),
            [](const Term& a, const Term& b) { return a.atom->id < b.atom->id; });
  std::size_t n = 0;
  for (std::size_t i = 0; i < t.size();) {
    Term term = t[i++];
    while (i < t.size() && t[i].atom == term.atom) term.k = wrap_add(term.k, t[i++].k);
    if (term.k != 0) t[n++] = term;
  }
  t.resize(n, Term{});
}

const Term* find(const Sum& sum, Expr atom, std::int64_t k) {
  for (const Term& t : sum.terms) {
    if (t.atom == atom && t.k == k) return &t;
  }
  return nullptr;
}

void drop(Sum& sum, Expr a, Expr b) {
  std::erase_if(sum.terms, [&](const Term& t) { return t.atom == a || t.atom == b; });
}

/// Undoes a split into quotient and remainder: (x/a)*a*k + (x%a)*k -> x*k, and the same where the
/// quotient is itself reduced, ((x/a)%b)*a*k + (x%a)*k -> (x%(a*b))*k. True when a pair was found.
bool recombine_once(Sum& sum) {
  for (const Term& t : sum.terms) {
    if (t.atom->op != Op::FloorMod || !is_int(t.atom->args[1])) continue;
    const Expr mod = t.atom, x = mod->args[0];
    const std::int64_t a = mod->args[1]->i, k = t.k, ka = wrap_mul(k, a);
    const Expr quotient = floor_div(x, a);
    if (find(sum, quotient, ka) != nullptr) {
      drop(sum, mod, quotient);
      add_scaled(sum, x, k);
      return true;
    }
    for (const Term& o : sum.terms) {
      if (o.k != ka || o.atom->op != Op::FloorMod || o.atom->args[0] != quotient) continue;
      if (!is_int(o.atom->args[1]) || o.atom->args[1]->i > INT64_MAX / a) continue;
      const Expr other = o.atom;
      drop(sum, mod, other);
      add_scaled(sum, floor_mod(x, a * other->args[1]->i), k);
      return true;
    }
  }
  return false;
}

/// x*k - (x/a)*a*k -> (x%a)*k, where every term of x is there. True when one was found.
bool remainder_once(Sum& sum) {
  for (const Term& t : sum.terms) {
    if (t.atom->op != Op::FloorDiv || !is_int(t.atom->args[1])) continue;
    const Expr quotient = t.atom, x = quotient->args[0];
    const std::int64_t a = quotient->args[1]->i;
    if (a <= 0 || t.k == INT64_MIN || t.k % a != 0) continue;
    const std::int64_t k = -(t.k / a);
    Sum dividend;
    add_scaled(dividend, x, k);
    bool all = !dividend.terms.empty();
    for (const Term& d : dividend.terms) all = all && find(sum, d.atom, d.k) != nullptr;
    if (!all) continue;
    drop(sum, quotient, quotient);
    add_scaled(sum, x, wrap_mul(k, -1));
    add_scaled(sum, floor_mod(x, a), k);
    return true;
  }
  return false;
}

Expr build(Pool& pool, Sum& sum) {
  merge(sum);
  if (sum.terms.size() >= 2) {
    while (recombine_once(sum) || remainder_once(sum)) merge(sum);
  }
  Expr out;
  for (const Term& t : sum.terms) {
    Expr term = t.atom;
    if (t.k != 1) term = raw(pool, Op::Mul, DType::I64, {term, pool.integer(t.k)});
    out = out ? raw(pool, Op::Add, DType::I64, {out, term}) : term;
  }
  if (!out) return pool.integer(sum.constant);
  if (sum.constant == 0) return out;
  return raw(pool, Op::Add, DType::I64, {out, pool.integer(sum.constant)});
}

Sum decompose(Expr x, std::int64_t k = 1) {
  Sum sum;
  add_scaled(sum, x, k);
  return sum;
}

struct WideInterval {
  Wide lo, hi;
};

/// Bounds of the sum's value over the integers; if they fit 64 bits, nothing wraps.
WideInterval exact_bounds(const Sum& sum) {
  WideInterval r{sum.constant, sum.constant};
  for (const Term& t : sum.terms) {
    const Wide a = Wide{t.k} * t.atom->lo, b = Wide{t.k} * t.atom->hi;
    r.lo += std::min(a, b);
    r.hi += std::max(a, b);
  }
  return r;
}

bool fits(WideInterval w) { return w.lo >= INT64_MIN && w.hi <= INT64_MAX; }

/// True when the sum provably does not wrap and its coefficients leave room to compute with.
bool is_exact(const Sum& sum) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 40;
  for (const Term& t : sum.terms) {
    if (t.k <= -kLimit || t.k >= kLimit) return false;
  }
  if (sum.constant < INT64_MIN / 4 || sum.constant > INT64_MAX / 4) return false;
  return fits(exact_bounds(sum));
}

Wide floor_div_wide(Wide a, Wide b) {
  const Wide q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

/// sum = g * whole + rest, where rest lies in one window [s*g, (s+1)*g): whole then includes s and
/// rest is shifted into [0, g). Nothing when no such split is proven.
struct Split {
  Sum whole, rest;
};
std::optional<Split> split(const Sum& sum, std::int64_t g) {
  Split s;
  for (const Term& t : sum.terms) {
    if (t.k % g == 0) {
      s.whole.terms.push_back({t.atom, t.k / g});
    } else {
      s.rest.terms.push_back(t);
    }
  }
  s.whole.constant = floor_div_value(sum.constant, g);
  s.rest.constant = floor_mod_value(sum.constant, g);
  const WideInterval r = exact_bounds(s.rest);
  const Wide window = floor_div_wide(r.lo, g);
  if (window != floor_div_wide(r.hi, g) || !fits(r)) return {};
  s.whole.constant += static_cast<std::int64_t>(window);
  s.rest.constant -= static_cast<std::int64_t>(window) * g;
  if (!is_exact(s.whole)) return {};
  return s;
}

/// Divisors of c that divide some coefficient, largest first: what a split may go by.
std::vector<std::int64_t> split_candidates(const Sum& sum, std::int64_t c) {
  std::vector<std::int64_t> g{c};
  for (const Term& t : sum.terms) {
    g.push_back(std::gcd(t.k, c));
  }
  std::sort(g.rbegin(), g.rend());
  g.erase(std::unique(g.begin(), g.end()), g.end());
  std::erase(g, 1);
  return g;
}

/// Takes the multiples of c out of a sum whose value is known not to wrap: sum = c * result + sum'.
Sum take_multiples(Sum& sum, std::int64_t c) {
  Sum q;
  for (const Term& t : sum.terms) {
    if (t.k % c == 0) q.terms.push_back({t.atom, t.k / c});
  }
  std::erase_if(sum.terms, [c](const Term& t) { return t.k % c == 0; });
  q.constant = floor_div_value(sum.constant, c);
  sum.constant = floor_mod_value(sum.constant, c);
  return q;
}

/// (q + y/a) / c = (a*q + y) / (a*c): one division instead of two. Null unless one quotient is in
/// the sum.
Expr merge_divisions(Pool& pool, const Sum& sum, std::int64_t c) {
  const Term* inner = nullptr;
  for (const Term& t : sum.terms) {
    if (t.atom->op != Op::FloorDiv || t.k != 1 || !is_int(t.atom->args[1])) continue;
    if (inner != nullptr) return {};
    inner = &t;
  }
  if (inner == nullptr) return {};
  const std::int64_t a = inner->atom->args[1]->i;
  if (a <= 0 || a > (std::int64_t{1} << 30) / c) return {};
  Sum merged;
  for (const Term& t : sum.terms) {
    if (&t != inner) merged.terms.push_back({t.atom, wrap_mul(t.k, a)});
  }
  merged.constant = wrap_mul(sum.constant, a);
  add_scaled(merged, inner->atom->args[0], 1);
  merge(merged);
  return is_exact(merged) ? floor_div(build(pool, merged), a * c) : Expr{};
}

Expr divide_sum(Pool& pool, Expr x, std::int64_t c) {
  Sum sum = decompose(x);
  if (!is_exact(sum)) return {};
  Sum rest = sum;
  Sum quotient = take_multiples(rest, c);
  if (!is_exact(quotient) || !is_exact(rest)) return {};
  for (std::int64_t g : split_candidates(rest, c)) {
    std::optional<Split> s = split(rest, g);
    if (!s) continue;
    const Expr whole = floor_div(build(pool, s->whole), c / g);
    add_scaled(quotient, whole, 1);
    return build(pool, quotient);
  }
  const bool nothing_taken = quotient.terms.empty() && quotient.constant == 0;
  if (const Expr merged = merge_divisions(pool, rest, c)) {
    add_scaled(quotient, merged, 1);
    return build(pool, quotient);
  }
  if (nothing_taken) return {};
  add_scaled(quotient, floor_div(build(pool, rest), c), 1);
  return build(pool, quotient);
}

Expr reduce_sum(Pool& pool, Expr x, std::int64_t c) {
  Sum rest = decompose(x);
  if (!is_exact(rest)) return {};
  const Sum quotient = take_multiples(rest, c);
  if (!is_exact(quotient) || !is_exact(rest)) return {};
  for (std::int64_t g : split_candidates(rest, c)) {
    std::optional<Split> s = split(rest, g);
    if (!s) continue;
    add_scaled(s->rest, floor_mod(build(pool, s->whole), c / g), g);
    return build(pool, s->rest);
  }
  if (quotient.terms.empty() && quotient.constant == 0) return {};
  return floor_mod(build(pool, rest), c);
}

Expr simplify_floor_div(Pool& pool, Expr x, std::int64_t c) {
  if (c == 1) return x;
  if (c <= 0) return c == 0 ? pool.integer(0) : Expr{};
  const std::int64_t lo = floor_div_value(x->lo, c);
  if (lo == floor_div_value(x->hi, c)) return pool.integer(lo);
  if (x->op == Op::FloorDiv && is_int(x->args[1])) {
    const std::int64_t a = x->args[1]->i;
    if (a > 0 && a <= INT64_MAX / c) return floor_div(x->args[0], a * c);
  }
  if (x->op == Op::FloorMod && is_int(x->args[1])) {
    const std::int64_t m = x->args[1]->i;
    if (m > 0 && m % c == 0) return floor_mod(floor_div(x->args[0], c), m / c);
  }
  return divide_sum(pool, x, c);
}

Expr simplify_floor_mod(Pool& pool, Expr x, std::int64_t c) {
  if (c == 1) return pool.integer(0);
  if (c <= 0) return c == 0 ? x : Expr{};
  const std::int64_t lo = floor_div_value(x->lo, c);
  if (lo == floor_div_value(x->hi, c)) return x + pool.integer(wrap_mul(-lo, c));
  if (x->op == Op::FloorMod && is_int(x->args[1])) {
    const std::int64_t m = x->args[1]->i;
    if (m > 0 && m % c == 0) return floor_mod(x->args[0], c);
  }
  return reduce_sum(pool, x, c);
}

Expr multiply(Pool& pool, Expr a, Expr b) {
  if (is_int(b)) {
    Sum sum = decompose(a, b->i);
    return build(pool, sum);
  }
  // Coefficients of single terms move out; a product of two sums stays.
  std::int64_t k = 1;
  for (Expr* x : {&a, &b}) {
    if ((*x)->op != Op::Mul || !is_int((*x)->args[1])) continue;
    k = wrap_mul(k, (*x)->args[1]->i);
    *x = (*x)->args[0];
  }
  if (b->id < a->id) std::swap(a, b);
  const Expr product = raw(pool, Op::Mul, DType::I64, {a, b});
  if (k == 0) return pool.integer(0);
  return k == 1 ? product : raw(pool, Op::Mul, DType::I64, {product, pool.integer(k)});
}

/// difference < 0 (or == 0), undecided by its bounds, as a comparison of two sums with positive
/// coefficients.
Expr compare_sum(Pool& pool, const Sum& difference, bool equality) {
  // difference < 0 (or == 0)  <=>  sum of terms < bound (or == bound).
  Sum terms = difference;
  terms.constant = 0;
  std::int64_t g = 0;
  for (const Term& t : terms.terms) g = std::gcd(g, t.k);
  Wide bound = -Wide{difference.constant};
  if (g > 1) {
    if (equality && bound % g != 0) return pool.integer(0, DType::Bool);
    bound = -floor_div_wide(-bound, g);
    for (Term& t : terms.terms) t.k /= g;
  }
  // g*A + R < bound, where floor((bound-1-R)/g) does not depend on R: A < that + 1.
  for (std::size_t i = 0; !equality && i < terms.terms.size(); ++i) {
    const std::int64_t c = std::abs(terms.terms[i].k);
    if (c <= 1) continue;
    Sum whole, rest;
    for (const Term& t : terms.terms) {
      (t.k % c == 0 ? whole : rest).terms.push_back(t);
    }
    if (rest.terms.empty()) continue;
    const WideInterval r = exact_bounds(rest);
    const Wide q = floor_div_wide(bound - 1 - r.lo, c);
    if (q != floor_div_wide(bound - 1 - r.hi, c)) continue;
    for (Term& t : whole.terms) t.k /= c;
    if (q < INT64_MIN / 8 || q > INT64_MAX / 8) return {};
    whole.constant = -static_cast<std::int64_t>(q + 1);
    return compare_sum(pool, whole, false);
  }
  Sum left, right;
  for (const Term& t : terms.terms) {
    if (t.k > 0) left.terms.push_back(t);
    if (t.k < 0) right.terms.push_back({t.atom, -t.k});
  }
  if (bound < INT64_MIN + 1 || bound > INT64_MAX) return {};
  if (left.terms.empty()) {
    left.constant = -static_cast<std::int64_t>(bound);
  } else {
    right.constant = static_cast<std::int64_t>(bound);
  }
  if (!is_exact(left) || !is_exact(right)) return {};
  Expr l = build(pool, left), r = build(pool, right);
  if (equality && (is_int(l) || (!is_int(r) && r->id < l->id))) std::swap(l, r);
  return raw(pool, equality ? Op::Eq : Op::Lt, DType::Bool, {l, r});
}

Expr compare(Pool& pool, Op op, Expr a, Expr b) {
  const auto boolean = [&](bool v) { return pool.integer(v, DType::Bool); };
  if (op == Op::Ne) return logical_not(eq(a, b));
  if (a == b) return boolean(op != Op::Lt);
  if (op == Op::Lt && a->hi < b->lo) return boolean(true);
  if (op == Op::Lt && a->lo >= b->hi) return boolean(false);
  if (op == Op::Le && a->hi <= b->lo) return boolean(true);
  if (op == Op::Le && a->lo > b->hi) return boolean(false);
  if (op == Op::Eq && (a->hi < b->lo || b->hi < a->lo)) return boolean(false);
  Sum d = decompose(a);
  if (!is_exact(d) || !is_exact(decompose(b))) return {};
  add_scaled(d, b, -1);
  merge(d);
  if (!is_exact(d)) return {};
  WideInterval w = exact_bounds(d);
  if (op == Op::Le) {  // a <= b  <=>  a - b - 1 < 0
    d.constant -= 1;
    w = {w.lo - 1, w.hi - 1};
  }
  if (op == Op::Eq) {
    if (w.lo > 0 || w.hi < 0) return boolean(false);
    if (w.lo == 0 && w.hi == 0) return boolean(true);
  } else {
    if (w.hi < 0) return boolean(true);
    if (w.lo >= 0) return boolean(false);
  }
  return compare_sum(pool, d, op == Op::Eq);
}

Expr min_max(Op op, Expr a, Expr b) {
  if (a == b) return a;
  Sum d = decompose(a);
  const bool exact = is_exact(d) && is_exact(decompose(b));
  add_scaled(d, b, -1);
  merge(d);
  const WideInterval w = exact_bounds(d);
  if (a->hi <= b->lo || (exact && w.hi <= 0)) return op == Op::Min ? a : b;
  if (b->hi <= a->lo || (exact && w.lo >= 0)) return op == Op::Min ? b : a;
  return {};
}

}  // namespace

Expr simplify_index(Pool& pool, Op op, const std::vector<Expr>& args) {
  const Expr a = args[0], b = args.size() > 1 ? args[1] : Expr{};
  switch (op) {
    case Op::Add:
    case Op::Sub: {
      Sum sum = decompose(a);
      add_scaled(sum, b, op == Op::Add ? 1 : -1);
      return build(pool, sum);
    }
    case Op::Neg: {
      Sum sum = decompose(a, -1);
      return build(pool, sum);
    }
    case Op::Fma:
      return a * b + args[2];
    case Op::Mul:
      return multiply(pool, a, b);
    case Op::Div:
      return is_int(b) && b->i > 0 && a->lo >= 0 ? floor_div(a, b->i) : Expr{};
    case Op::Rem:
      return is_int(b) && b->i > 0 && a->lo >= 0 ? floor_mod(a, b->i) : Expr{};
    case Op::FloorDiv:
      return is_int(b) ? simplify_floor_div(pool, a, b->i) : Expr{};
    case Op::FloorMod:
      return is_int(b) ? simplify_floor_mod(pool, a, b->i) : Expr{};
    case Op::Min:
    case Op::Max:
      return min_max(op, a, b);
    case Op::Eq:
    case Op::Ne:
    case Op::Lt:
    case Op::Le:
      return compare(pool, op, a, b);
    default:
      return {};
  }
}

}  // namespace lilith::kir
