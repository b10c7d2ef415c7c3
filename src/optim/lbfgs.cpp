#include "lilith/optim/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "lilith/ops/create.h"
#include "lilith/ops/shape.h"
#include "optim/wolfe.h"

namespace lilith {

namespace {

using optim::Point, optim::Vector, optim::dot;

double largest(const Vector& a) {
  double out = 0;
  for (const double v : a) {
    if (std::isnan(v)) return v;
    out = std::max(out, std::fabs(v));
  }
  return out;
}

Tensor tensor_of(const Vector& values, const Shape& shape) {
  return from_data(values.data(), shape);
}
Buffer number(double value) { return tensor_of({value}, {}); }

/// The parameters as one vector; what is tied comes once.
class Flat {
 public:
  explicit Flat(ModelRef model) : model_(model), tensors_(detail::parameter_list(model)) {
    const std::vector<std::size_t> roots = detail::tied_parameters(model);
    for (std::size_t k = 0; k < tensors_.size(); ++k) {
      root_.push_back(roots.empty() ? k : roots[k]);
      if (!counts(k)) continue;
      const auto v = tensors_[k].to(DType::F64).to_vector<double>();
      start_.insert(start_.end(), v.begin(), v.end());
    }
  }
  std::size_t size() const { return start_.size(); }

  // The parameters at start + t d.
  void move(double t, const Vector& d) {
    std::size_t at = 0;
    std::vector<Tensor> values = tensors_;
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (!counts(k)) {
        if (root_[k] != k) values[k].rebind(values[root_[k]]);
        continue;
      }
      Vector v(static_cast<std::size_t>(values[k].numel()));
      for (double& x : v) x = start_[at] + t * d[at], ++at;
      values[k] = tensor_of(v, values[k].shape()).to(values[k].dtype()).to(values[k].device());
    }
    detail::assign_parameters(model_, values);
  }
  void settle(double t, const Vector& d) {
    move(t, d);
    for (std::size_t i = 0; i < start_.size(); ++i) start_[i] += t * d[i];
  }
  Vector gradient(const std::vector<Tensor>& gradients) const {
    Vector out;
    for (std::size_t k = 0; k < tensors_.size(); ++k) {
      if (!counts(k)) continue;
      if (!gradients[k].defined()) {
        out.resize(out.size() + static_cast<std::size_t>(tensors_[k].numel()));
        continue;
      }
      const auto v = gradients[k].to(DType::F64).to_vector<double>();
      out.insert(out.end(), v.begin(), v.end());
    }
    return out;
  }

 private:
  bool counts(std::size_t k) const {
    return root_[k] == k && tensors_[k].defined() && is_floating(tensors_[k].dtype());
  }
  ModelRef model_;
  std::vector<Tensor> tensors_;
  std::vector<std::size_t> root_;
  Vector start_;
};

// What LBFGS keeps, as vectors.
struct Memory {
  std::deque<Vector> y, s;
  std::deque<double> ro;
  double h_diag = 1;

  void push(Vector dy, Vector ds, std::size_t limit) {
    const double ys = dot(dy, ds);
    if (ys <= 1e-10) return;
    if (y.size() == limit) {
      y.pop_front();
      s.pop_front();
      ro.pop_front();
    }
    h_diag = ys / dot(dy, dy);
    y.push_back(std::move(dy));
    s.push_back(std::move(ds));
    ro.push_back(1 / ys);
  }
  // -H g by the two-loop recursion (Nocedal and Wright, algorithm 7.4).
  Vector direction(const Vector& g) const {
    Vector q(g.size());
    for (std::size_t i = 0; i < q.size(); ++i) q[i] = -g[i];
    const auto add = [&](double a, const Vector& v) {
      for (std::size_t i = 0; i < q.size(); ++i) q[i] += a * v[i];
    };
    std::vector<double> alpha(y.size());
    for (std::size_t k = y.size(); k-- > 0;) {
      alpha[k] = dot(s[k], q) * ro[k];
      add(-alpha[k], y[k]);
    }
    for (double& v : q) v *= h_diag;
    for (std::size_t k = 0; k < y.size(); ++k) add(alpha[k] - dot(y[k], q) * ro[k], s[k]);
    return q;
  }
};

}  // namespace

LBFGS::LBFGS(const LBFGSOptions& o, SourceLocation loc)
    : lr(o.lr),
      tolerance_grad(o.tolerance_grad),
      tolerance_change(o.tolerance_change),
      max_iter(o.max_iter),
      max_eval(o.max_eval ? std::int64_t(*o.max_eval) : std::int64_t(o.max_iter) * 5 / 4),
      history_size(o.history_size),
      strong_wolfe(o.line_search_fn == "strong_wolfe") {
  LocScope scope(loc);
  LILITH_CHECK(lr >= 0 && max_iter >= 1 && history_size >= 1,
               "LBFGS: lr {}, max_iter {}, history_size {}; need lr >= 0 and the others >= 1", lr,
               max_iter, history_size);
  LILITH_CHECK(strong_wolfe || o.line_search_fn.empty(),
               "LBFGS: line_search_fn is '{}'; need 'strong_wolfe' or none", o.line_search_fn);
}

void LBFGS::prepare(ConstModelRef model) {
  LocScope scope(model.loc(), nullptr);
  std::int64_t n = 0;
  for (const Tensor& p : parameters(model))
    if (is_floating(p.dtype())) n += p.numel();
  LILITH_CHECK(n > 0, "LBFGS: the model has no floating parameter");
  if (d.defined()) {
    LILITH_CHECK(d.numel() == n, "LBFGS: its state is of {} numbers, the model has {}", d.numel(),
                 n);
    return;
  }
  const TensorOptions wide{.dtype = DType::F64};
  d = prev_flat_grad = zeros({n}, wide);
  old_dirs = old_stps = zeros({history_size, n}, wide);
  ro = zeros({history_size}, wide);
  for (Buffer* b : {&t, &prev_loss, &n_iter, &func_evals, &history}) *b = number(0);
  H_diag = number(1);
}

double LBFGS::run(ModelRef model, const Evaluate& evaluate) {
  LocScope scope(model.loc(), "LBFGS");
  prepare(model);
  Flat x(model);
  const auto n = static_cast<std::int64_t>(x.size());
  std::int64_t evals = 0;
  const auto at = [&](double step, const Vector& direction) {
    x.move(step, direction);
    std::vector<Tensor> gradients;
    ++evals;
    const double loss = evaluate(gradients);
    Vector g = x.gradient(gradients);
    return Point{step, loss, std::move(g), 0};
  };
  Memory memory;
  const auto rows = static_cast<std::int64_t>(history.item<double>());
  const auto restore = [&](std::deque<Vector>& to, const Tensor& from) {
    const auto all = from.to_vector<double>();
    for (std::int64_t k = 0; k < rows; ++k)
      to.emplace_back(all.begin() + k * n, all.begin() + (k + 1) * n);
  };
  restore(memory.y, old_dirs);
  restore(memory.s, old_stps);
  const auto ros = ro.to_vector<double>();
  memory.ro.assign(ros.begin(), ros.begin() + rows);
  memory.h_diag = H_diag.item<double>();
  Vector direction = d.to_vector<double>(), before = prev_flat_grad.to_vector<double>();
  double step = t.item<double>(), loss_before = prev_loss.item<double>();
  auto iterations = static_cast<std::int64_t>(n_iter.item<double>());

  Point now = at(0, Vector(x.size()));
  const double first_loss = now.loss;
  bool flat = largest(now.gradient) <= tolerance_grad;
  for (std::int64_t i = 1; !flat && i <= max_iter; ++i) {
    if (++iterations > 1) {
      Vector dy = now.gradient, ds = direction;
      for (std::size_t k = 0; k < dy.size(); ++k) dy[k] -= before[k], ds[k] *= step;
      memory.push(std::move(dy), std::move(ds), static_cast<std::size_t>(history_size));
    }
    direction = memory.direction(now.gradient);
    before = now.gradient;
    loss_before = now.loss;
    step = lr;
    if (iterations == 1) {
      double size = 0;
      for (const double v : now.gradient) size += std::fabs(v);
      step = std::min(1.0, 1 / size) * lr;
    }
    const double slope = dot(now.gradient, direction);
    if (slope > -tolerance_change) break;
    if (strong_wolfe) {
      now = optim::wolfe_search([&](double s) { return at(s, direction); }, now, direction, step,
                                tolerance_change);
      step = now.step;
      x.settle(step, direction);
    } else {
      x.settle(step, direction);
      if (i != max_iter) now = at(0, direction);
    }
    flat = largest(now.gradient) <= tolerance_grad;
    if (evals >= max_eval || largest(direction) * step <= tolerance_change ||
        std::fabs(now.loss - loss_before) < tolerance_change)
      break;
  }

  const auto keep = [&](Buffer& to, const std::deque<Vector>& from) {
    Vector all;
    for (const Vector& v : from) all.insert(all.end(), v.begin(), v.end());
    all.resize(static_cast<std::size_t>(history_size * n));
    to = tensor_of(all, {history_size, n});
  };
  keep(old_dirs, memory.y);
  keep(old_stps, memory.s);
  Vector factors(memory.ro.begin(), memory.ro.end());
  factors.resize(static_cast<std::size_t>(history_size));
  ro = tensor_of(factors, {history_size});
  d = tensor_of(direction, {n});
  prev_flat_grad = tensor_of(before, {n});
  t = number(step);
  H_diag = number(memory.h_diag);
  prev_loss = number(loss_before);
  n_iter = number(static_cast<double>(iterations));
  func_evals = number(func_evals.item<double>() + static_cast<double>(evals));
  history = number(static_cast<double>(memory.y.size()));
  return first_loss;
}

}  // namespace lilith
