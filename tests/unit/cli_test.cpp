// The command line as a process: exit status, what goes to stdout, what to stderr.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "lilith/io.h"
#include "lilith/ops/create.h"
#include "support/opencl.h"

namespace lilith {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct Outcome {
  int status = -1;
  std::string out, err;
  Json last_json() const {
    const auto end = out.find_last_not_of('\n');
    const auto begin = out.rfind('\n', end);
    return Json::parse(out.substr(begin == out.npos ? 0 : begin + 1));
  }
};

class Cli : public testing::Test {
 protected:
  void SetUp() override {
    program_ = LILITH_PROGRAM;
    ASSERT_TRUE(fs::exists(program_)) << program_ << " is not built";
    dir_ = fs::temp_directory_path() / fmt::format("lilith-cli-{}", ::getpid());
    fs::create_directories(dir_);
  }
  void TearDown() override {
    if (!dir_.empty()) fs::remove_all(dir_);
  }
  std::string path(const std::string& name) const { return (dir_ / name).string(); }
  static std::string text_of(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Outcome run(const std::string& args) const {
    const std::string command =
        fmt::format("{} {} > {} 2> {}", program_.string(), args, path("out"), path("err"));
    const int raw = std::system(command.c_str());
    return {WIFEXITED(raw) ? WEXITSTATUS(raw) : -1, text_of(path("out")), text_of(path("err"))};
  }
  static void expect_has(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks: " << part;
  }
  fs::path program_, dir_;
};

TEST_F(Cli, Cache) {
  const auto cache = [&](const std::string& command) {
    ::setenv("LILITH_CACHE", path("cache").c_str(), 1);
    const Outcome o = run(command);
    ::setenv("LILITH_CACHE", "off", 1);
    return o;
  };
  EXPECT_EQ(cache("cache path").out, path("cache") + "\n");
  expect_has(cache("cache stats").out, "all              0       0.0 MiB of 1024.0 MiB, in ");
  ASSERT_EQ(cache("bench cnn --batch-size 4 --probe-compile --device cpu").status, 0);
  const std::string stats = cache("cache stats").out;
  for (const char* kind : {"program ", "kernel ", "object "}) expect_has(stats, kind);
  const std::string good = cache("cache verify").out;
  expect_has(good, " entries are good, 0 were damaged and are removed\n");
  expect_has(cache("cache pack " + path("pack")).out,
             good.substr(0, good.find(' ')) + " entries in " + path("pack"));
  fs::resize_file(fs::directory_iterator(path("cache"))->path(), 20);
  expect_has(cache("cache verify").out, "1 were damaged");
  expect_has(cache("cache clear").out, " entries removed\n");
  expect_has(cache("cache stats").out, "all              0 ");
  fs::permissions(path("cache"), fs::perms(0777));
  const Outcome refused = cache("cache stats");
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(refused.err,
            "lilith: cache: " + path("cache") + ": others own it or can write to it\n");
  const Outcome off = run("cache path");
  EXPECT_EQ(off.status, 1);
  expect_has(off.err, "cache: nothing is kept on disk: LILITH_CACHE is off");
  EXPECT_NE(cache("cache").status, 0);
  EXPECT_NE(cache("cache pack").status, 0);
}

TEST_F(Cli, HelpIsEverywhere) {
  const Outcome help = run("--help");
  EXPECT_EQ(help.status, 0);
  for (const char* command : {"train", "bench", "inspect", "explain", "devices", "cache"}) {
    expect_has(help.out, command);
    const Outcome of = run(fmt::format("{} --help", command));
    EXPECT_EQ(of.status, 0);
    expect_has(of.out, "Usage: lilith " + std::string(command));
  }
  expect_has(run("train --help").out, "wine");
}

TEST_F(Cli, ExplainReplaysACase) {
  fs::create_directories(path("case"));
  std::ofstream(path("case/graph.txt")) << "%x: f32[2,3] = parameter\n"
                                           "%k: f32[2,3] = parameter\n"
                                           "%2: f32[2,3] = mul(%x, %k)\n"
                                           "return %2\n";
  save_tensors({{"0", arange(6).to(kFloat32).reshape({2, 3})}, {"1", full({2, 3}, 0.5)}},
               path("case/inputs.safetensors"));
  const Outcome o = run("explain --replay " + path("case"));
  EXPECT_EQ(o.status, 0) << o.err;
  expect_has(o.out, "mul");
  expect_has(o.out, "output 0: f32[2,3]  min 0  max 2.5  mean 1.25");
  EXPECT_EQ(run("explain --replay " + path("case") + " --html " + path("page.html")).status, 0);
  expect_has(text_of(path("page.html")), "mul -> %0 f32[2,3]");
  ::setenv("LILITH_DISABLE", "nosuch,padding", 1);
  const Outcome unknown = run("explain --replay " + path("case"));
  ::unsetenv("LILITH_DISABLE");
  EXPECT_EQ(unknown.status, 0);
  expect_has(unknown.err, "LILITH_DISABLE: there is no 'nosuch'; there are: fuse, ");
  expect_has(unknown.err, "LILITH_DISABLE: 'padding' stays: kernels rely on it");
  EXPECT_NE(run("explain").status, 0);
  const Outcome missing = run("explain --replay " + path("nowhere"));
  EXPECT_EQ(missing.status, 1);
  expect_has(missing.err, "explain: cannot read");
}

TEST_F(Cli, ExplainReplaysACaseOfADevice) {
  NEEDS_OPENCL;
  fs::create_directories(path("case"));
  std::ofstream(path("case/graph.txt")) << "%x: f32[2]@opencl:0 = parameter\n"
                                           "%1: f32[2]@opencl:0 = mul(%x, %x)\n"
                                           "return %1\n";
  save_tensors({{"0", tensor({1.f, 3.f})}}, path("case/inputs.safetensors"));
  const Outcome o = run("explain --replay " + path("case"));
  EXPECT_EQ(o.status, 0) << o.err;
  expect_has(o.out, "output 0: f32[2]  min 1  max 9  mean 5");
}

TEST_F(Cli, MistakesGoToStderrWithAStatus) {
  const auto expect_failure = [&](const std::string& args, const std::string& part) {
    const Outcome o = run(args);
    EXPECT_NE(o.status, 0) << args;
    EXPECT_EQ(o.out, "") << args;
    expect_has(o.err, part);
  };
  expect_failure("", "subcommand is required");
  expect_failure(
      "fly",
      "no command 'fly'; there are: train, bench, inspect, convert, explain, devices, cache");
  expect_failure("trainn cnn", "no command 'trainn', do you mean 'train'?");
  expect_failure("train cnn --epochs -1", "--epochs: '-1' is not above 0");
  expect_failure("train cnn --lr -1", "--lr: '-1' is not above 0");
  expect_failure("bench cnn --batch-size 0", "--batch-size: '0' is not above 0");
  expect_failure("train cnn --seed -1", "--seed: '-1' is negative");
  std::ofstream(path("model.onnx")) << "pytorch, this is a text of some length";
  expect_failure(
      "inspect " + path("model.onnx"),
      "is text, not weights; it begins with 'pytorch, this is a text of some length'; need "
      "safetensors");
  save_tensors({{"w", ones({2})}}, path("other.safetensors"));
  expect_failure("bench cnn --weights " + path("other.safetensors"),
                 "load: " + path("other.safetensors") + ": ");
  expect_failure("train", "model is required");
  expect_failure("train resnet9000",
                 "no model 'resnet9000' in the zoo; there are: char-lstm, cnn, dcgan, gpt, lenet, "
                 "realnvp, resnet, unet-diffusion, vae, vit, wine");
  expect_failure("train cnn --epochs 0", "--epochs");
  ::setenv("LILITH_DEVICE", "npu", 1);
  expect_failure("train cnn", "device: 'npu' names none");
  ::unsetenv("LILITH_DEVICE");
  ::setenv("LILITH_PRECISION", "low", 1);
  expect_failure("train cnn", "'low' is none of highest, high and medium");
  ::unsetenv("LILITH_PRECISION");
  expect_failure("bench cnn --precision f32",
                 "--precision: 'f32' is none of highest, high and medium");
  expect_failure("train cnn --device tpu", "device: 'tpu' names none; the devices are: cpu");
  expect_failure("train cnn --resume", "--resume: no --out");
  expect_failure("train cnn --data " + path("nowhere"), "nowhere is not a folder");
  expect_failure("train wine --data " + path("nowhere"), "winequality-red.csv");
  expect_failure("bench wine", "'wine' has no benchmark");
  expect_failure("bench cnn --weights " + path("none.safetensors"), "none.safetensors");
  expect_failure("inspect " + path("none.safetensors"), "none.safetensors");
}

TEST_F(Cli, DevicesBeginWithTheCpu) {
  const Outcome o = run("devices");
  EXPECT_EQ(o.status, 0);
  EXPECT_EQ(o.out.substr(0, 3), "cpu");
}

TEST_F(Cli, InspectShowsTensorsAndIdx) {
  save_tensors(TensorDict{{"w", tensor({{1.f, 2.f}, {3.f, 6.f}})}, {"n", tensor({7})}},
               path("t.safetensors"));
  const Outcome o = run("inspect " + path("t.safetensors"));
  EXPECT_EQ(o.status, 0);
  expect_has(o.out, "f32[2,2]");
  expect_has(o.out, "min 1  max 6  mean 3");
  expect_has(o.out, "2 tensors, 5 elements");
  std::ofstream(path("t.idx"), std::ios::binary)
      << std::string("\0\0\x08\x01\0\0\0\x02\x05\x09", 10);
  const Outcome idx = run("inspect " + path("t.idx"));
  EXPECT_EQ(idx.status, 0);
  expect_has(idx.out, "u8[2]");
  expect_has(idx.out, "min 5  max 9");
}

TEST_F(Cli, InspectShowsWhatIsRefusedAndConvertLeavesNothingOutUnasked) {
  std::string header = R"({"c":{"dtype":"C64","shape":[1],"data_offsets":[0,8]},)"
                       R"("w":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})";
  std::string head(8, '\0');
  head[0] = static_cast<char>(header.size());
  std::ofstream(path("c.safetensors"), std::ios::binary) << head << header << std::string(12, '\0');
  const Outcome o = run("inspect --header " + path("c.safetensors"));
  EXPECT_EQ(o.status, 0) << o.err;
  expect_has(o.out, "not read: it is complex (C64)");
  expect_has(o.out, "safetensors: 1 tensors, 1 elements, 4 B; 1 not read");
  const std::string to = " " + path("out.npz");
  const Outcome refused = run("convert " + path("c.safetensors") + to);
  EXPECT_EQ(refused.status, 1);
  expect_has(refused.err, "'c' is complex (C64)");
  EXPECT_FALSE(fs::exists(path("out.npz")));
  const Outcome skipped = run("convert --skip " + path("c.safetensors") + to);
  EXPECT_EQ(skipped.status, 0) << skipped.err;
  expect_has(skipped.err, "left out: 'c' is complex");
  EXPECT_EQ(load_tensors(path("out.npz")).size(), 1u);
  EXPECT_EQ(
      run("convert --only w --quantize Q8_0 " + path("c.safetensors") + " " + path("out.gguf"))
          .status,
      0);
  expect_has(run("inspect " + path("out.gguf")).out, "GGUF: 1 tensors");
}

TEST_F(Cli, TrainWritesAReportAndResumes) {
  const std::string base = "train wine --seed 3 --out " + path("run");
  const Outcome o = run(base + " --epochs 60 --lr 0.1");
  ASSERT_EQ(o.status, 0) << o.err;
  expect_has(o.err, "not the wine data");
  const Json j = o.last_json();
  EXPECT_EQ(j.at("model"), "wine");
  EXPECT_EQ(j.at("epochs"), 60);
  EXPECT_EQ(j.at("seed"), 3);
  for (const char* colour : {"red", "white"}) {
    const double closed = j.at(colour).at("least_squares_mse"), raw = j.at(colour).at("raw_mse");
    EXPECT_NEAR(raw, closed, 0.02 * closed);
  }
  for (const char* file : {"model-red.safetensors", "metrics.csv", "curves.png"}) {
    EXPECT_TRUE(fs::exists(dir_ / "run" / file)) << file;
  }
  const Outcome again = run(base + " --epochs 60 --lr 0.1 --resume");
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(again.last_json().at("red"), j.at("red"));
  const std::string metrics = text_of(path("run/metrics.csv"));
  EXPECT_EQ(metrics.substr(0, 25), "run,epoch,loss,val_loss,l") << metrics;
  for (const char* run : {"red-raw,1,", "red,60,", "white-raw,1,", "white,60,"})
    expect_has(metrics, std::string("\n") + run);
  // Fewer epochs than are done already: the report says how many its figures come from.
  const Outcome fewer = run(base + " --epochs 1 --lr 0.1 --resume");
  ASSERT_EQ(fewer.status, 0) << fewer.err;
  EXPECT_EQ(fewer.last_json().at("epochs"), 60);
  expect_has(fewer.err, "60 epochs are done already");
}

// The first of several fits is interrupted: no other begins, and the figures are those so far.
TEST_F(Cli, CtrlCAndSigtermEndTrainingAtOnce) {
  // A shell without a terminal starts what runs in the background with SIGINT ignored, and what is
  // ignored stays so.
  const auto interrupt = [&](const std::string& args, const std::string& signal) {
    const std::string command = fmt::format(
        "cd {0}; rm -f out err; env --default-signal=INT {1} {2} > out 2> err & p=$!; "
        "n=0; while [ $((n += 1)) -lt 3000 ] && kill -0 $p && ! grep -qs '^epoch' err; do sleep "
        "0.02; done 2> waited; "
        "kill -{3} $p; wait $p",
        dir_.string(), program_.string(), args, signal);
    const int raw = std::system(command.c_str());
    return Outcome{WIFEXITED(raw) ? WEXITSTATUS(raw) : -1, text_of(path("out")),
                   text_of(path("err"))};
  };
  const std::string base = "train wine --epochs 100000";
  for (const std::string& args : {base, base + " --resume", base + " --out ctrlc"}) {
    const bool term = args == base;
    const Outcome o = interrupt(args, term ? "TERM" : "INT");
    ASSERT_EQ(o.status, term ? 143 : 130) << args << "\n" << o.err;
    const Json j = o.last_json();
    EXPECT_TRUE(j.at("interrupted").get<bool>());
    EXPECT_GT(j.at("train_loss").get<double>(), 0);
    EXPECT_GT(j.at("test_loss").get<double>(), 0);
    EXPECT_GE(j.at("epochs").get<int>(), 1);
    EXPECT_LT(j.at("epochs").get<int>(), 100000);
    expect_has(o.err, args.ends_with("ctrlc") ? "checkpoint-red-raw.safetensors"
                                              : "lilith-interrupted-red-raw.safetensors");
    EXPECT_EQ(o.err.find("\nred\n"), std::string::npos) << "a second fit began";
  }
}

}  // namespace
}  // namespace lilith
