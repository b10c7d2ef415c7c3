#include "registry.h"

#include "cnn/train.h"
#include "lenet/train.h"
#include "vae/train.h"
#include "wine/train.h"

namespace lilith::zoo {

const std::vector<Entry>& models() {
  static const std::vector<Entry> kModels = {
      {"cnn", "three small convolutions, classifies digits", train_cnn, bench_cnn},
      {"lenet", "LeNet with 5x5 convolutions, classifies digits", train_lenet, bench_lenet},
      {"vae", "variational autoencoder of digits, 5 latent numbers", train_vae, bench_vae},
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
