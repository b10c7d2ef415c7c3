#pragma once
#include "lilith/tensor.h"

namespace lilith {

/// A run-time number of an optimiser or scheduler (lr, momentum): an input of programs, never part
/// of their key, so that changing it compiles nothing. Reads and writes like a double.
class Hyper {
 public:
  Hyper(double value = 0) : value_(value) {}
  template <detail::Checked T>
  Hyper(T value) : value_(value) {}
  /// The number. Inside a `compile` trace that has this object as an argument, the trace then
  /// depends on the value: it becomes part of the signature (a change traces again).
  operator double() const { return value(); }
  double value() const;
  /// A 0-d f64 tensor: an input of the program inside a `compile` trace, a run-time scalar
  /// elsewhere.
  Tensor tensor() const;

  Hyper& operator=(double value) &;
  template <detail::Checked T>
  Hyper& operator=(T value) & {
    return *this = static_cast<double>(value);
  }
  template <std::same_as<bool> B>
  Hyper& operator=(B) & {
    static_assert(detail::is_a_number<B>,
                  "lilith: a bool stands where a number is due and would be read as 0 or 1");
    return *this;
  }

 private:
  friend struct HyperAccess;  // src/eval: sets the tracer while a function is traced
  double value_ = 0;
  Tensor tracer_;
};

/// For the tracer alone.
struct HyperAccess {
  static double value(const Hyper& h) { return h.value_; }
  static Tensor& tracer(Hyper& h) { return h.tracer_; }
};

}  // namespace lilith
