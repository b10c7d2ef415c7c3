#include "core/dump.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>

#include "core/env.h"
#include "lilith/error.h"

namespace lilith::dump {
namespace {

std::atomic<int> number{0};  // of the files and cases of LILITH_DUMP's folder
thread_local Case* current = nullptr;
thread_local std::optional<std::uint64_t> asked;

void make_folder(const std::string& path) {
  std::error_code fault;
  std::filesystem::create_directories(path, fault);
  LILITH_CHECK(!fault, "LILITH_DUMP: cannot make the folder {}: {}", path, fault.message());
}

}  // namespace

bool on() { return !env::dump_dir().empty(); }

void write_file(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  LILITH_CHECK(file, "LILITH_DUMP: cannot write {}", path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = std::fclose(file) == 0;
  LILITH_CHECK(written && closed, "LILITH_DUMP: cannot write {}", path);
}

void write_once(const std::string& folder, const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(folder) / name;
  make_folder(folder);
  std::error_code fault;
  if (std::filesystem::exists(path, fault)) return;
  const std::string part = fmt::format("{}.{}-{}", path.string(), ::getpid(), number++);
  write_file(part, text);
  std::filesystem::rename(part, path, fault);
  LILITH_CHECK(!fault, "LILITH_DUMP_PLANS: cannot write {}: {}", path.string(), fault.message());
}

void write(std::string_view name, const std::string& text) {
  if (current) {
    write_file(fmt::format("{}/{:03d}_{}.txt", current->folder_, current->files_++, name), text);
    return;
  }
  make_folder(env::dump_dir());
  write_file(fmt::format("{}/{:04d}_{}.txt", env::dump_dir(), number++, name), text);
}

Case::Case() : folder_(fmt::format("{}/{:04d}_case", env::dump_dir(), number++)), outer_(current) {
  make_folder(folder_);
  current = this;
}
Case::~Case() { current = outer_; }

Asked::Asked(std::uint64_t hash) : outer_(asked) { asked = outer_.value_or(hash); }
Asked::~Asked() { asked = outer_; }
std::optional<std::uint64_t> Asked::hash() { return asked; }

}  // namespace lilith::dump
