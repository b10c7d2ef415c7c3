#pragma once
#include <concepts>

#include "lilith/ops/index.h"
#include "lilith/reflect.h"
#include "lilith/tensor.h"

namespace lilith {

struct LinearOptions {
  bool bias = true;
  DType dtype = DType::F32;
};

/// x weight^T + bias. x [..., in_features] -> [..., out_features]; weight [out_features,
/// in_features], bias [out_features], both uniform in ±1/sqrt(in_features). Ref: torch.nn.Linear.
class Linear {
 public:
  Linear(Int in_features, Int out_features, const LinearOptions& options = {},
         SourceLocation loc = SourceLocation::current());
  /// Linear(784, 10, false): without a bias.
  template <std::same_as<bool> B>
  Linear(Int in_features, Int out_features, B bias, SourceLocation loc = SourceLocation::current())
      : Linear(in_features, out_features, LinearOptions{.bias = bias}, loc) {}
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  /// Draws what a new one starts with. Ref: torch.nn.Module.reset_parameters
  void reset_parameters(SourceLocation loc = SourceLocation::current());

  Tensor weight, bias;
  std::int64_t in_features = 0, out_features = 0;  // as it was made
  LILITH_FIELDS(weight, bias)
};

/// x1^T weight_k x2 + bias_k. x1 [..., in1], x2 [..., in2] -> [..., out]; weight [out, in1, in2],
/// bias [out], both uniform in ±1/sqrt(in1). Ref: torch.nn.Bilinear.
class Bilinear {
 public:
  Bilinear(Int in1_features, Int in2_features, Int out_features, const LinearOptions& options = {},
           SourceLocation loc = SourceLocation::current());
  template <std::same_as<bool> B>
  Bilinear(Int in1_features, Int in2_features, Int out_features, B bias,
           SourceLocation loc = SourceLocation::current())
      : Bilinear(in1_features, in2_features, out_features, LinearOptions{.bias = bias}, loc) {}
  Tensor operator()(const Tensor& x1, const Tensor& x2,
                    SourceLocation loc = SourceLocation::current()) const;
  /// Draws what a new one starts with. Ref: torch.nn.Module.reset_parameters
  void reset_parameters(SourceLocation loc = SourceLocation::current());

  Tensor weight, bias;
  LILITH_FIELDS(weight, bias)
};

/// x as it is.
struct Identity {
  Tensor operator()(const Tensor& x) const { return x; }
};

/// Dimensions start_dim … end_dim as one; the batch dimension stays.
struct Flatten {
  Dim start_dim = 1;
  Dim end_dim = -1;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};

/// Dimension `dim` as several of these sizes, one of which may be -1.
struct Unflatten {
  Dim dim = 1;
  Shape sizes;
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
};

struct EmbeddingOptions {
  std::optional<Int> padding_idx = {};  // this row is zero and gets no gradient
  bool sparse = false;                  // changes nothing: gradients are dense
  DType dtype = DType::F32;
};

/// Rows of weight. x integers [...] -> [..., embedding_dim]; weight [num_embeddings,
/// embedding_dim], normal(0, 1). Ref: torch.nn.Embedding.
class Embedding {
 public:
  Embedding(Int num_embeddings, Int embedding_dim, const EmbeddingOptions& options = {},
            SourceLocation loc = SourceLocation::current());
  template <detail::AnyNumber N>
  Embedding(Int num_embeddings, Int embedding_dim, N padding_idx,
            SourceLocation loc = SourceLocation::current())
      : Embedding(num_embeddings, embedding_dim, {.padding_idx = Int(padding_idx)}, loc) {}
  Tensor operator()(const Tensor& x, SourceLocation loc = SourceLocation::current()) const;
  /// Draws what a new one starts with. Ref: torch.nn.Module.reset_parameters
  void reset_parameters(SourceLocation loc = SourceLocation::current());

  Tensor weight;
  std::optional<std::int64_t> padding_idx;
  LILITH_FIELDS(weight, padding_idx)
};

struct EmbeddingBagOptions {
  detail::Named named = {};
  std::optional<Real> max_norm = {};  // rows of a larger norm are read scaled to it
  Real norm_type = 2;
  bool scale_grad_by_freq = false;
  BagMode mode = BagMode::Mean;
  bool sparse = false;  // changes nothing: gradients are dense
  bool include_last_offset = false;
  std::optional<Int> padding_idx = {};  // this row is zero and left out of every bag
  DType dtype = DType::F32;
};

/// The sum, mean or largest of the rows of weight in each bag. x integers [B, L], or [L] with
/// offsets [B] -> [B, embedding_dim]; weight [num_embeddings, embedding_dim], normal(0, 1). Ref:
/// torch.nn.EmbeddingBag.
class EmbeddingBag {
 public:
  EmbeddingBag(Int num_embeddings, Int embedding_dim, const EmbeddingBagOptions& options = {},
               SourceLocation loc = SourceLocation::current());
  Tensor operator()(const Tensor& x, const Tensor& offsets = {},
                    const Tensor& per_sample_weights = {},
                    SourceLocation loc = SourceLocation::current()) const;
  /// Draws what a new one starts with. Ref: torch.nn.Module.reset_parameters
  void reset_parameters(SourceLocation loc = SourceLocation::current());

  Tensor weight;
  std::optional<double> max_norm;
  double norm_type = 2;
  bool scale_grad_by_freq = false;
  BagMode mode;
  bool include_last_offset = false;
  std::optional<std::int64_t> padding_idx;
  LILITH_FIELDS(weight, max_norm, norm_type, scale_grad_by_freq, mode, include_last_offset,
                padding_idx)
};

}  // namespace lilith
