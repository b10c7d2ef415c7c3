// Work on elements: chains, broadcasts, reductions, normalisations, losses.
#include "workload.h"

namespace lilith::bench {

std::vector<Workload> pointwise() {
  return {
      {"add of 64", {normal({64}), normal({64})}, [](const Tensors& x) { return x[0] + x[1]; }},
      {"add of 4M",
       {normal({2048, 2048}), normal({2048, 2048})},
       [](const Tensors& x) { return x[0] + x[1]; }},
      {"linear chain of 1M",
       {normal({1000, 1000}), normal({1000, 1000}), normal({1000, 1000})},
       [](const Tensors& x) { return (x[0] * 0.5 + x[1] * 2 - x[2]) * x[0] + 1; }},
      {"polynomial of degree 9, 1M",
       {normal({1 << 20})},
       [](const Tensors& x) {
         Tensor y = x[0] * 0.1;
         for (int k = 1; k < 9; ++k) y = (y + 1.0 / k) * x[0];
         return y;
       }},
      {"exp, log, tanh, sigmoid of 1M",
       {unit({1 << 20})},
       [](const Tensors& x) { return exp(x[0]) + log(x[0]) * tanh(x[0]) - sigmoid(x[0]); }},
      {"sin 20 times, 256k",
       {normal({512, 512})},
       [](const Tensors& x) {
         Tensor y = x[0];
         for (int k = 0; k < 20; ++k) y = sin(y) * 0.9 + x[0];
         return y;
       }},
      {"gelu 2048x1536", {normal({2048, 1536})}, [](const Tensors& x) { return gelu(x[0]); }},
      {"gelu by tanh 2048x1536",
       {normal({2048, 1536})},
       [](const Tensors& x) { return gelu(x[0], GeluApproximation::Tanh); }},
      {"swiglu 2048x1024",
       {normal({2048, 1024}), normal({2048, 1024})},
       [](const Tensors& x) { return silu(x[0]) * x[1]; }},
      {"mish 1M", {normal({1 << 20})}, [](const Tensors& x) { return mish(x[0]); }},
      {"leaky relu and mask 2M",
       {normal({2, 1 << 20})},
       [](const Tensors& x) { return where((x[0] > -1) & (x[0] < 2), leaky_relu(x[0]), 0); }},
      {"powers and roots of 1M",
       {unit({1 << 20}), unit({1 << 20})},
       [](const Tensors& x) { return pow(x[0], 2.5) / sqrt(x[1]) + rsqrt(x[0]); }},
      {"rounding to 8 bits, 2M",
       {normal({2, 1 << 20})},
       [](const Tensors& x) { return clamp(round(x[0] * 64), -128, 127) / 64; },
       false},
      {"formula of Adam, 1M",
       {normal({1 << 20}), normal({1 << 20}), unit({1 << 20}), normal({1 << 20})},
       [](const Tensors& x) {
         const Tensor m = x[1] * 0.9 + x[3] * 0.1, v = x[2] * 0.999 + x[3] * x[3] * 0.001;
         return x[0] - 1e-3 * m / (sqrt(v) + 1e-8);
       }},
      {"f64 in between, 1M",
       {normal({1 << 20})},
       [](const Tensors& x) {
         const Tensor y = x[0].to(DType::F64);
         return (y * y + 1.0).sqrt().to(DType::F32);
       }},
  };
}

std::vector<Workload> broadcasts() {
  return {
      {"bias and relu 4096x1024",
       {normal({4096, 1024}), normal({1024})},
       [](const Tensors& x) { return relu(x[0] + x[1]); }},
      {"column times 4096x1024",
       {normal({4096, 1024}), normal({4096, 1})},
       [](const Tensors& x) { return x[0] * x[1]; }},
      {"scale and shift of channels 16x64x56x56",
       {normal({16, 64, 56, 56}), normal({1, 64, 1, 1}), normal({1, 64, 1, 1})},
       [](const Tensors& x) { return x[0] * x[1] + x[2]; }},
      {"row plus column 2000x2000",
       {normal({2000, 1}), normal({1, 2000})},
       [](const Tensors& x) { return tanh(x[0] + x[1]); }},
      {"middle dimension 64x128x256",
       {normal({64, 1, 256}), normal({64, 128, 256})},
       [](const Tensors& x) { return x[0] * x[1]; }},
      {"scalar tensor times 2M",
       {normal({}), normal({2, 1 << 20})},
       [](const Tensors& x) { return x[0] * x[1]; }},
      {"pairwise distances 256x300x64",
       {normal({256, 1, 64}), normal({1, 300, 64})},
       [](const Tensors& x) { return (x[0] - x[1]).pow(2).sum({2}); }},
  };
}

std::vector<Workload> reductions() {
  return {
      {"sum of 4M", {normal({2048, 2048})}, [](const Tensors& x) { return x[0].sum(); }},
      {"sum of rows 4096x1024",
       {normal({4096, 1024})},
       [](const Tensors& x) { return x[0].sum({1}); }},
      {"sum of columns 4096x1024",
       {normal({4096, 1024})},
       [](const Tensors& x) { return x[0].sum({0}); }},
      {"sum of short rows 100000x10",
       {normal({100000, 10})},
       [](const Tensors& x) { return x[0].sum({1}); }},
      {"sum of long rows 3x1000000",
       {normal({3, 1000000})},
       [](const Tensors& x) { return x[0].sum({1}); }},
      {"mean of the middle 64x128x256",
       {normal({64, 128, 256})},
       [](const Tensors& x) { return x[0].mean({1}); }},
      {"mean of channels 16x64x56x56",
       {normal({16, 64, 56, 56})},
       [](const Tensors& x) { return x[0].mean({0, 2, 3}); }},
      {"variance of rows 1024x4096",
       {normal({1024, 4096})},
       [](const Tensors& x) { return var(x[0], {1}); }},
      {"variance of columns 1024x4096",
       {normal({1024, 4096})},
       [](const Tensors& x) { return var(x[0], {0}); }},
      {"norm of 4M", {normal({2048, 2048})}, [](const Tensors& x) { return norm(x[0]); }},
      {"logsumexp of rows 1024x1000",
       {normal({1024, 1000})},
       [](const Tensors& x) { return logsumexp(x[0], {1}); }},
      {"cumulative sum of rows 512x2048",
       {normal({512, 2048})},
       [](const Tensors& x) { return cumsum(x[0], 1); }},
      {"cumulative sum of columns 2048x512",
       {normal({2048, 512})},
       [](const Tensors& x) { return cumsum(x[0], 0); }},
  };
}

std::vector<Workload> extremes() {
  return {
      {"max of 4M", {normal({2048, 2048})}, [](const Tensors& x) { return x[0].max(); }},
      {"max of rows 4096x1024",
       {normal({4096, 1024})},
       [](const Tensors& x) { return amax(x[0], {1}); }},
      {"max of rows by index 4096x1024",
       {normal({4096, 1024})},
       [](const Tensors& x) { return max(x[0], 1).values; }},
      {"argmax of 8M",
       {normal({8, 1 << 20})},
       [](const Tensors& x) { return argmax(x[0]); },
       false},
      {"argmax of rows 4096x1000",
       {normal({4096, 1000})},
       [](const Tensors& x) { return argmax(x[0], 1); },
       false},
      {"argmin of columns 4096x1000",
       {normal({4096, 1000})},
       [](const Tensors& x) { return argmin(x[0], 0); },
       false},
      {"second largest of rows 1024x1000",
       {normal({1024, 1000})},
       [](const Tensors& x) {
         const Tensor first = argmax(x[0], 1, true);
         const Tensor others = masked_fill(x[0], arange(1000) == first, -1e9);
         return max(others, 1).values;
       }},
      {"count of positives 4M",
       {normal({2048, 2048})},
       [](const Tensors& x) { return count_nonzero(x[0] > 0); },
       false},
  };
}

std::vector<Workload> normalisations() {
  return {
      {"softmax 1024x1000",
       {normal({1024, 1000})},
       [](const Tensors& x) { return softmax(x[0], 1); }},
      {"softmax 1024x5000",
       {normal({1024, 5000})},
       [](const Tensors& x) { return softmax(x[0], 1); }},
      {"softmax 100000x10",
       {normal({100000, 10})},
       [](const Tensors& x) { return softmax(x[0], 1); }},
      {"softmax 16x50000",
       {normal({16, 50000})},
       [](const Tensors& x) { return softmax(x[0], 1); }},
      {"softmax of columns 1024x512",
       {normal({1024, 512})},
       [](const Tensors& x) { return softmax(x[0], 0); }},
      {"log softmax 4096x256",
       {normal({4096, 256})},
       [](const Tensors& x) { return log_softmax(x[0], 1); }},
      {"layer norm 2048x768",
       {normal({2048, 768}), normal({768}), normal({768})},
       [](const Tensors& x) { return layer_norm(x[0], 768, x[1], x[2]); }},
      {"layer norm 16384x64",
       {normal({16384, 64}), normal({64}), normal({64})},
       [](const Tensors& x) { return layer_norm(x[0], 64, x[1], x[2]); }},
      {"rms norm 2048x768",
       {normal({2048, 768}), normal({768})},
       [](const Tensors& x) { return x[0] * rsqrt((x[0] * x[0]).mean({1}, true) + 1e-6) * x[1]; }},
      {"batch norm 32x64x28x28",
       {normal({32, 64, 28, 28}), normal({64}), normal({64})},
       [](const Tensors& x) { return batch_norm(x[0], {}, {}, x[1], x[2], true); }},
      {"batch norm 512x1024",
       {normal({512, 1024}), normal({1024}), normal({1024})},
       [](const Tensors& x) { return batch_norm(x[0], {}, {}, x[1], x[2], true); }},
      {"batch norm in test mode 32x64x28x28",
       {normal({32, 64, 28, 28}), normal({64}), unit({64}), normal({64}), normal({64})},
       [](const Tensors& x) { return batch_norm(x[0], x[1], x[2], x[3], x[4]); }},
      {"group norm 16x64x32x32",
       {normal({16, 64, 32, 32}), normal({64}), normal({64})},
       [](const Tensors& x) { return group_norm(x[0], 8, x[1], x[2]); }},
      {"instance norm 16x32x48x48",
       {normal({16, 32, 48, 48})},
       [](const Tensors& x) { return instance_norm(x[0]); }},
      {"rows over their norm 8192x128",
       {normal({8192, 128})},
       [](const Tensors& x) { return normalize(x[0]); }},
  };
}

std::vector<Workload> losses() {
  return {
      {"cross entropy 512x1000",
       {normal({512, 1000}), below(1000, {512})},
       [](const Tensors& x) { return cross_entropy_loss(x[0], x[1]); }},
      {"cross entropy with smoothing 512x1000",
       {normal({512, 1000}), below(1000, {512})},
       [](const Tensors& x) { return cross_entropy_loss(x[0], x[1], {.label_smoothing = 0.1}); }},
      {"cross entropy of pixels 8x21x64x64",
       {normal({8, 21, 64, 64}), below(21, {8, 64, 64})},
       [](const Tensors& x) { return cross_entropy_loss(x[0], x[1]); }},
      {"mean squared error 1M",
       {normal({1024, 1024}), normal({1024, 1024})},
       [](const Tensors& x) { return mse_loss(x[0], x[1]); }},
      {"huber loss 1M",
       {normal({1024, 1024}), normal({1024, 1024})},
       [](const Tensors& x) { return huber_loss(x[0], x[1]); }},
      {"binary cross entropy with logits 1024x784",
       {normal({1024, 784}), unit({1024, 784})},
       [](const Tensors& x) { return binary_cross_entropy_with_logits(x[0], x[1]); }},
      {"binary cross entropy 1024x784",
       {unit({1024, 784}), unit({1024, 784})},
       [](const Tensors& x) { return binary_cross_entropy(x[0], x[1]); }},
      {"divergence of softmaxes 1024x100",
       {normal({1024, 100}), normal({1024, 100})},
       [](const Tensors& x) {
         return kl_div(log_softmax(x[0], 1), softmax(x[1], 1), KLDivReduction::BatchMean);
       }},
      {"triplet margin loss 1024x256",
       {normal({1024, 256}), normal({1024, 256}), normal({1024, 256})},
       [](const Tensors& x) { return triplet_margin_loss(x[0], x[1], x[2]); }},
      {"gaussian likelihood 1M",
       {normal({1024, 1024}), normal({1024, 1024}), unit({1024, 1024})},
       [](const Tensors& x) { return gaussian_nll_loss(x[0], x[1], x[2]); }},
  };
}

}  // namespace lilith::bench
