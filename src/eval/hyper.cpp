#include "lilith/hyper.h"

#include "eval/trace.h"
#include "ir/node.h"

namespace lilith {

double Hyper::value() const {
  if (tracer_.defined()) driver::note_hyper_read(*this);
  return value_;
}

Tensor Hyper::tensor() const {
  if (tracer_.defined()) return tracer_;
  return ir::make_scalar({Scalar::Kind::Float, 0, value_}, DType::F64);
}

Hyper& Hyper::operator=(double value) & {
  LILITH_CHECK(
      !tracer_.defined() || value == value_,
      "compile: a Hyper is assigned ({} -> {}) while the function is traced; it would not be when "
      "the program runs. Assign it outside, between the calls.",
      value_, value);
  value_ = value;
  return *this;
}

}  // namespace lilith
