// `lilith train NAME` on little data: every model of the zoo that reads some ends, reports and
// leaves its files.
#include <gtest/gtest.h>
#include <lilith/lilith.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/temp_dir.h"
#include "zoo/resnet/model.h"

namespace lilith {
namespace {

namespace fs = std::filesystem;

class ZooTraining : public ::testing::Test {
 protected:
  struct Outcome {
    int status;
    std::string err;
    nlohmann::json report;
  };
  std::string path(const std::string& name) const { return dir_.file(name); }
  static std::string text_of(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Outcome train(const std::string& args) const {
    const std::string command =
        fmt::format("{} train {} > {} 2> {}", LILITH_PROGRAM, args, path("stdout"), path("stderr"));
    const int raw = std::system(command.c_str());
    const std::string out = text_of(path("stdout"));
    return {WIFEXITED(raw) ? WEXITSTATUS(raw) : -1, text_of(path("stderr")),
            nlohmann::json::parse(out, nullptr, false)};
  }
  Outcome trained(const std::string& args, std::initializer_list<const char*> files) const {
    Outcome o = train(args + " --epochs 1 --out " + path("out"));
    EXPECT_EQ(o.status, 0) << args << '\n' << o.err;
    for (const char* file : files)
      EXPECT_TRUE(fs::exists(path("out") + "/" + file)) << args << file;
    return o;
  }
  // MNIST's four files with so many images each.
  std::string mnist(std::uint8_t n) const {
    const auto write = [&](const std::string& name, std::string header, std::size_t bytes,
                           int modulus) {
      for (std::size_t i = 0; i < bytes; ++i)
        header += static_cast<char>(i * 7 % static_cast<std::size_t>(modulus));
      std::ofstream(path("mnist/" + name), std::ios::binary) << header;
    };
    fs::create_directories(path("mnist"));
    const std::string count{0, 0, 0, static_cast<char>(n)}, side{0, 0, 0, 28};
    for (const char* part : {"train", "t10k"}) {
      write(std::string(part) + "-images-idx3-ubyte", std::string{0, 0, 8, 3} + count + side + side,
            std::size_t{n} * 784, 256);
      write(std::string(part) + "-labels-idx1-ubyte", std::string{0, 0, 8, 1} + count, n, 10);
    }
    return path("mnist");
  }
  testing::TempDir dir_;
};

TEST_F(ZooTraining, Texts) {
  std::ofstream text(path("text.txt"));
  for (int i = 0; i < 70; ++i) text << "to be or not to be, " << i << '\n';
  text.close();
  for (const std::string model : {"gpt", "char-lstm"}) {
    const Outcome o = trained(model + " --data " + path("text.txt"),
                              {"model.safetensors", "sample.txt", "curves.png", "metrics.csv"});
    EXPECT_EQ(o.report["data"], "text.txt");
    EXPECT_GT(o.report["test_loss"], 0);
    EXPECT_EQ(text_of(path("out/sample.txt")).size(), 501u) << model;
  }
  const Outcome none = train("gpt --data " + path("nowhere.txt"));
  EXPECT_NE(none.status, 0);
  EXPECT_NE(none.err.find("--data: cannot read " + path("nowhere.txt")), std::string::npos)
      << none.err;
  std::ofstream(path("short.txt")) << "to be";
  EXPECT_NE(train("gpt --data " + path("short.txt")).err.find("need 1290 for windows of 128"),
            std::string::npos);
}

TEST_F(ZooTraining, Digits) {
  const std::string data = " --batch-size 8 --data " + mnist(16);
  trained("vit" + data, {"model.safetensors", "curves.png"});
  trained("dcgan" + data, {"model.safetensors", "samples.png", "metrics.csv"});
  const Outcome o = train("unet-diffusion --epochs 1" + data);
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_GT(o.report["train_loss"], 0);
  EXPECT_NE(train("dcgan --resume --out " + path("out") + data).err.find("keeps no checkpoint"),
            std::string::npos);
}

TEST_F(ZooTraining, Points) {
  const Outcome o = trained("realnvp", {"data.png", "samples.png", "inverse.png"});
  EXPECT_LT(o.report["inverse_error"], 1e-3);
  EXPECT_LT(o.report["test_loss"], 2.2);
  EXPECT_NE(train("realnvp --data x").err.find("draws its two moons itself"), std::string::npos);
}

TEST_F(ZooTraining, Photographs) {
  for (const std::string part : {"train", "test"}) {
    for (const std::string kind : {"cat", "dog"}) {
      fs::create_directories(path("photos/" + part + "/" + kind));
      for (int i = 0; i < 4; ++i)
        write_image(rand({3, 16, 16}), path(fmt::format("photos/{}/{}/{}.png", part, kind, i)));
    }
  }
  const std::string data = "resnet --data " + path("photos");
  const Outcome o = trained(data + " --batch-size 4", {"model.safetensors", "curves.png"});
  EXPECT_EQ(o.report["data"], "photos");
  // Scored without training, it has what it ended with.
  const Outcome scored = train(data + " --weights " + path("out/model.safetensors"));
  EXPECT_EQ(scored.status, 0) << scored.err;
  EXPECT_EQ(scored.report["epochs"], 0);
  EXPECT_EQ(scored.report["test_accuracy"], o.report["test_accuracy"]);
  EXPECT_NE(train("cnn --weights x.pt").err.find("'cnn' begins with weights of its own"),
            std::string::npos);
  fs::remove_all(path("photos/test/dog"));
  EXPECT_NE(train(data).err.find("has other classes than"), std::string::npos);
}

}  // namespace
}  // namespace lilith
