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
  this->in_features = in_features;
  this->out_features = out_features;
}
void Linear::reset_parameters(SourceLocation loc) {
  LocScope scope(loc);
  detail::reset_fan_in(weight.size(1), {&weight, &bias});
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
void Bilinear::reset_parameters(SourceLocation loc) {
  LocScope scope(loc);
  detail::reset_fan_in(weight.size(1), {&weight, &bias});
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

namespace {

struct Table {
  Tensor weight;
  std::optional<std::int64_t> padding_idx;
};
// What both embeddings start with: normal(0, 1), the padding's row 0.
Table new_table(const char* layer, std::int64_t rows, std::int64_t width,
                const std::optional<Int>& padding_idx, DType dtype) {
  LILITH_CHECK(rows > 0 && width > 0,
               "{}: num_embeddings and embedding_dim must be positive; got {} and {}.", layer, rows,
               width);
  Table t{randn({rows, width}, {.dtype = dtype}), {}};
  if (!padding_idx) return t;
  LILITH_CHECK(*padding_idx >= -rows && *padding_idx < rows,
               "{}: padding_idx {} is outside of [{}, {}).", layer, *padding_idx, -rows, rows);
  t.padding_idx = *padding_idx < 0 ? *padding_idx + rows : std::int64_t(*padding_idx);
  t.weight = select_scatter(t.weight, zeros({width}, {.dtype = dtype}), 0, *t.padding_idx);
  return t;
}

// In place, so that ties stay.
void reset_table(Tensor& weight, const std::optional<std::int64_t>& padding_idx) {
  init::normal_(weight);
  if (padding_idx) weight.index_put_({*padding_idx}, 0);
}

}  // namespace

Embedding::Embedding(Int num_embeddings, Int embedding_dim, const EmbeddingOptions& options,
                     SourceLocation loc) {
  LocScope scope(loc);
  Table t =
      new_table("Embedding", num_embeddings, embedding_dim, options.padding_idx, options.dtype);
  weight = std::move(t.weight);
  padding_idx = t.padding_idx;
}
void Embedding::reset_parameters(SourceLocation loc) {
  LocScope scope(loc);
  reset_table(weight, padding_idx);
}
Tensor Embedding::operator()(const Tensor& x, SourceLocation loc) const {
  LocScope scope(loc);
  return embedding(x, weight, padding_idx);
}

EmbeddingBag::EmbeddingBag(Int num_embeddings, Int embedding_dim,
                           const EmbeddingBagOptions& options, SourceLocation loc)
    : max_norm(options.max_norm),
      norm_type(options.norm_type),
      scale_grad_by_freq(options.scale_grad_by_freq),
      mode(options.mode),
      include_last_offset(options.include_last_offset) {
  LocScope scope(loc);
  Table t =
      new_table("EmbeddingBag", num_embeddings, embedding_dim, options.padding_idx, options.dtype);
  weight = std::move(t.weight);
  padding_idx = t.padding_idx;
}
void EmbeddingBag::reset_parameters(SourceLocation loc) {
  LocScope scope(loc);
  reset_table(weight, padding_idx);
}
Tensor EmbeddingBag::operator()(const Tensor& x, const Tensor& offsets,
                                const Tensor& per_sample_weights, SourceLocation loc) const {
  LocScope scope(loc);
  EmbeddingBagFunctionOptions o{.offsets = offsets,
                                .norm_type = norm_type,
                                .scale_grad_by_freq = scale_grad_by_freq,
                                .mode = mode,
                                .per_sample_weights = per_sample_weights,
                                .include_last_offset = include_last_offset};
  if (max_norm) o.max_norm = *max_norm;
  if (padding_idx) o.padding_idx = *padding_idx;
  return embedding_bag(x, weight, o);
}

}  // namespace lilith
