#pragma once
#include <lilith/init.h>
#include <lilith/nn.h>
#include <lilith/ops.h>

namespace lilith::zoo {

/// Convolutions start normal with 0.02, the scales of batch norms around 1, as in the paper.
template <class Net>
void init_dcgan(Net& net) {
  for_each_parameter(net, [](const std::string& path, Tensor& t) {
    if (t.ndim() == 4)
      init::normal_(t, 0, 0.02);
    else if (path.ends_with("weight"))
      init::normal_(t, 1, 0.02);
  });
}

/// Noise z f32 [N,100,1,1] -> images [N,1,28,28] in [-1, 1]. Radford et al., arXiv:1511.06434.
struct Generator {
  static constexpr std::int64_t kLatent = 100;
  Sequential main{ConvTranspose2d(kLatent, 128, 7, {.bias = false}),
                  BatchNorm2d(128),
                  ReLU(),
                  ConvTranspose2d(128, 64, 4, {.stride = 2, .padding = 1, .bias = false}),
                  BatchNorm2d(64),
                  ReLU(),
                  ConvTranspose2d(64, 1, 4, {.stride = 2, .padding = 1}),
                  Tanh()};

  Generator() { init_dcgan(*this); }
  Tensor operator()(const Tensor& z) { return main(z); }
  LILITH_FIELDS(main)
};

/// Images [N,1,28,28] -> logits [N] of being real.
struct Discriminator {
  Sequential main{Conv2d(1, 64, 4, {.stride = 2, .padding = 1}),
                  LeakyReLU(0.2),
                  Conv2d(64, 128, 4, {.stride = 2, .padding = 1, .bias = false}),
                  BatchNorm2d(128),
                  LeakyReLU(0.2),
                  Conv2d(128, 1, 7)};

  Discriminator() { init_dcgan(*this); }
  Tensor operator()(const Tensor& x) { return main(x).flatten(); }
  LILITH_FIELDS(main)
};

/// Cross-entropy of logits with all ones (`real`) or all zeros.
inline Tensor adversarial_loss(const Tensor& logits, bool real) {
  return binary_cross_entropy_with_logits(logits, full_like(logits, real ? 1.0 : 0.0));
}

}  // namespace lilith::zoo
