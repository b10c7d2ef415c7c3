// A training that is killed at random points and resumed ends with the bits of one that never
// stopped. The number of points: LILITH_CRASH_POINTS, else 6; their seed: LILITH_CRASH_SEED.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

#include "crash/trainer.h"
#include "lilith/io.h"
#include "support/temp_dir.h"

namespace lilith::testing {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Micros = std::chrono::microseconds;

std::int64_t from_environment(const char* name, std::int64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::atoll(text) : otherwise;
}

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// This program again, as a trainer.
class Trainer {
 public:
  Trainer(const std::string& folder, const std::string& kind) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("pipe");
    child_ = fork();
    if (child_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]);
      close(ends[1]);
      const std::string self = fs::read_symlink("/proc/self/exe").string();
      execl(self.c_str(), self.c_str(), "--train", folder.c_str(), kind.c_str(), nullptr);
      _exit(5);
    }
    close(ends[1]);
    char line;
    begun_ = read(ends[0], &line, 1) == 1;
    close(ends[0]);
    start_ = Clock::now();
  }
  bool begun() const { return begun_; }
  void signal(int s) const { kill(child_, s); }
  /// As if the disk were full from now on.
  void limit_files() const {
    const rlimit small = {1024, RLIM_INFINITY};
    prlimit(child_, RLIMIT_FSIZE, &small, nullptr);
  }
  /// The exit status, or 128 + the signal that ended it.
  int wait() const {
    int status = 0;
    waitpid(child_, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  Micros since_start() const { return std::chrono::duration_cast<Micros>(Clock::now() - start_); }

 private:
  pid_t child_ = -1;
  bool begun_ = false;
  Clock::time_point start_;
};

enum class Blow { Kill, Terminate, Interrupt, FullDisk };
constexpr std::array kBlows = {Blow::Kill, Blow::Terminate, Blow::Interrupt, Blow::FullDisk};
const char* name(Blow blow) {
  constexpr std::array kNames = {"kill -9", "SIGTERM", "SIGINT", "a full disk"};
  return kNames[static_cast<std::size_t>(blow)];
}

class Crash : public ::testing::TestWithParam<const char*> {
 protected:
  std::string folder(const std::string& name) const {
    fs::create_directory(dir_.path() / name);
    return dir_.file(name);
  }

  // The bits of an undisturbed run, and how long it takes.
  void run_whole() {
    const std::string whole = folder("whole");
    const Trainer trainer(whole, GetParam());
    ASSERT_EQ(trainer.wait(), 0) << bytes_of(whole + "/error.txt");
    duration_ = trainer.since_start();
    right_ = bytes_of(whole + "/final.safetensors");
    ASSERT_FALSE(right_.empty());
  }

  // What the blow left: nothing half written, and an exit that fits.
  void check_what_is_left(const std::string& folder, Blow blow, int status) {
    for (const auto& file : fs::directory_iterator(folder))
      EXPECT_EQ(file.path().extension().string().find("tmp"), std::string::npos) << file.path();
    const fs::path checkpoint = fs::path(folder) / "run.safetensors";
    if (fs::exists(checkpoint)) {
      EXPECT_NO_THROW(load_tensors(checkpoint.string()));
    }
    switch (blow) {
      case Blow::Kill:
        EXPECT_TRUE(status == 0 || status == 128 + SIGKILL) << status;
        break;
      case Blow::FullDisk:
        EXPECT_TRUE(status == 0 || status == 3) << status;
        if (status == 3) {
          const std::string text = bytes_of(folder + "/error.txt");
          const bool says = text.find(folder + "/run.safetensors: File too large") != text.npos ||
                            text.find(folder + "/final.safetensors: File too large") != text.npos;
          EXPECT_TRUE(says) << text;
        }
        break;
      default:
        // Before its handler is there, or after: the process ends by the signal.
        EXPECT_TRUE(status == 0 || status == 2 || status > 128) << status;
    }
    ++counts_[status];
  }

  ::lilith::testing::TempDir dir_;
  std::string right_;
  Micros duration_{};
  std::map<int, int> counts_;
};

TEST_P(Crash, ResumedIsAsNeverStopped) {
  run_whole();
  const std::int64_t points = from_environment("LILITH_CRASH_POINTS", 6);
  const auto seed = static_cast<std::uint64_t>(from_environment("LILITH_CRASH_SEED", 1));
  std::mt19937_64 random(seed);
  int same = 0, resumed = 0;
  for (std::int64_t i = 0; i < points; ++i) {
    const Blow blow = kBlows[static_cast<std::size_t>(i) % kBlows.size()];
    const auto after = Micros(std::uniform_int_distribution<std::int64_t>(
        0, std::max<std::int64_t>(duration_.count(), 1))(random));
    SCOPED_TRACE(fmt::format("{} after {} us of {}, seed {}", name(blow), after.count(),
                             duration_.count(), seed));
    const std::string run = folder(fmt::format("run{}", i));
    const Trainer first(run, GetParam());
    ASSERT_TRUE(first.begun());
    usleep(static_cast<useconds_t>(after.count()));
    switch (blow) {
      case Blow::Kill:
        first.signal(SIGKILL);
        break;
      case Blow::Terminate:
        first.signal(SIGTERM);
        break;
      case Blow::Interrupt:
        first.signal(SIGINT);
        break;
      case Blow::FullDisk:
        first.limit_files();
    }
    check_what_is_left(run, blow, first.wait());
    resumed += fs::exists(run + "/run.safetensors");
    const Trainer second(run, GetParam());
    ASSERT_EQ(second.wait(), 0) << bytes_of(run + "/error.txt");
    const bool equal = bytes_of(run + "/final.safetensors") == right_;
    EXPECT_TRUE(equal);
    same += equal;
  }
  std::string ends;
  for (const auto& [status, n] : counts_) ends += fmt::format("  {} x status {}", n, status);
  fmt::print(
      "{}: {} of {} points end with the same bits, {} went on from a checkpoint; the first "
      "runs ended:{}\n",
      GetParam(), same, points, resumed, ends);
}

INSTANTIATE_TEST_SUITE_P(Loops, Crash, ::testing::Values("fit", "hand"));

}  // namespace
}  // namespace lilith::testing

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--train")
    return lilith::testing::train_in(argv[2], argv[3]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
