#include "lilith/loops.h"
#include "lilith/ops.h"

// Functions of whole numbers that take as many steps as the numbers ask for.
namespace lilith {
namespace {

struct Two {
  Tensor a, b;
};

Two operands(const char* op, const Arg& a, const Arg& b) {
  const DType dtype = result_type(a, b);
  LILITH_CHECK(!is_floating(dtype) && dtype != DType::Bool, "{}: got {}; need integers", op,
               name(dtype));
  const auto both =
      broadcast_tensors({abs(a.tensor(dtype).to(dtype)), abs(b.tensor(dtype).to(dtype))});
  return {both[0], both[1]};
}

// Euclid's algorithm.
Tensor divisor(const Two& numbers) {
  return while_loop([](const Two& t) { return any(t.b != 0); },
                    [](const Two& t) {
                      const Tensor done = t.b == 0;
                      return Two{where(done, t.a, t.b),
                                 where(done, 0, t.a % where(done, 1, t.b)).to(t.b.dtype())};
                    },
                    numbers)
      .a;
}

}  // namespace

Tensor gcd(const Arg& a, const Arg& b) {
  const LocScope scope(a.loc());
  return divisor(operands("gcd", a, b));
}
Tensor lcm(const Arg& a, const Arg& b) {
  const LocScope scope(a.loc());
  const Two n = operands("lcm", a, b);
  const Tensor d = divisor(n);
  return where(d == 0, 0, floor_divide(n.a, where(d == 0, 1, d)) * n.b).to(d.dtype());
}

}  // namespace lilith
