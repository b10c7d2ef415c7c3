#include "lilith/metrics.h"

#include <algorithm>
#include <cmath>

#include "ir/host_copy.h"
#include "ops/operand.h"

namespace lilith {
namespace {

// Scores [N, C] and targets [N] as host vectors.
struct Classified {
  std::int64_t rows = 0, classes = 0;
  std::vector<double> scores;
  std::vector<std::int64_t> targets;

  std::int64_t predicted(std::int64_t row) const {
    const auto from = scores.begin() + row * classes;
    return std::max_element(from, from + classes) - from;
  }
};

template <class To>
std::vector<To> host_values(const char* metric, const Tensor& values) {
  const Tensor t = ir::host_copy(values, metric);
  const auto n = static_cast<std::size_t>(t.numel());
  std::vector<To> out(n);
  const auto copy = [&](const auto* p) {
    using From = std::remove_cvref_t<decltype(*p)>;
    constexpr bool small = std::is_same_v<From, half> || std::is_same_v<From, bfloat16>;
    using Number = std::conditional_t<small, float, From>;
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<To>(static_cast<Number>(p[i]));
  };
  switch (t.dtype()) {
    case DType::Bool:
      copy(t.data<bool>());
      break;
    case DType::U8:
      copy(t.data<std::uint8_t>());
      break;
    case DType::I8:
      copy(t.data<std::int8_t>());
      break;
    case DType::I16:
      copy(t.data<std::int16_t>());
      break;
    case DType::I32:
      copy(t.data<std::int32_t>());
      break;
    case DType::I64:
      copy(t.data<std::int64_t>());
      break;
    case DType::F16:
      copy(t.data<half>());
      break;
    case DType::BF16:
      copy(t.data<bfloat16>());
      break;
    case DType::F32:
      copy(t.data<float>());
      break;
    case DType::F64:
      copy(t.data<double>());
      break;
    default:
      fail("metrics: dtype {} is not supported; cast to f32 first", name(t.dtype()));
  }
  return out;
}

Classified classified(const char* metric, const Tensor& output, const Tensor& target) {
  LILITH_CHECK(output.ndim() == 2 && is_floating(output.dtype()),
               "{}: output is {}; need floating scores [N, C]", metric, output.aval().str());
  LILITH_CHECK(target.ndim() == 1 && is_integral(target.dtype()),
               "{}: target is {}; need integer classes [N]{}", metric, target.aval().str(),
               ops::class_cure(output.shape(), target.aval()));
  LILITH_CHECK(output.size(0) == target.size(0), "{}: output {} has {} rows, target has {}", metric,
               output.aval().str(), output.size(0), target.size(0));
  LILITH_CHECK(target.size(0) > 0 && output.size(1) > 0, "{}: no rows or no classes: output is {}",
               metric, output.aval().str());
  LILITH_CHECK(output.size(1) > 1, "{}: output is {}: {}", metric, output.aval().str(),
               ops::kOneClass);
  Classified c{output.size(0), output.size(1), host_values<double>(metric, output),
               host_values<std::int64_t>(metric, target)};
  for (std::size_t i = 0; i < c.targets.size(); ++i) {
    LILITH_CHECK(c.targets[i] >= 0 && c.targets[i] < c.classes,
                 "{}: target {} at row {}; need 0 to {}", metric, c.targets[i], i, c.classes - 1);
  }
  return c;
}

struct Counts {
  double right = 0, predicted = 0, actual = 0;
};

std::vector<Counts> class_counts(const Classified& c) {
  std::vector<Counts> counts(static_cast<std::size_t>(c.classes));
  for (std::int64_t i = 0; i < c.rows; ++i) {
    const auto p = static_cast<std::size_t>(c.predicted(i));
    const auto t = static_cast<std::size_t>(c.targets[static_cast<std::size_t>(i)]);
    counts[p].predicted += 1;
    counts[t].actual += 1;
    if (p == t) counts[p].right += 1;
  }
  return counts;
}

// Every row is predicted and belongs to one class, so that over all decisions precision, recall and
// F1 are one number.
template <class Score>
double averaged(const Classified& c, Average average, Score score) {
  const auto counts = class_counts(c);
  double sum = 0;
  if (average == Average::Micro) {
    for (const Counts& k : counts) sum += k.right;
    return sum / static_cast<double>(c.rows);
  }
  for (const Counts& k : counts) sum += score(k);
  return sum / static_cast<double>(c.classes);
}

double ratio(double a, double b) { return b > 0 ? a / b : 0; }

}  // namespace

double accuracy(const Arg& output, const Tensor& target) {
  const LocScope scope(output.loc());
  const Classified c = classified("accuracy", output.tensor(), target);
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < c.rows; ++i)
    right += c.predicted(i) == c.targets[static_cast<std::size_t>(i)];
  return static_cast<double>(right) / static_cast<double>(c.rows);
}

double top_k_accuracy(const Arg& output, const Tensor& target, std::int64_t k) {
  const LocScope scope(output.loc());
  const Classified c = classified("top_k_accuracy", output.tensor(), target);
  LILITH_CHECK(k >= 1 && k <= c.classes, "top_k_accuracy: k is {}; need 1 to {}", k, c.classes);
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < c.rows; ++i) {
    const double* row = c.scores.data() + i * c.classes;
    const std::int64_t t = c.targets[static_cast<std::size_t>(i)];
    // Those before the target in the order of falling scores, equals by their number.
    std::int64_t before = 0;
    for (std::int64_t j = 0; j < c.classes; ++j)
      before += row[j] > row[t] || (row[j] == row[t] && j < t);
    right += before < k;
  }
  return static_cast<double>(right) / static_cast<double>(c.rows);
}

std::vector<std::vector<std::int64_t>> confusion_matrix(const Arg& output, const Tensor& target) {
  const LocScope scope(output.loc());
  const Classified c = classified("confusion_matrix", output.tensor(), target);
  const auto n = static_cast<std::size_t>(c.classes);
  std::vector<std::vector<std::int64_t>> counts(n, std::vector<std::int64_t>(n));
  for (std::int64_t i = 0; i < c.rows; ++i) {
    ++counts[static_cast<std::size_t>(c.targets[static_cast<std::size_t>(i)])]
            [static_cast<std::size_t>(c.predicted(i))];
  }
  return counts;
}

double precision(const Arg& output, const Tensor& target, Average average) {
  const LocScope scope(output.loc());
  return averaged(classified("precision", output.tensor(), target), average,
                  [](const Counts& k) { return ratio(k.right, k.predicted); });
}

double recall(const Arg& output, const Tensor& target, Average average) {
  const LocScope scope(output.loc());
  return averaged(classified("recall", output.tensor(), target), average,
                  [](const Counts& k) { return ratio(k.right, k.actual); });
}

double f1_score(const Arg& output, const Tensor& target, Average average) {
  const LocScope scope(output.loc());
  return averaged(classified("f1_score", output.tensor(), target), average,
                  [](const Counts& k) { return ratio(2 * k.right, k.predicted + k.actual); });
}

double r2_score(const Arg& scores, const Tensor& target) {
  const LocScope scope(scores.loc());
  const Tensor output = scores.tensor();
  LILITH_CHECK(output.shape() == target.shape() && is_floating(output.dtype()) &&
                   is_floating(target.dtype()),
               "r2_score: output is {}, target is {}; need floating tensors of one shape{}",
               output.aval().str(), target.aval().str(),
               ops::shape_cure("output", output.shape(), "target", target.shape()));
  LILITH_CHECK(target.numel() > 0, "r2_score: no values");
  const auto y = host_values<double>("r2_score", target),
             p = host_values<double>("r2_score", output);
  double mean = 0, residual = 0, total = 0;
  for (double v : y) mean += v;
  mean /= static_cast<double>(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) {
    residual += (y[i] - p[i]) * (y[i] - p[i]);
    total += (y[i] - mean) * (y[i] - mean);
  }
  if (total == 0) return residual == 0 ? 1 : 0;
  return 1 - residual / total;
}

}  // namespace lilith
