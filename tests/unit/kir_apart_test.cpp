#include "kernel_ir/apart.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "kernel_ir/evaluate.h"

// Proofs about indices next to all values of the variables: what is proved has to be true.
namespace lilith::kir {
namespace {

struct Values : Leaves {
  std::map<VarId, std::int64_t> of;
  std::int64_t var(VarId id) override { return of.at(id); }
};

/// Two places over a common variable, two threads' variables and one of an inner loop.
struct Question {
  Pool p;
  Expr common = p.var(2, "common"), t = p.var(4, "t"), u = p.var(3, "u"), k = p.var(3, "k");
  Place a, b;
  std::vector<Expr> wanted;

  explicit Question(std::mt19937& rng) : rng_(rng) {
    a = place();
    b = pick(2) == 0 ? a : place();
    wanted = pick(2) == 0 ? std::vector<Expr>{t} : std::vector<Expr>{t, u};
  }

  bool is_proved() const {
    return equal_index_means_equal(a, b, wanted, [&](Expr x) { return x == common; });
  }
  /// By trying everything.
  bool is_true() {
    std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::vector<std::int64_t>>> at;
    each_run([&](Values& v) {
      if (holds(a, v)) at[{v.var(id(common)), evaluate(a.index, v).i}].push_back(values(v));
    });
    bool all = true;
    each_run([&](Values& v) {
      if (!holds(b, v)) return;
      for (const auto& other : at[{v.var(id(common)), evaluate(b.index, v).i}])
        all = all && other == values(v);
    });
    return all;
  }

 private:
  static VarId id(Expr x) { return static_cast<VarId>(x->i); }
  std::int64_t pick(std::int64_t n) {
    return static_cast<std::int64_t>(rng_() % static_cast<unsigned>(n));
  }
  Expr number() {
    return p.integer(std::vector<int>{1, 1, 2, 3, 4, 5, 6, 8, 9, 12, 24, -1,
                                      -4}[static_cast<std::size_t>(pick(13))]);
  }
  Expr variable() {
    return std::vector<Expr>{common, t, u, k, t}[static_cast<std::size_t>(pick(5))];
  }
  Expr sum(int terms) {
    Expr x = p.integer(pick(4) == 0 ? pick(9) - 4 : 0);
    for (int n = 0; n < terms; ++n) {
      Expr atom = variable();
      if (pick(4) == 0) {
        const Expr whole = t + u * p.integer(4);
        atom = pick(2) == 0 ? floor_div(whole, 1 + pick(6)) : floor_mod(whole, 2 + pick(6));
      }
      x = x + atom * number();
    }
    return x;
  }
  Place place() {
    Place out{sum(1 + static_cast<int>(pick(4))), {}};
    for (int n = static_cast<int>(pick(3)); n > 0; --n) {
      const Expr c =
          pick(4) == 0 ? eq(variable(), p.integer(pick(3))) : lt(sum(2), p.integer(pick(16)));
      out.conditions.push_back(c);
    }
    return out;
  }

  static bool holds(const Place& x, Values& v) {
    for (Expr c : x.conditions) {
      if (evaluate(c, v).i == 0) return false;
    }
    return true;
  }
  std::vector<std::int64_t> values(Values& v) const {
    std::vector<std::int64_t> out;
    for (Expr x : wanted) out.push_back(v.var(id(x)));
    return out;
  }
  template <class F>
  void each_run(F&& f) {
    Values v;
    for (int n = 0; n < 2 * 4 * 3 * 3; ++n) {
      v.of = {{id(common), n % 2}, {id(t), n / 2 % 4}, {id(u), n / 8 % 3}, {id(k), n / 24}};
      f(v);
    }
  }
  std::mt19937& rng_;
};

TEST(KirApart, WhatIsProvedIsTrue) {
  std::mt19937 rng(5);
  int truths = 0, proofs = 0;
  for (int n = 0; n < 4000; ++n) {
    Question q(rng);
    const bool is_true = q.is_true(), is_proved = q.is_proved();
    truths += is_true ? 1 : 0;
    proofs += is_proved ? 1 : 0;
    std::string text = to_string(q.a.index) + " | " + to_string(q.b.index);
    for (const Place* x : {&q.a, &q.b}) {
      for (Expr c : x->conditions) text += "; " + to_string(c);
    }
    ASSERT_TRUE(is_true || !is_proved) << "case " << n << ": " << text;
  }
  // Most of what is not proved is true for reasons that no kernel has.
  EXPECT_GT(proofs, truths / 3);
}

}  // namespace
}  // namespace lilith::kir
