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

void make_folder(const std::string& path, const char* what = "LILITH_DUMP") {
  std::error_code fault;
  std::filesystem::create_directories(path, fault);
  LILITH_CHECK(!fault, "{}: cannot make the folder {}: {}", what, path, fault.message());
}

}  // namespace

bool on() { return !env::dump_dir().empty(); }

void write_file(const std::string& path, const std::string& text, const char* what) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  LILITH_CHECK(file, "{}: cannot write {}", what, path);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = std::fclose(file) == 0;
  LILITH_CHECK(written && closed, "{}: cannot write {}", what, path);
}

void write_once(const std::string& folder, const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(folder) / name;
  constexpr const char* kWhat = "LILITH_DUMP_PLANS";
  make_folder(folder, kWhat);
  std::error_code fault;
  if (std::filesystem::exists(path, fault)) return;
  const std::string part = fmt::format("{}.{}-{}", path.string(), ::getpid(), number++);
  write_file(part, text, kWhat);
  std::filesystem::rename(part, path, fault);
  LILITH_CHECK(!fault, "{}: cannot write {}: {}", kWhat, path.string(), fault.message());
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
