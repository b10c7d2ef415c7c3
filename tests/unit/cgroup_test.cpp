#include "runtime/cgroup.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temp_dir.h"

namespace lilith::runtime {
namespace {

namespace fs = std::filesystem;

struct CgroupTest : ::testing::Test {
  const lilith::testing::TempDir dir;
  const fs::path root = dir.path();
  const Cgroup cgroup{root / "cgroup", root / "sys"};

  void write(const fs::path& path, const std::string& text) const {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
};

TEST_F(CgroupTest, NothingSetsALimit) {
  EXPECT_FALSE(cgroup.memory_bytes());
  write("cgroup", "0::/a\n");
  write("sys/a/memory.max", "max\n");
  write("sys/a/cpu.max", "max 100000\n");
  EXPECT_FALSE(cgroup.memory_bytes());
  EXPECT_FALSE(cgroup.cpus());
}

TEST_F(CgroupTest, TheTightestOfAGroupAndItsParents) {
  write("cgroup", "0::/a/b\n");
  write("sys/a/b/memory.max", "8000\n");
  write("sys/a/memory.max", "5000\n");
  write("sys/memory.max", "9000\n");
  write("sys/a/b/cpu.max", "max 100000\n");
  write("sys/a/cpu.max", "250000 100000\n");
  EXPECT_EQ(cgroup.memory_bytes(), 5000);
  EXPECT_EQ(cgroup.cpus(), 2.5);
}

TEST_F(CgroupTest, HierarchiesOfVersionOne) {
  write("cgroup", "4:memory:/x/y\n3:cpu,cpuacct:/z\n1:name=systemd:/\n0::/\n");
  write("sys/memory/x/y/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/memory/x/memory.limit_in_bytes", "7000\n");
  write("sys/cpu,cpuacct/z/cpu.cfs_quota_us", "-1\n");
  write("sys/cpu,cpuacct/z/cpu.cfs_period_us", "100000\n");
  write("sys/cpu,cpuacct/cpu.cfs_quota_us", "300000\n");
  write("sys/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup.memory_bytes(), 7000);
  EXPECT_EQ(cgroup.cpus(), 3);
}

TEST_F(CgroupTest, AContainerThatSeesTheHostsPath) {
  write("cgroup", "0::/../host/path\n");
  write("sys/memory.max", "6000\n");
  EXPECT_EQ(cgroup.memory_bytes(), 6000);
}

}  // namespace
}  // namespace lilith::runtime
