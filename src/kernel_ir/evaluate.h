#pragma once
#include <span>
#include <vector>

#include "kernel_ir/kernel.h"
#include "kernel_ir/scalar.h"

namespace lilith::kir {

/// Where evaluation finds the values of leaves. Each default throws InternalError.
class Leaves {
 public:
  virtual ~Leaves() = default;
  virtual std::int64_t var(VarId id);
  virtual Value load(BufferId buffer, std::int64_t index);
  virtual Value reg(RegId id, std::span<const std::int64_t> index);
};

/// An expression laid out for repeated evaluation on the host, one value at a time.
class Evaluation {
 public:
  explicit Evaluation(Expr root, MulAddRounds rounds = MulAddRounds::once);
  Value run(Leaves& leaves);

 private:
  struct Step {
    Op op;
    DType dtype, operand;
    std::int64_t id;
    std::vector<int> args;
  };
  Value load(const Step& s, Leaves& leaves) const;
  Value read(const Step& s, Leaves& leaves) const;

  const MulAddRounds rounds_;
  std::vector<Step> steps_;
  std::vector<Value> values_;
};

inline Value evaluate(Expr x, Leaves& leaves) { return Evaluation(x).run(leaves); }

}  // namespace lilith::kir
