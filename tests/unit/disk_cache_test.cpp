// The store of the cache on disk: what is found is what was stored, whatever became of the files.
#include "runtime/disk_cache.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

#include "lilith/error.h"
#include "support/temp_dir.h"

namespace lilith::runtime {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;

const std::string kKey("a key\0with a zero", 17);
const std::string kValue("bytes \0 and \xff more", 17);

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
  ::chmod(path.c_str(), 0600);
}
std::size_t count_files(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
}

class DiskCacheTest : public ::testing::Test {
 protected:
  TempDir dir_;
  const fs::path folder_ = dir_.path() / "a" / "cache";
  const DiskCache cache_{folder_.string()};

  fs::path path(const std::string& kind = "kernel", const std::string& key = kKey) const {
    return folder_ / DiskCache::entry_name(kind, key);
  }
  void store(const std::string& value = kValue) {
    ASSERT_EQ(cache_.store("kernel", kKey, value), "");
  }
};

TEST_F(DiskCacheTest, FindsWhatWasStored) {
  EXPECT_FALSE(cache_.find("kernel", kKey));
  EXPECT_FALSE(fs::exists(dir_.path() / "a")) << "a look makes no folder";
  store();
  EXPECT_EQ(cache_.find("kernel", kKey), kValue);
  EXPECT_FALSE(cache_.find("program", kKey));
  EXPECT_FALSE(cache_.find("kernel", kKey + "2"));
  store("another");
  EXPECT_EQ(cache_.find("kernel", kKey), "another");
  store("");
  EXPECT_EQ(cache_.find("kernel", kKey), "");
  EXPECT_EQ(count_files(folder_), 1u);
}

TEST_F(DiskCacheTest, FolderAndEntriesAreTheUsersAlone) {
  const mode_t mask = ::umask(0);
  store();
  ::umask(mask);
  for (const fs::path& p : {folder_, dir_.path() / "a", path()})
    EXPECT_EQ(fs::status(p).permissions() & (fs::perms::group_all | fs::perms::others_all),
              fs::perms::none)
        << p;
}

// Two keys of one hash: the entry of the other one is no answer, and stays.
TEST_F(DiskCacheTest, ACollisionIsAMiss) {
  store();
  fs::copy(path(), path("kernel", "another key"));
  fs::copy(path(), path("another_kind", kKey));
  EXPECT_FALSE(cache_.find("kernel", "another key"));
  EXPECT_FALSE(cache_.find("another_kind", kKey));
  EXPECT_EQ(cache_.find("kernel", kKey), kValue);
  EXPECT_EQ(count_files(folder_), 3u);
  const auto verified = cache_.verify();  // entries under a name that is not theirs
  EXPECT_EQ(verified.good, 1);
  EXPECT_EQ(verified.dropped, 2);
}

TEST_F(DiskCacheTest, TruncatedAtAnyLength) {
  store();
  const std::string whole = read_file(path());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    write_file(path(), whole.substr(0, n));
    EXPECT_FALSE(cache_.find("kernel", kKey)) << n;
    EXPECT_FALSE(fs::exists(path())) << n;
  }
  write_file(path(), whole + '\0');
  EXPECT_FALSE(cache_.find("kernel", kKey));
  write_file(path(), whole);
  EXPECT_EQ(cache_.find("kernel", kKey), kValue);
}

TEST_F(DiskCacheTest, AnyBitFlipped) {
  store();
  const std::string whole = read_file(path());
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    write_file(path(), damaged);
    EXPECT_FALSE(cache_.find("kernel", kKey)) << bit;
  }
  store();
  EXPECT_EQ(cache_.find("kernel", kKey), kValue);
}

TEST_F(DiskCacheTest, FoldersThatOthersCanWriteAreRefused) {
  store();
  for (const mode_t mode : {0720, 0702, 0777}) {
    ::chmod(folder_.c_str(), mode);
    EXPECT_FALSE(cache_.find("kernel", kKey)) << std::oct << mode;
    EXPECT_NE(cache_.store("kernel", kKey, "x").find("others own it or can write to it"),
              std::string::npos);
    EXPECT_THROW(cache_.entries(), Error);
  }
  ::chmod(folder_.c_str(), 0755);
  EXPECT_EQ(cache_.find("kernel", kKey), kValue);
}

TEST_F(DiskCacheTest, WhatOthersOwnIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "SKIPPED: only root gives files to others";
  store();
  ASSERT_EQ(::chown(folder_.c_str(), 12345, 12345), 0);
  EXPECT_FALSE(cache_.find("kernel", kKey));
  EXPECT_NE(cache_.store("kernel", kKey, "x"), "");
  ASSERT_EQ(::chown(folder_.c_str(), 0, 0), 0);
  EXPECT_EQ(cache_.find("kernel", kKey), kValue);
  ASSERT_EQ(::chown(path().c_str(), 12345, 12345), 0);
  EXPECT_FALSE(cache_.find("kernel", kKey));
  EXPECT_FALSE(fs::exists(path()));
}

TEST_F(DiskCacheTest, EntriesThatAreNoFilesOfOnesOwn) {
  store();
  ::chmod(path().c_str(), 0622);
  EXPECT_FALSE(cache_.find("kernel", kKey)) << "others can write it";
  const fs::path elsewhere = dir_.path() / "elsewhere";
  store();
  fs::rename(path(), elsewhere);
  fs::create_symlink(elsewhere, path());
  EXPECT_FALSE(cache_.find("kernel", kKey)) << "a link";
  EXPECT_TRUE(fs::exists(elsewhere));
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_FALSE(cache_.find("kernel", kKey)) << "a pipe";
  fs::create_directory(path());
  EXPECT_FALSE(cache_.find("kernel", kKey)) << "a folder";
}

TEST_F(DiskCacheTest, AFolderThatCannotBeMadeOrWritten) {
  write_file(dir_.path() / "a", "a file");
  EXPECT_FALSE(cache_.find("kernel", kKey));
  EXPECT_NE(cache_.store("kernel", kKey, "x"), "");
  EXPECT_NE(DiskCache("/proc/lilith").store("kernel", kKey, "x"), "");
  EXPECT_FALSE(DiskCache("/proc/lilith").find("kernel", kKey));
}

// An entry is worth nothing once the file that made it was replaced.
TEST_F(DiskCacheTest, WhatMadeAnEntryIsPartOfIt) {
  const std::string compiler = dir_.file("compiler");
  write_file(compiler, "version 1");
  ASSERT_EQ(cache_.store("kernel", kKey, kValue, compiler), "");
  EXPECT_EQ(cache_.find("kernel", kKey), kValue);
  write_file(compiler, "version 10");
  EXPECT_FALSE(cache_.find("kernel", kKey));
  ASSERT_EQ(cache_.store("kernel", kKey, kValue, compiler), "");
  EXPECT_EQ(cache_.find("kernel", kKey), kValue);
  fs::remove(compiler);
  EXPECT_FALSE(cache_.find("kernel", kKey));
}

TEST_F(DiskCacheTest, APackIsReadAlone) {
  const std::string compiler = dir_.file("compiler"), pack = dir_.file("pack");
  write_file(compiler, "version 1");
  ASSERT_EQ(cache_.store("kernel", kKey, kValue, compiler), "");
  ASSERT_EQ(cache_.store("kernel", "damaged", kValue), "");
  write_file(path("kernel", "damaged"), "nothing");
  EXPECT_EQ(cache_.pack_into(pack), 1);
  EXPECT_EQ(fs::status(pack).permissions(), fs::perms(0755));
  const fs::path entry = fs::path(pack) / DiskCache::entry_name("kernel", kKey);
  EXPECT_EQ(fs::status(entry).permissions(), fs::perms(0644));
  fs::remove(compiler);  // as on another machine
  const DiskCache shipped = DiskCache::shipped(pack);
  EXPECT_EQ(shipped.find("kernel", kKey), kValue);
  EXPECT_FALSE(shipped.find("kernel", "damaged"));
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(entry.c_str(), 12345, 12345), 0);
    EXPECT_FALSE(shipped.find("kernel", kKey));
    ASSERT_EQ(::chown(entry.c_str(), 0, 0), 0);
  }
  std::string bytes = read_file(entry);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file(entry, bytes);
  EXPECT_FALSE(shipped.find("kernel", kKey));
  EXPECT_TRUE(fs::exists(entry)) << "nothing is removed";
  ::chmod(pack.c_str(), 0777);
  ASSERT_EQ(cache_.store("kernel", kKey, kValue), "");
  EXPECT_THROW(cache_.pack_into(pack), Error);
  EXPECT_FALSE(shipped.find("kernel", kKey));
  EXPECT_FALSE(DiskCache::shipped(dir_.file("none")).find("kernel", kKey));
}

// A full disk: a limit on the size of files stops the write in the middle.
TEST_F(DiskCacheTest, AWriteThatFailsLeavesNothing) {
  store();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const bool failed = !cache_.store("kernel", kKey, std::string(100'000, 'x')).empty();
    ::_exit(failed && count_files(folder_) == 1 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(cache_.find("kernel", kKey), kValue);
}

TEST_F(DiskCacheTest, TrimRemovesWhatWasNotUsedForLongest) {
  const DiskCache small(folder_.string(), 10'000);
  const auto now = fs::file_time_type::clock::now();
  for (int i = 0; i < 20; ++i) {
    const std::string key = std::to_string(i);
    ASSERT_EQ(small.store("kernel", key, std::string(900, 'x')), "");
    fs::last_write_time(path("kernel", key), now - std::chrono::hours(20 - i));
  }
  EXPECT_TRUE(small.find("kernel", "0"));  // now it was used
  write_file(folder_ / ".part-1-0-0123456789abcdef", "of a process that was killed");
  write_file(folder_ / ".part-2-0-0123456789abcdef", "of one that writes");
  fs::last_write_time(folder_ / ".part-1-0-0123456789abcdef", now - std::chrono::hours(2));
  write_file(folder_ / "README", "not ours");
  small.trim();
  EXPECT_TRUE(small.find("kernel", "0"));
  EXPECT_FALSE(small.find("kernel", "1"));
  EXPECT_TRUE(small.find("kernel", "19"));
  std::uint64_t bytes = 0;
  for (const auto& e : small.entries()) bytes += e.bytes;
  EXPECT_LE(bytes, 8'750u);
  EXPECT_GT(bytes, 7'000u);
  EXPECT_FALSE(fs::exists(folder_ / ".part-1-0-0123456789abcdef"));
  EXPECT_TRUE(fs::exists(folder_ / ".part-2-0-0123456789abcdef"));
  EXPECT_EQ(small.clear(), static_cast<std::int64_t>(9));
  EXPECT_TRUE(fs::exists(folder_ / "README"));
}

TEST_F(DiskCacheTest, EntriesAndVerify) {
  EXPECT_TRUE(cache_.entries().empty());
  store();
  ASSERT_EQ(cache_.store("program", kKey, "12345"), "");
  EXPECT_EQ(cache_.entries().size(), 2u);
  EXPECT_EQ(cache_.verify().good, 2);
  std::string bytes = read_file(path());
  bytes.back() ^= 1;
  write_file(path(), bytes);
  const auto verified = cache_.verify();
  EXPECT_EQ(verified.good, 1);
  EXPECT_EQ(verified.dropped, 1);
  EXPECT_EQ(cache_.entries().at(0).kind, "program");
}

// Writers, readers, trims and kills of many processes at once: what is found is what was stored.
TEST_F(DiskCacheTest, ManyProcessesAtOnce) {
  const auto value_of = [](int key) {
    return std::string(static_cast<std::size_t>(1000 + 3000 * key), static_cast<char>('a' + key));
  };
  const DiskCache small(folder_.string(), 60'000);
  std::fflush(nullptr);
  std::vector<pid_t> children;
  for (int child = 0; child < 12; ++child) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    std::minstd_rand draw(static_cast<unsigned>(child) + 1);
    for (int i = 0; child < 2 || i < 100; ++i) {  // the first two run until they are killed
      const int key = static_cast<int>(draw() % 10);
      const auto found = small.find("kernel", std::to_string(key));
      if (found && *found != value_of(key)) ::_exit(1);
      if (draw() % 3 == 0) small.store("kernel", std::to_string(key), value_of(key));
      if (draw() % 20 == 0) small.trim();
    }
    ::_exit(0);
  }
  for (std::size_t i = children.size(); i-- > 0;) {
    if (i < 2) ::kill(children[i], SIGKILL);
    int status = 0;
    ::waitpid(children[i], &status, 0);
    if (i >= 2) {
      EXPECT_EQ(status, 0);
    }
  }
  EXPECT_EQ(small.verify().dropped, 0);
}

}  // namespace
}  // namespace lilith::runtime
