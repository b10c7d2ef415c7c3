// A process that finds on disk what an earlier one compiled: same bits, and LLVM is never loaded.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include "lilith/lilith.h"
#include "runtime/disk_cache.h"
#include "support/opencl.h"
#include "support/temp_dir.h"
#include "zoo/cnn/model.h"
#include "zoo/gpt/model.h"

namespace lilith {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;

struct Net {
  Conv2d conv{3, 8, 3, {.padding = 1}};
  BatchNorm2d norm{8};
  Linear out{8 * 4 * 4, 10};
  Tensor operator()(const Tensor& x) { return out(max_pool2d(relu(norm(conv(x))), 2).flatten(1)); }
};

std::uint64_t bits_of(const Tensor& t) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const double x : t.to(kFloat64).to_vector<double>())
    h = (h ^ std::bit_cast<std::uint64_t>(x)) * 0x100000001b3u;
  return h;
}

bool is_mapped(std::string_view library) {
  std::ifstream maps("/proc/self/maps");
  std::stringstream text;
  text << maps.rdbuf();
  return text.str().find(library) != std::string::npos;
}

void say_how() {
  std::printf("LLVM: %d %d\n", is_mapped("libLLVM"), is_mapped("liblilith-codegen"));
  const auto counts = runtime::disk_cache_counts();
  std::printf("counts: %ld %ld %ld\n", counts.hits, counts.misses, counts.stored);
}

// What the children of the tests below do, and say: they are run by them.
TEST(WarmStartChild, DISABLED_Trains) {
  manual_seed(7);
  Net net;
  Adam adam{{.lr = 1e-2}};
  const Tensor x = randn({6, 3, 8, 8});
  const Tensor y = tensor({0, 1, 2, 3, 4, 9});
  const auto loss = [&](Net& n) { return cross_entropy_loss(n(x), y); };
  for (int step = 0; step < 3; ++step) {
    auto [l, g] = grad(loss, net);
    update(adam, net, std::move(g));
    std::printf("child: loss %016lx\n", bits_of(l));
  }
  const auto f = compile([](const Tensor& a) { return softmax(a * 2.0, 1).sum({0}); });
  std::printf("child: compiled %016lx\n", bits_of(f(x.flatten(1))));
  const auto gram = compile([](const Tensor& a) { return matmul(a, a.t()); });
  for (int call = 0; call < 2; ++call)
    std::printf("child: gram %016lx\n", bits_of(gram(x.flatten(1))));
  const auto rows = [](const LSTM& m, const Tensor& x) { return m(x).output.sum(); };
  std::printf("child: loop %016lx\n",
              bits_of(grad(rows, LSTM{4, 5}, randn({7, 2, 4})).second.weights[0].weight_hh));
  const Tensor picked = index_select(x, 0, tensor({5, 0, 0}));
  std::printf("child: picked %016lx\n", bits_of(picked));
  try {
    eval(index_select(x, 0, tensor({6})));
    std::printf("child: no error\n");
  } catch (const Error& e) {
    std::printf("child: %s\n", e.what());
  }
  for (const auto& [name, t] : state_dict(net))
    std::printf("child: %s %016lx\n", name.c_str(), bits_of(t));
  say_how();
}

// The optimiser's scalars are the host's: programs in parts of two devices.
TEST(WarmStartDevice, DISABLED_Trains) {
  manual_seed(7);
  Net net = to(opencl(0), Net{});
  Adam adam{{.lr = 1e-2}};
  const Tensor x = randn({6, 3, 8, 8}).to(opencl(0));
  const Tensor y = tensor({0, 1, 2, 3, 4, 9}).to(opencl(0));
  const auto loss = [&](Net& n) { return cross_entropy_loss(n(x), y); };
  for (int step = 0; step < 3; ++step) {
    auto [l, g] = grad(loss, net);
    update(adam, net, std::move(g));
    std::printf("child: loss %016lx\n", bits_of(l.to(cpu())));
  }
  try {
    eval(index_select(x, 0, tensor({6}).to(opencl(0))));
    std::printf("child: no error\n");
  } catch (const Error& e) {
    std::printf("child: %s\n", e.what());
  }
  for (const auto& [name, t] : state_dict(net))
    std::printf("child: %s %016lx\n", name.c_str(), bits_of(t.to(cpu())));
  say_how();
}

// Three compiled steps of Adam, as `lilith bench` takes them.
template <class Net, class Loss>
void train_and_say(Net net, Loss loss, const Tensor& x, const Tensor& y) {
  Adam adam{{.lr = 1e-3}};
  const auto step = compile([loss](Net& m, Adam& o, const Tensor& a, const Tensor& b) {
    auto [value, g] = grad(loss, m, a, b);
    update(o, m, std::move(g));
    return value;
  });
  for (int i = 0; i < 3; ++i) std::printf("child: loss %016lx\n", bits_of(step(net, adam, x, y)));
  for (const auto& [name, t] : state_dict(net))
    std::printf("child: %s %016lx\n", name.c_str(), bits_of(t));
  say_how();
}

TEST(WarmStartCnn, DISABLED_Trains) {
  manual_seed(7);
  const auto loss = [](const zoo::Cnn& m, const Tensor& x, const Tensor& y) {
    return nll_loss(m(x), y);
  };
  train_and_say(zoo::Cnn{}, loss, rand({100, 1, 28, 28}), randint(0, 10, {100}));
}

TEST(WarmStartGpt, DISABLED_Trains) {
  constexpr std::int64_t kSymbols = 65, kLength = 64;
  manual_seed(7);
  const auto loss = [](const zoo::Gpt& m, const Tensor& x, const Tensor& y) {
    return cross_entropy_loss(m(x).flatten(0, 1), y.flatten());
  };
  const zoo::GptConfig config{
      .symbols = kSymbols, .length = kLength, .width = 128, .heads = 4, .blocks = 3};
  train_and_say(zoo::Gpt(config), loss, randint(0, kSymbols, {4, kLength}),
                randint(0, kSymbols, {4, kLength}));
}

// Batches of many sizes: all but the first share their code. WARM_START_MORE: one more.
TEST(WarmStartSizes, DISABLED_Trains) {
  manual_seed(7);
  Net net;
  Adam adam{{.lr = 1e-2}};
  std::vector<std::int64_t> sizes{6, 9, 12, 5, 24, 33, 7, 6, 18};
  if (std::getenv("WARM_START_MORE") != nullptr) sizes.push_back(11);
  for (const std::int64_t n : sizes) {
    const Tensor x = randn({n, 3, 8, 8}), y = arange(n) % 10;
    auto [l, g] = grad([&](Net& m) { return cross_entropy_loss(m(x), y); }, net);
    update(adam, net, std::move(g));
    std::printf("child: loss %016lx\n", bits_of(l));
  }
  for (const auto& [name, t] : state_dict(net))
    std::printf("child: %s %016lx\n", name.c_str(), bits_of(t));
  say_how();
}

struct Outcome {
  std::string said;  // all that it computed
  bool llvm = false, generator = false;
  std::int64_t hits = 0, misses = 0, stored = 0;
};

Outcome run_child(const std::string& cache, const std::string& environment = "",
                  const std::string& suite = "WarmStartChild") {
  const std::string command = "LILITH_CACHE='" + cache + "' " + environment + " '" +
                              fs::read_symlink("/proc/self/exe").string() +
                              "' --gtest_also_run_disabled_tests --gtest_filter=" + suite +
                              ".* 2>&1";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  Outcome out;
  std::string all;
  bool ended = false;
  char line[1000];
  while (pipe && std::fgets(line, sizeof line, pipe.get())) {
    all += line;
    int llvm = 0, generator = 0;
    if (std::string_view(line).starts_with("child:")) out.said += line;
    if (std::sscanf(line, "LLVM: %d %d", &llvm, &generator) == 2)
      out.llvm = llvm != 0, out.generator = generator != 0;
    ended =
        ended || std::sscanf(line, "counts: %ld %ld %ld", &out.hits, &out.misses, &out.stored) == 3;
  }
  EXPECT_TRUE(ended) << all;
  return out;
}

std::vector<fs::path> files_of(const std::string& folder) {
  std::vector<fs::path> out;
  for (const auto& e : fs::directory_iterator(folder)) out.push_back(e.path());
  std::sort(out.begin(), out.end());
  return out;
}

class WarmStartTest : public ::testing::Test {
 protected:
  const TempDir dir_;
  const std::string cache_ = dir_.file("cache");
};

TEST_F(WarmStartTest, TheSecondProcessHasTheSameBitsWithoutLlvm) {
  const Outcome off = run_child("off");
  EXPECT_EQ(off.stored + off.hits + off.misses, 0);
  const Outcome cold = run_child(cache_);
  EXPECT_TRUE(cold.llvm && cold.generator);
  EXPECT_GT(cold.stored, 0);
  const Outcome warm = run_child(cache_);
  EXPECT_FALSE(warm.llvm || warm.generator);
  EXPECT_EQ(warm.stored, 0);
  EXPECT_EQ(warm.misses, 0);
  EXPECT_EQ(warm.said, off.said);
  EXPECT_EQ(cold.said, off.said);
  EXPECT_NE(off.said.find("index_select: index 6 is out of range"), std::string::npos) << off.said;
}

TEST_F(WarmStartTest, WhatSharesItsCodeIsFoundForEachSize) {
  const auto run = [&](const std::string& cache, const std::string& environment = "") {
    return run_child(cache, environment, "WarmStartSizes");
  };
  const Outcome off = run("off"), cold = run(cache_), warm = run(cache_);
  EXPECT_EQ(cold.said, off.said);
  EXPECT_EQ(warm.said, off.said);
  EXPECT_FALSE(warm.llvm || warm.generator);
  EXPECT_EQ(warm.misses + warm.stored, 0);
  // A size that is new is planned beside those that were found.
  EXPECT_EQ(run(cache_, "WARM_START_MORE=1").said, run("off", "WARM_START_MORE=1").said);
  // Programs whose objects are gone are made again.
  const runtime::DiskCache disk(cache_);
  for (const auto& e : disk.entries())
    if (e.kind == "object") fs::remove(cache_ + "/" + e.name);
  const Outcome again = run(cache_);
  EXPECT_EQ(again.said, off.said);
  EXPECT_GT(again.stored, 0);
  EXPECT_EQ(run(cache_).misses, 0);
}

TEST_F(WarmStartTest, StepsOfWholeModelsNeedNoLlvm) {
  for (const std::string suite : {"WarmStartCnn", "WarmStartGpt"}) {
    const Outcome cold = run_child(cache_, "", suite), warm = run_child(cache_, "", suite);
    EXPECT_TRUE(cold.llvm && cold.generator) << suite;
    EXPECT_FALSE(warm.llvm || warm.generator) << suite;
    EXPECT_GT(warm.hits, 0) << suite;
    EXPECT_EQ(warm.misses + warm.stored, 0) << suite;
    EXPECT_EQ(warm.said, cold.said) << suite;
    EXPECT_NE(warm.said.find("child: loss"), std::string::npos) << suite;
  }
}

TEST_F(WarmStartTest, WhatWasTunedIsKept) {
  const Outcome off = run_child("off");
  const Outcome cold = run_child(cache_, "LILITH_TUNE=1");
  EXPECT_EQ(cold.said, off.said);
  const Outcome warm = run_child(cache_, "LILITH_TUNE=1");
  EXPECT_EQ(warm.said, off.said);
  EXPECT_FALSE(warm.llvm);
  EXPECT_EQ(warm.stored, 0);
}

// Another instruction set, another number of threads, other passes: programs of their own.
TEST_F(WarmStartTest, WhatProgramsDependOnIsPartOfTheirKeys) {
  run_child(cache_);
  for (const std::string other : {"LILITH_CPU=baseline", "LILITH_DISABLE=fuse"}) {
    const Outcome without = run_child("off", other);
    const Outcome cold = run_child(cache_, other);
    EXPECT_GT(cold.stored, 0) << other;
    EXPECT_EQ(cold.said, without.said) << other;
    const Outcome warm = run_child(cache_, other);
    EXPECT_EQ(warm.said, without.said) << other;
    EXPECT_FALSE(warm.llvm) << other;
  }
}

TEST_F(WarmStartTest, DamagedEntriesAreMadeAgain) {
  const Outcome cold = run_child(cache_);
  const std::vector<fs::path> files = files_of(cache_);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto bytes = static_cast<std::streamoff>(fs::file_size(files[i]));
    if (i % 3 == 0) {
      fs::resize_file(files[i], static_cast<std::uintmax_t>(bytes) / 2);
      continue;
    }
    std::fstream file(files[i], std::ios::binary | std::ios::in | std::ios::out);
    const std::streamoff at = i % 3 == 1 ? bytes - 1 : bytes / 2;
    file.seekg(at);
    const int old = file.get();
    file.seekp(at);
    file.put(static_cast<char>(old ^ 4));
  }
  const Outcome again = run_child(cache_);
  EXPECT_EQ(again.said, cold.said);
  EXPECT_EQ(again.hits, 0);
  EXPECT_EQ(again.stored, cold.stored);
  EXPECT_EQ(run_child(cache_).said, cold.said);
}

TEST_F(WarmStartTest, SomeEntriesAreMissing) {
  const Outcome cold = run_child(cache_);
  const std::vector<fs::path> files = files_of(cache_);
  for (std::size_t i = 0; i < files.size(); i += 2) fs::remove(files[i]);
  EXPECT_EQ(run_child(cache_).said, cold.said);
  EXPECT_FALSE(run_child(cache_).llvm);
}

TEST_F(WarmStartTest, AFolderThatCannotBeWritten) {
  const Outcome off = run_child("off");
  const Outcome outcome = run_child("/proc/lilith", "LILITH_DEBUG=1,cache");
  EXPECT_EQ(outcome.said, off.said);
  EXPECT_EQ(outcome.stored, 0);
}

TEST_F(WarmStartTest, ProgramsOfSeveralDevices) {
  NEEDS_OPENCL;
  const auto run = [&](const std::string& cache) {
    return run_child(cache, "", "WarmStartDevice");
  };
  const Outcome off = run("off"), cold = run(cache_), warm = run(cache_);
  EXPECT_TRUE(cold.generator);
  EXPECT_FALSE(warm.generator);
  EXPECT_EQ(warm.misses, 0);
  EXPECT_EQ(warm.stored, 0);
  EXPECT_EQ(warm.said, off.said);
  EXPECT_EQ(cold.said, off.said);
  EXPECT_NE(off.said.find("child: out.weight"), std::string::npos) << off.said;
  for (const fs::path& file : files_of(cache_)) fs::resize_file(file, fs::file_size(file) - 1);
  EXPECT_EQ(run(cache_).said, off.said);
}

TEST_F(WarmStartTest, APackNeedsNoCache) {
  const Outcome cold = run_child(cache_);
  const std::string pack = dir_.file("pack"), own = dir_.file("own");
  EXPECT_GT(runtime::DiskCache(cache_).pack_into(pack), 0);
  for (const std::string& cache : {std::string("off"), own}) {
    const Outcome warm = run_child(cache, "LILITH_CACHE_PACK='" + pack + "'");
    EXPECT_EQ(warm.said, cold.said);
    EXPECT_FALSE(warm.llvm) << cache;
    EXPECT_EQ(warm.stored, 0);
  }
  for (const fs::path& file : files_of(pack)) fs::resize_file(file, 100);
  EXPECT_EQ(run_child("off", "LILITH_CACHE_PACK='" + pack + "'").said, cold.said);
}

TEST_F(WarmStartTest, ManyProcessesOnOneEmptyCache) {
  const Outcome off = run_child("off");
  std::vector<Outcome> all(6);
  {
    std::vector<std::jthread> runs;
    for (Outcome& o : all) runs.emplace_back([&] { o = run_child(cache_); });
  }
  for (const Outcome& o : all) EXPECT_EQ(o.said, off.said);
  EXPECT_EQ(runtime::DiskCache(cache_).verify().dropped, 0);
  EXPECT_FALSE(run_child(cache_).llvm);
}

}  // namespace
}  // namespace lilith
