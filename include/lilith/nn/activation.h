#pragma once
#include "lilith/ops/activation.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

// The functions of lilith/ops/activation.h as layers, with torch.nn's names and defaults.
// x: floating -> the same shape. `inplace` is PyTorch's and means nothing here: values do not
// change.

struct ReLU {
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS()
};
struct LeakyReLU {
  Real negative_slope = 0.01;
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(negative_slope)
};
struct ELU {
  Real alpha = 1;
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(alpha)
};
struct SELU {
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS()
};
struct CELU {
  Real alpha = 1;
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(alpha)
};
struct GELU {
  GeluApproximation approximate = GeluApproximation::None;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};
struct SiLU {
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS()
};
struct Mish {
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS()
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
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(min_val, max_val)
};
struct ReLU6 {
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS()
};
struct Hardswish {
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS()
};
struct Hardsigmoid {
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS()
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

/// x where x > threshold, else value. Ref: torch.nn.Threshold.
struct Threshold {
  Real threshold;
  Real value;
  bool inplace = false;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(threshold, value)
};
/// Softmax over the channels of x [N, C, H, W] or [C, H, W]. Ref: torch.nn.Softmax2d.
struct Softmax2d {
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};

/// x where x > 0, else a x: in training a is uniform in [lower, upper) for each element, else their
/// mean. Ref: torch.nn.RReLU, arXiv:1505.00853.
struct RReLU {
  Real lower = 1.0 / 8;
  Real upper = 1.0 / 3;
  bool inplace = false;
  bool training = true;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  LILITH_FIELDS(lower, upper, training)
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
