#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// LILITH_DUMP: texts of every stage, as files.
namespace lilith::dump {

bool on();
/// Writes "<number>_<name>.txt" into the folder of this thread's innermost Case, or into
/// LILITH_DUMP's. Error when it cannot be written.
void write(std::string_view name, const std::string& text);

/// While it lives, what this thread writes goes to a folder of its own: "<number>_case".
class Case {
 public:
  Case();
  ~Case();
  Case(const Case&) = delete;
  const std::string& folder() const { return folder_; }

 private:
  friend void write(std::string_view name, const std::string& text);
  std::string folder_;
  int files_ = 0;
  Case* outer_;
};

/// Writes a file as it is.
void write_file(const std::string& path, const std::string& text, const char* what = "LILITH_DUMP");
/// Writes a file that is whole whenever it is there; one that is there already stays.
void write_once(const std::string& folder, const std::string& name, const std::string& text);

/// While it lives, what this thread compiles belongs to the program of this hash; the outermost one
/// counts. LILITH_DUMP_PLANS sorts by it.
class Asked {
 public:
  explicit Asked(std::uint64_t hash);
  ~Asked();
  Asked(const Asked&) = delete;
  static std::optional<std::uint64_t> hash();

 private:
  std::optional<std::uint64_t> outer_;
};

}  // namespace lilith::dump
