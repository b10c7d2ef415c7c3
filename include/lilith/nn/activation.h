#pragma once
#include "lilith/ops/activation.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

// The functions of lilith/ops/activation.h as layers, with torch.nn's names and defaults.
// x: floating -> the same shape.

struct ReLU {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct LeakyReLU {
  Real negative_slope = 0.01;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct ELU {
  Real alpha = 1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct SELU {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct CELU {
  Real alpha = 1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct GELU {
  GeluApproximation approximate = GeluApproximation::None;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct SiLU {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Mish {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Tanh {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Sigmoid {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct LogSigmoid {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Softplus {
  Real beta = 1;
  Real threshold = 20;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Softsign {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Hardtanh {
  Real min_val = -1;
  Real max_val = 1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct ReLU6 {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Hardswish {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Hardsigmoid {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Hardshrink {
  Real lambd = 0.5;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Softshrink {
  Real lambd = 0.5;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Tanhshrink {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct GLU {
  Dim dim = -1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Softmax {
  Dim dim = -1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct Softmin {
  Dim dim = -1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct LogSoftmax {
  Dim dim = -1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};

/// x where x > 0, else weight x; weight [num_parameters] starts as `init`. Ref: torch.nn.PReLU.
class PReLU {
 public:
  explicit PReLU(Int num_parameters = 1, Real init = 0.25,
                 SourceLocation loc = SourceLocation::current());
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;

  Tensor weight;
  LILITH_FIELDS(weight)
};

}  // namespace lilith
