#pragma once
#include <lilith/nn.h>
#include <lilith/ops.h>

#include <utility>

namespace lilith::zoo {

/// A variational autoencoder: 784-500-(5, 5)-500-784 with tanh, a normal latent and Bernoulli
/// pixels.
struct Vae {
  static constexpr std::int64_t kLatent = 5;
  Linear enc1{784, 500};
  Linear enc2{500, kLatent};  // mean
  Linear enc3{500, kLatent};  // logarithm of the variance
  Linear dec1{kLatent, 500};
  Linear dec2{500, 784};

  /// Mean and log-variance of q(z|x). x f32 [N, 784] -> two of [N, 5].
  std::pair<Tensor, Tensor> encode(Tensor x) const {
    Tensor h = tanh(enc1(x));
    return {enc2(h), enc3(h)};
  }
  /// Logits of the pixels. z [N, 5] -> [N, 784].
  Tensor decode(Tensor z) const { return dec2(tanh(dec1(z))); }
  /// The reconstruction from the latent's mean. x [N, ...784] -> the same shape, in [0, 1].
  Tensor operator()(Tensor x) const {
    return sigmoid(decode(encode(x.flatten(1)).first)).reshape(x.shape());
  }
};

/// The negative evidence lower bound, summed over the batch: cross-entropy of the pixels plus
/// KL(q(z|x) || N(0, 1)). x [N, ...784] in [0, 1]; noise: standard normal [N, 5]. Ref: Kingma,
/// Welling 2013, appendix B.
inline Tensor vae_loss(const Vae& m, Tensor x, Tensor noise) {
  x = x.flatten(1);
  auto [mu, log_var] = m.encode(x);
  Tensor z = mu + noise * exp(log_var * 0.5);
  Tensor pixels = binary_cross_entropy_with_logits(m.decode(z), x, {.reduction = Reduction::Sum});
  Tensor kl = -0.5 * sum(1 + log_var - mu * mu - exp(log_var));
  return pixels + kl;
}

}  // namespace lilith::zoo
