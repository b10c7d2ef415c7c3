#include "lilith/nn/linear.h"

#include "lilith/init.h"
#include "lilith/ops/create.h"
#include "lilith/ops/index.h"
#include "lilith/ops/nn.h"
#include "lilith/ops/random.h"
#include "lilith/ops/shape.h"
#include "nn/default_init.h"

namespace lilith {

Linear::Linear(Int in_features, Int out_features, const LinearOptions& options,
               SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(in_features >= 0 && out_features >= 0,
               "Linear: in_features and out_features must not be negative; got {} and {}.",
               in_features, out_features);
  weight = detail::fan_in_uniform({out_features, in_features}, in_features, options.dtype);
  if (options.bias) bias = detail::fan_in_uniform({out_features}, in_features, options.dtype);
}
Tensor Linear::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return linear(x, weight, bias);
}

Bilinear::Bilinear(Int in1_features, Int in2_features, Int out_features,
                   const LinearOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(in1_features > 0 && in2_features > 0 && out_features > 0,
               "Bilinear: the numbers of features must be positive; got {}, {} and {}.",
               in1_features, in2_features, out_features);
  weight = detail::fan_in_uniform({out_features, in1_features, in2_features}, in1_features,
                                  options.dtype);
  if (options.bias) bias = detail::fan_in_uniform({out_features}, in1_features, options.dtype);
}
Tensor Bilinear::operator()(const Tensor& x1, const Tensor& x2, SourceLocation loc) const {
  LocScope scope(loc);
  return bilinear(x1, x2, weight, bias);
}

Tensor Flatten::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return flatten(x, start_dim, end_dim);
}
Tensor Unflatten::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return unflatten(x, dim, sizes);
}

Embedding::Embedding(Int num_embeddings, Int embedding_dim, const EmbeddingOptions& options,
                     SourceLocation loc)
    : padding_idx(options.padding_idx) {
  LocScope scope(loc);
  LILITH_CHECK(num_embeddings > 0 && embedding_dim > 0,
               "Embedding: num_embeddings and embedding_dim must be positive; got {} and {}.",
               num_embeddings, embedding_dim);
  weight = randn({num_embeddings, embedding_dim}, {.dtype = options.dtype});
  if (!padding_idx) return;
  LILITH_CHECK(*padding_idx >= -num_embeddings && *padding_idx < num_embeddings,
               "Embedding: padding_idx {} is outside of [{}, {}).", *padding_idx, -num_embeddings,
               num_embeddings);
  if (*padding_idx < 0) *padding_idx += num_embeddings;
  weight =
      select_scatter(weight, zeros({embedding_dim}, {.dtype = options.dtype}), 0, *padding_idx);
}
Tensor Embedding::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return embedding(x, weight, padding_idx);
}

}  // namespace lilith
