#include "registry.h"

#include "char_lstm/train.h"
#include "cnn/train.h"
#include "dcgan/train.h"
#include "gpt/train.h"
#include "lenet/train.h"
#include "realnvp/train.h"
#include "resnet/train.h"
#include "unet_diffusion/train.h"
#include "vae/train.h"
#include "vit/train.h"
#include "wine/train.h"

namespace lilith::zoo {

const std::vector<Entry>& models() {
  static const std::vector<Entry> kModels = {
      {"char-lstm", "two LSTM layers that write text, character by character", train_char_lstm,
       nullptr},
      {"cnn", "three small convolutions, classifies digits", train_cnn, bench_cnn},
      {"dcgan", "generator and discriminator of convolutions, draw digits", train_dcgan, nullptr},
      {"gpt", "small transformer that writes text, character by character", train_gpt, nullptr},
      {"lenet", "LeNet with 5x5 convolutions, classifies digits", train_lenet, bench_lenet},
      {"realnvp", "six affine couplings, the density of two moons", train_realnvp, nullptr},
      {"resnet", "residual network, classifies photographs", train_resnet, nullptr, true},
      {"unet-diffusion", "denoising diffusion with a U-Net, draws digits", train_unet_diffusion,
       nullptr},
      {"vae", "variational autoencoder of digits, 5 latent numbers", train_vae, bench_vae},
      {"vit", "vision transformer on patches, classifies digits", train_vit, nullptr},
      {"wine", "linear regression of wine quality, beside the closed form", train_wine, nullptr},
  };
  return kModels;
}

const Entry& find_model(const std::string& name) {
  std::string names;
  for (const Entry& entry : models()) {
    if (entry.name == name) return entry;
    names += (names.empty() ? "" : ", ") + entry.name;
  }
  fail("no model '{}' in the zoo; there are: {}", name, names);
}

}  // namespace lilith::zoo
