// Ref: pytorch/examples, dcgan, for digits of 28 x 28. `example_dcgan DIR EPOCHS` takes MNIST.
#include <lilith/plot.h>

#include "expect.h"

using namespace lilith;

constexpr int nz = 100, ngf = 16, ndf = 16;

void weights_init(auto& net) {
  apply(net, [](nn::Conv2d& m) { nn::init::normal_(m.weight, 0.0, 0.02); });
  apply(net, [](nn::ConvTranspose2d& m) { nn::init::normal_(m.weight, 0.0, 0.02); });
  apply(net, [](nn::BatchNorm2d& m) {
    nn::init::normal_(m.weight, 1.0, 0.02);
    nn::init::zeros_(m.bias);
  });
}

struct NetG {
  nn::Sequential main = nn::Sequential(
      nn::ConvTranspose2d(nz, ngf * 2, 7, {.bias = false}), nn::BatchNorm2d(ngf * 2),
      nn::ReLU(true), nn::ConvTranspose2d(ngf * 2, ngf, 4, 2, 1), nn::BatchNorm2d(ngf),
      nn::ReLU(true), nn::ConvTranspose2d(ngf, 1, 4, 2, 1), nn::Tanh());
  Tensor operator()(Tensor input) { return main(input); }
};

struct NetD {
  nn::Sequential main =
      nn::Sequential(nn::Conv2d(1, ndf, 4, 2, 1), nn::LeakyReLU(0.2, true),
                     nn::Conv2d(ndf, ndf * 2, 4, {.stride = 2, .padding = 1, .bias = false}),
                     nn::BatchNorm2d(ndf * 2), nn::LeakyReLU(0.2, true),
                     nn::Conv2d(ndf * 2, 1, 7, 1, 0), nn::Sigmoid());
  Tensor operator()(Tensor input) { return main(input).view(-1, 1).squeeze(1); }
};

int main(int argc, char** argv) {
  manual_seed(0);
  NetG netG;
  NetD netD;
  weights_init(netG);
  weights_init(netD);
  nn::BCELoss criterion;
  optim::Adam optimizerD({.lr = 0.0002, .betas = {0.5, 0.999}});
  optim::Adam optimizerG({.lr = 0.0002, .betas = {0.5, 0.999}});
  auto dataset = argc > 1 ? data::Dataset<2>(data::MNIST(argv[1], data::Split::Train))
                          : data::Dataset<2>(data::Digits(data::Split::Train, {.size = 256}));
  DataLoader dataloader(dataset, {.batch_size = 64, .shuffle = true});
  Tensor fixed_noise = randn(64, nz, 1, 1);
  double errD_first = 0, errD_last = 0;
  for (int epoch = 0; epoch < (argc > 2 ? std::atoi(argv[2]) : 2); ++epoch) {
    for (auto [data, _] : dataloader) {
      Tensor real = data * 2 - 1;
      const auto batch_size = real.size(0);
      // (1) Update D: maximize log(D(x)) + log(1 - D(G(z))). G runs once; pull takes its gradient.
      Tensor noise = randn(batch_size, nz, 1, 1);
      auto [fake, pull] = vjp([](NetG& G, Tensor z) { return G(z); }, netG, noise);
      auto [errD, gD] = grad(
          [&](NetD& D, Tensor x, Tensor made) {
            return criterion(D(x), ones(x.size(0))) + criterion(D(made), zeros(x.size(0)));
          },
          netD, real, fake.detach());
      update(optimizerD, netD, gD);
      // (2) Update G: maximize log(D(G(z))).
      auto [errG, g_fake] =
          grad([&](Tensor made) { return criterion(netD(made), ones(batch_size)); }, fake.detach());
      auto [gG, g_noise] = pull(g_fake);
      update(optimizerG, netG, gG);
      errD_last = errD.item();
      if (errD_first == 0) errD_first = errD_last;
      fmt::print("Loss_D: {:.4f} Loss_G: {:.4f}\n", errD_last, errG.item());
    }
  }
  eval(netG);
  image_sheet(netG(fixed_noise) / 2 + 0.5, 8).save("fake_samples.png");
  expect(errD_last < errD_first, "the discriminator learns");
}
