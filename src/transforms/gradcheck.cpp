#include <cmath>

#include "ir/host.h"
#include "ir/host_copy.h"
#include "ir/node.h"
#include "lilith/transforms.h"

namespace lilith::detail {
namespace {

/// A small generator, so that a failure is the same in every run.
class Random {
 public:
  double next() {  // in [-1, 1)
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(static_cast<std::int64_t>(state_)) / 9223372036854775808.0;
  }

 private:
  std::uint64_t state_ = 42;
};

std::vector<double> read(const Tensor& t) {
  std::vector<double> out(static_cast<std::size_t>(t.numel()));
  const StoragePtr value = ir::host_value(t, "gradcheck");
  const void* data = value->data();
  for (std::size_t k = 0; k < out.size(); ++k)
    out[k] = ir::read_f64(data, t.dtype(), static_cast<std::int64_t>(k));
  return out;
}

Tensor write(const Aval& aval, const std::vector<double>& values) {
  return ir::make_filled(aval, [&](void* data) {
    for (std::size_t k = 0; k < values.size(); ++k)
      ir::write_f64(data, aval.dtype, static_cast<std::int64_t>(k), values[k]);
  });
}

struct Slot {
  std::string path;
  std::vector<Tensor*> tensors;  // one, and those that are tied to it
  Tensor original, gradient;

  void set(const Tensor& value) const {
    for (Tensor* t : tensors) t->rebind(value);
  }
};

class Check {
 public:
  Check(const GradcheckOptions& options, ModelRef args, const FlatFunction& call)
      : options_(options), args_(args), call_(call) {}

  bool run() {
    std::vector<Tensor*> all;
    for_each_slot(args_, [&](Tensor& t, bool is_parameter) {
      if (is_parameter) all.push_back(&t);
    });
    const std::vector<std::size_t> roots = tied_parameters(args_);
    for_each_parameter(args_, [&](const std::string& path, Tensor& t) {
      if (!is_floating(t.dtype())) return;
      LILITH_CHECK(t.dtype() == DType::F64, "gradcheck: argument '{}' is {}; need f64", path,
                   t.aval().str());
      std::vector<Tensor*> tensors{&t};
      for (std::size_t k = 0; k < roots.size(); ++k)
        if (all[roots[k]] == &t && all[k] != &t) tensors.push_back(all[k]);
      slots_.push_back({path, std::move(tensors), Tensor(t.node()), {}});
    });
    analytic();
    for (Slot& s : slots_) {
      if (s.original.numel() <= options_.max_full)
        check_elements(s);
      else
        for (int k = 0; k < 3; ++k) check_direction(s);
    }
    return true;
  }

 private:
  void analytic() {
    std::vector<Tensor> gradients;
    {
      Tape tape("gradcheck", options_.loc);
      tape.watch(args_, 0, true);
      const std::vector<Tensor> outputs = call_();
      std::vector<Tensor> cts;
      for (const Tensor& y : outputs) {
        if (!is_floating(y.dtype())) {
          cts.emplace_back();
          weights_.emplace_back();
          continue;
        }
        std::vector<double> w(static_cast<std::size_t>(y.numel()));
        for (double& v : w) v = random_.next();
        cts.push_back(write(y.aval(), w));
        weights_.push_back(std::move(w));
      }
      Linearised(outputs, tape).pull_back(cts, args_);
    }
    for (Slot& s : slots_) {
      s.gradient.rebind(*s.tensors[0]);
      s.set(s.original);
    }
  }

  double value() {
    const std::vector<Tensor> outputs = call_();
    double sum = 0;
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      if (weights_[k].empty()) continue;
      const std::vector<double> y = read(outputs[k]);
      for (std::size_t i = 0; i < y.size(); ++i) sum += weights_[k][i] * y[i];
    }
    return sum;
  }

  double slope(Slot& s, const std::vector<double>& direction) {
    const std::vector<double> x = read(s.original);
    auto at = [&](double step) {
      std::vector<double> moved = x;
      for (std::size_t i = 0; i < x.size(); ++i) moved[i] += step * direction[i];
      s.set(write(s.original.aval(), moved));
      return value();
    };
    const double up = at(options_.eps), down = at(-options_.eps);
    s.set(s.original);
    return (up - down) / (2 * options_.eps);
  }

  void compare(const Slot& s, const std::string& where, double numeric, double gradient) const {
    const double tolerance = options_.atol + options_.rtol * std::abs(numeric);
    LILITH_CHECK(std::abs(numeric - gradient) <= tolerance,
                 "gradcheck: argument '{}', {}: numeric {}, from the rules {}; tolerance {}",
                 s.path, where, numeric, gradient, tolerance);
  }

  void check_elements(Slot& s) {
    const auto n = static_cast<std::size_t>(s.original.numel());
    const std::vector<double> g = s.gradient.defined() ? read(s.gradient) : std::vector<double>(n);
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<double> direction(n);
      direction[i] = 1;
      compare(s, fmt::format("element {}", i), slope(s, direction), g[i]);
    }
  }

  void check_direction(Slot& s) {
    const auto n = static_cast<std::size_t>(s.original.numel());
    const std::vector<double> g = s.gradient.defined() ? read(s.gradient) : std::vector<double>(n);
    std::vector<double> direction(n);
    double expected = 0;
    for (std::size_t i = 0; i < n; ++i) {
      direction[i] = random_.next();
      expected += direction[i] * g[i];
    }
    compare(s, "a random direction", slope(s, direction), expected);
  }

  const GradcheckOptions& options_;
  ModelRef args_;
  const FlatFunction& call_;
  Random random_;
  std::vector<Slot> slots_;
  std::vector<std::vector<double>>
      weights_;  // of each output; empty for those that are not floating
};

}  // namespace

bool gradcheck_flat(const GradcheckOptions& options, ModelRef args, const FlatFunction& call) {
  const LocScope::Fallback line(options.loc);
  return Check(options, args, call).run();
}

}  // namespace lilith::detail
