#include "kernel_ir/apart.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <unordered_set>

#include "kernel_ir/linear.h"
#include "kernel_ir/walk.h"

namespace lilith::kir {
namespace {

using Wide = __int128;
using Form = LinearForm;
using Term = LinearForm::Term;

/// form <= 0.
using Bounds = std::vector<Form>;

using IsCommon = std::function<bool(Expr)>;

/// All that x reads from memory and registers has one value in both runs, so it does not change.
bool is_steady(Expr x, const IsCommon& is_common) {
  bool steady = true;
  for_each_below(x, [&](Expr e) {
    const bool read = e->op == Op::Load || e->op == Op::RegRead;
    steady = steady && (!read || is_common(e));
  });
  return steady;
}

void add_condition(Expr c, const IsCommon& is_common, Bounds* bounds,
                   std::vector<Expr>* equalities) {
  if (c->op == Op::And) {
    add_condition(c->args[0], is_common, bounds, equalities);
    return add_condition(c->args[1], is_common, bounds, equalities);
  }
  if (c->op != Op::Lt && c->op != Op::Le && c->op != Op::Eq) return;
  if (c->args[0]->dtype != DType::I64 || !is_steady(c, is_common)) return;
  if (c->op == Op::Eq) return equalities->push_back(c);
  Form f;
  f.add(c->args[0], 1);
  f.add(c->args[1], -1);
  if (c->op == Op::Lt) f.constant += 1;
  bounds->push_back(std::move(f));
}

Wide floor_of(Wide x, Wide by) { return x >= 0 ? x / by : -((by - 1 - x) / by); }

Wide highest(const Form& f, const Bounds& bounds, int depth = 3);

/// Whether c * f stays far from the ends of 64 bits.
bool may_multiply(const Form& f, std::int64_t c) {
  constexpr std::int64_t kMost = std::int64_t{1} << 60;
  return f.constant < kMost / c && f.constant > -(kMost / c) &&
         std::ranges::all_of(f.terms, [&](const Term& t) { return std::abs(t.k) < kMost / c; });
}

/// The same by way of a quotient q = x / c with a positive factor: c * f is at most what it becomes
/// with x for c * q.
Wide highest_without_quotient(const Form& f, const Term& q, const Bounds& bounds, int depth) {
  const Expr x = q.atom->args[0];
  const std::int64_t c = q.atom->args[1]->i;
  Form whole;
  whole.add(f, c);
  whole.add(q.atom, -c * q.k);
  whole.add(x, q.k);
  return floor_of(highest(whole, bounds, depth - 1), c);
}

/// The same by way of a bound, which has a term of f: f = rest + n * bound where a factor makes n
/// a whole number.
Wide highest_by_bound(const Form& f, const Form& b, const Bounds& bounds, int depth) {
  constexpr Wide kNone = std::numeric_limits<Wide>::max();
  const auto in_f = [&](const Term& t) { return f.coefficient(t.atom) != 0; };
  const auto t = std::ranges::find_if(b.terms, in_f);
  if (t == b.terms.end()) return kNone;
  const std::int64_t k = f.coefficient(t->atom);
  if ((k > 0) != (t->k > 0)) return kNone;
  const std::int64_t factor = std::abs(t->k) / std::gcd(k, t->k);
  if (factor != 1 && !may_multiply(f, factor)) return kNone;
  Form rest;
  rest.add(f, factor);
  rest.add(b, -(factor * k / t->k));
  return floor_of(highest(rest, bounds, depth - 1), factor);
}

/// The same where a bound speaks of x / c and f of x: x = c * (x / c) + x % c.
Wide highest_by_quotient(const Form& f, const Form& b, const Bounds& bounds, int depth) {
  Wide best = std::numeric_limits<Wide>::max();
  for (const Term& q : b.terms) {
    if (q.atom->op != Op::FloorDiv || q.atom->args[1]->op != Op::Const) continue;
    const std::int64_t c = q.atom->args[1]->i, k = f.coefficient(q.atom->args[0]);
    if (k == 0 || c <= 0 || !may_multiply(f, c)) continue;
    Form whole = f;
    whole.add(q.atom->args[0], -k);
    whole.add(q.atom, c * k);
    if (k > 0) whole.constant += Wide{k} * (c - 1);
    best = std::min(best, highest(whole, bounds, depth - 1));
  }
  return best;
}

/// The largest value of a form where the bounds hold: that of each term by itself, or a bound that
/// has the form's terms, plus the rest.
Wide highest(const Form& f, const Bounds& bounds, int depth) {
  Wide best = f.constant;
  for (const Term& t : f.terms) best += Wide{t.k} * (t.k > 0 ? t.atom->hi : t.atom->lo);
  for (const Term& t : f.terms) {
    const bool quotient = t.atom->op == Op::FloorDiv && t.atom->args[1]->op == Op::Const;
    if (depth == 0 || bounds.empty() || !quotient || t.k <= 0 || t.atom->args[1]->i <= 0) continue;
    if (!may_multiply(f, t.atom->args[1]->i)) continue;
    best = std::min(best, highest_without_quotient(f, t, bounds, depth));
  }
  for (const Form& b : bounds) {
    if (depth == 0) break;
    best = std::min(
        {best, highest_by_bound(f, b, bounds, depth), highest_by_quotient(f, b, bounds, depth)});
  }
  return best;
}

Wide lowest(const Form& f, const Bounds& bounds) {
  Form negative;
  negative.add(f, -1);
  return -highest(negative, bounds);
}

class Proof {
 public:
  Proof(const Place& a, const Place& b, const IsCommon& is_common) : is_common_(is_common) {
    std::vector<Expr> equal[2];
    for (Expr c : a.conditions) add_condition(c, is_common, &bounds_[0], &equal[0]);
    for (Expr c : b.conditions) add_condition(c, is_common, &bounds_[1], &equal[1]);
    for (Expr c : equal[0]) {
      if (std::ranges::find(equal[1], c) == equal[1].end()) continue;
      if (is_equal(c->args[1])) learn(c->args[0]);
      if (is_equal(c->args[0])) learn(c->args[1]);
    }
    const Form fa(a.index), fb(b.index);
    equation(fa, fb);
  }

  bool shows(const std::vector<Expr>& wanted) {
    return impossible_ || std::ranges::all_of(wanted, [&](Expr x) { return is_known(x); });
  }

 private:
  /// A term of the difference: k * atom of the first run, or - k * atom of the second.
  struct Part {
    Expr atom;
    std::int64_t k;
    int run;
  };
  using Parts = std::vector<Part>;

  /// Of both runs the same.
  bool is_equal(Expr x) {
    if (x->lo == x->hi || equal_.contains(x.node()) || made_of_equal_.contains(x.node()))
      return true;
    const bool leaf = x->op == Op::Var || x->op == Op::RegRead || x->op == Op::Load;
    if (leaf && !is_common_(x)) return false;
    if (!std::ranges::all_of(x->args, [&](Expr a) { return is_equal(a); })) return false;
    made_of_equal_.insert(x.node());
    return true;
  }

  /// The conditions leave it one value.
  bool is_pinned(Expr x) const {
    if (bounds_[0].empty() || bounds_[1].empty()) return x->lo == x->hi;
    const Form f(x);
    const Wide value = highest(f, bounds_[0]);
    return lowest(f, bounds_[0]) == value && highest(f, bounds_[1]) == value &&
           lowest(f, bounds_[1]) == value;
  }

  bool is_known(Expr x) {
    if (is_equal(x)) return true;
    if (!is_pinned(x)) return false;
    learn(x);
    return true;
  }

  /// a of the first run is b of the second.
  void equation(const Form& a, const Form& b) {
    Form common;
    Parts parts;
    for (const Term& t : a.terms)
      is_known(t.atom) ? common.add(t.atom, t.k) : parts.push_back({t.atom, t.k, 0});
    for (const Term& t : b.terms)
      is_known(t.atom) ? common.add(t.atom, -t.k) : parts.push_back({t.atom, t.k, 1});
    for (const Term& t : common.terms) parts.push_back({t.atom, t.k, 0});
    std::ranges::sort(parts, {}, [](const Part& p) { return std::abs(p.k); });
    split(parts, a.constant - b.constant);
  }

  /// The range of a sum of parts.
  std::pair<Wide, Wide> range(std::span<const Part> parts) const {
    Form of[2];
    for (const Part& p : parts) of[p.run].add(p.atom, p.k);
    return {lowest(of[0], bounds_[0]) - highest(of[1], bounds_[1]),
            highest(of[0], bounds_[0]) - lowest(of[1], bounds_[1])};
  }

  /// The sum of parts, smallest coefficients first, and a constant is 0.
  void split(std::span<const Part> parts, Wide constant) {
    const auto [lo, hi] = range(parts);
    if (lo + constant > 0 || hi + constant < 0) {
      impossible_ = true;
      return;
    }
    for (std::size_t m = 0; m < parts.size(); ++m) {
      if (m > 0 && std::abs(parts[m - 1].k) == std::abs(parts[m].k)) continue;
      if (m == 0 && constant == 0) continue;
      std::int64_t g = 0;
      for (const Part& p : parts.subspan(m)) g = std::gcd(g, p.k);
      const auto [least, most] = range(parts.first(m));
      for (Wide rest : {(constant % g + g) % g, (constant % g + g) % g - g}) {
        if (least + rest <= -g || most + rest >= g) continue;
        if (m == 0) {
          if (rest != 0) impossible_ = true;
          if (rest != 0) return;
          continue;
        }
        split(parts.first(m), rest);
        return split(parts.subspan(m), constant - rest);
      }
    }
    if (parts.size() == 2 && constant == 0 && parts[0].atom == parts[1].atom &&
        parts[0].k == parts[1].k && parts[0].run != parts[1].run)
      learn(parts[0].atom);
  }

  /// x is equal; so is what it was divided from, once all is known that is left of it.
  void learn(Expr x) {
    if (!equal_.insert(x.node()).second) return;
    if (x->op == Op::FloorMod && x->args[1]->op == Op::Const) remainders_.push_back(x);
    if (x->op == Op::FloorDiv && x->args[1]->op == Op::Const) quotients_.push_back(x);
    if (x->op == Op::Add || x->op == Op::Mul) {
      Form f;
      f.add(x, 1);
      equation(f, f);
    }
    for (Expr mod : std::vector<Expr>(remainders_)) {
      const Expr z = mod->args[0];
      if (mod->args[1]->i > 0 && has_equal_quotient(z, mod->args[1]->i)) learn(z);
    }
  }

  /// z / n is equal, or it is y / (m n) where z is y / m.
  bool has_equal_quotient(Expr z, std::int64_t n) {
    if (is_equal(floor_div(z, n))) return true;
    return std::ranges::any_of(quotients_, [&](Expr q) {
      const std::int64_t by = q->args[1]->i;
      return by > 0 && by % n == 0 && floor_div(q->args[0], by / n) == z;
    });
  }

  const IsCommon& is_common_;
  Bounds bounds_[2];
  std::unordered_set<const ExprNode*> equal_, made_of_equal_;
  std::vector<Expr> remainders_, quotients_;  // among them
  bool impossible_ = false;
};

}  // namespace

bool equal_index_means_equal(const Place& a, const Place& b, const std::vector<Expr>& wanted,
                             const std::function<bool(Expr)>& is_common) {
  return Proof(a, b, is_common).shows(wanted) || Proof(b, a, is_common).shows(wanted);
}

bool depends_on_data(Expr x) {
  bool found = false;
  for_each_below(x, [&](Expr e) { found = found || e->op == Op::Load || e->op == Op::RegRead; });
  return found;
}

}  // namespace lilith::kir
