#include "lilith/nn/activation.h"

#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/random.h"

namespace lilith {

Tensor ReLU::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return relu(x);
}
Tensor LeakyReLU::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return leaky_relu(x, negative_slope);
}
Tensor ELU::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return elu(x, alpha);
}
Tensor SELU::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return selu(x);
}
Tensor CELU::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return celu(x, alpha);
}
Tensor GELU::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return gelu(x, approximate);
}
Tensor SiLU::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return silu(x);
}
Tensor Mish::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return mish(x);
}
Tensor Tanh::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return tanh(x);
}
Tensor Sigmoid::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return sigmoid(x);
}
Tensor LogSigmoid::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return logsigmoid(x);
}
Tensor Softplus::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return lilith::softplus(x, beta, threshold);
}
Tensor Softsign::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return softsign(x);
}
Tensor Hardtanh::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return hardtanh(x, min_val, max_val);
}
Tensor ReLU6::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return relu6(x);
}
Tensor Hardswish::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return hardswish(x);
}
Tensor Hardsigmoid::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return hardsigmoid(x);
}
Tensor Hardshrink::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return hardshrink(x, lambd);
}
Tensor Softshrink::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return softshrink(x, lambd);
}
Tensor Tanhshrink::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return tanhshrink(x);
}
Tensor GLU::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return glu(x, dim);
}
Tensor Softmax::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return softmax(x, dim);
}
Tensor Softmin::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return softmin(x, dim);
}
Tensor LogSoftmax::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return log_softmax(x, dim);
}

Tensor RReLU::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return rrelu(x, lower, upper, training);
}

PReLU::PReLU(Int num_parameters, Real init, SourceLocation loc) {
  LocScope scope(loc);
  weight = full({num_parameters}, init, TensorOptions{});
}
Tensor PReLU::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return prelu(x, weight);
}

Tensor Threshold::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return lilith::threshold(x, threshold, value);
}
Tensor Softmax2d::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  LILITH_CHECK(x.ndim() == 3 || x.ndim() == 4, "Softmax2d: x is {}; need [N,C,H,W] or [C,H,W].",
               x.aval().str());
  return softmax(x, -3);
}

}  // namespace lilith
