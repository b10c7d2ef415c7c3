// Files are written whole or not at all, to where the path points.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "lilith/io.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class WriteFile : public ::testing::Test {
 protected:
  void save(const std::string& path, double value = 1, std::int64_t n = 4) const {
    save_tensors({{"x", full({n}, value)}}, path);
  }
  float value_in(const std::string& path) const {
    return load_tensors(path)["x"].to_vector<float>()[0];
  }
  int files() const {
    return static_cast<int>(
        std::distance(fs::directory_iterator(dir_.path()), fs::directory_iterator()));
  }
  ::lilith::testing::TempDir dir_;
};

TEST_F(WriteFile, ThroughASymbolicLinkItsTargetIsReplaced) {
  fs::create_directory(dir_.path() / "runs");
  save(dir_.file("runs/1.safetensors"));
  fs::create_symlink("runs/1.safetensors", dir_.path() / "latest");
  fs::create_symlink("latest", dir_.path() / "link");
  save(dir_.file("link"), 2);
  EXPECT_TRUE(fs::is_symlink(dir_.path() / "link"));
  EXPECT_TRUE(fs::is_symlink(dir_.path() / "latest"));
  EXPECT_EQ(value_in(dir_.file("runs/1.safetensors")), 2);
  // To a file that is not there yet.
  fs::create_symlink("runs/2.safetensors", dir_.path() / "next");
  save(dir_.file("next"), 3);
  EXPECT_TRUE(fs::is_symlink(dir_.path() / "next"));
  EXPECT_EQ(value_in(dir_.file("runs/2.safetensors")), 3);
}

TEST_F(WriteFile, KeepsPermissions) {
  const std::string path = dir_.file("x.safetensors");
  save(path);
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  save(path, 2);
  struct stat info = {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640u);
  EXPECT_EQ(files(), 1);
}

TEST_F(WriteFile, ADeviceStaysADevice) {
  save("/dev/null");
  struct stat info = {};
  ASSERT_EQ(stat("/dev/null", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode));
}

TEST_F(WriteFile, ErrorsNameTheFileAndLeaveTheOldOne) {
  const std::string path = dir_.file("x.safetensors");
  save(path, 7);
  const std::string before = bytes_of(path);
  rlimit old = {};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small = {4096, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string text = testing::error_text([&] { save(path, 8, 10000); });
  setrlimit(RLIMIT_FSIZE, &old);
  EXPECT_EQ(text.substr(0, text.find('(') - 1), "save: cannot write " + path + ": File too large.");
  EXPECT_EQ(bytes_of(path), before);
  EXPECT_EQ(files(), 1);
  const std::string full =
      testing::error_text([] { save_tensors({{"x", ones({100000})}}, "/dev/full"); });
  EXPECT_NE(full.find("cannot write /dev/full: No space left on device"), full.npos) << full;
  EXPECT_NE(testing::error_text([&] { save(dir_.path().string()); }).find(": Is a directory."),
            std::string::npos);
  EXPECT_NE(testing::error_text([&] { save(dir_.file("none/x")); }).find("No such file"),
            std::string::npos);
}

}  // namespace
}  // namespace lilith
