#pragma once
#include <cstdint>
#include <vector>

#include "lilith/tensor.h"

namespace lilith {

// Scores of predictions, computed on the host in double. Classifiers: `output` holds a score for
// each class [N, C] (logits, probabilities or their logarithms: the largest wins, the first of
// equals); `target` holds class numbers, integers [N]. Error for other shapes or dtypes, a target
// outside [0, C), and N = 0.

/// The part of the rows whose largest score is the target's. Ref: sklearn.metrics.accuracy_score.
double accuracy(const Arg& output, const Tensor& target);
/// The part of the rows whose target is among the k largest scores. Error when k is not in [1, C].
double top_k_accuracy(const Arg& output, const Tensor& target, std::int64_t k = 5);
/// counts[t][p]: rows of class t that were taken for class p.
std::vector<std::vector<std::int64_t>> confusion_matrix(const Arg& output, const Tensor& target);

/// How scores of single classes become one: their mean, or the score of all decisions together.
enum class Average { Macro, Micro };
/// Right among those predicted to be of the class; 0 for a class that is never predicted.
double precision(const Arg& output, const Tensor& target, Average average = Average::Macro);
/// Right among those of the class; 0 for a class that does not occur.
double recall(const Arg& output, const Tensor& target, Average average = Average::Macro);
/// Harmonic mean of precision and recall of each class. Ref: sklearn.metrics.f1_score.
double f1_score(const Arg& output, const Tensor& target, Average average = Average::Macro);

/// 1 - residual / total sum of squares; floating tensors of one shape. 0 when the target is
/// constant and the residual is not; 1 when both vanish. Ref: sklearn.metrics.r2_score.
double r2_score(const Arg& output, const Tensor& target);

}  // namespace lilith
