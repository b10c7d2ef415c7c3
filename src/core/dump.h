#pragma once
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
void write_file(const std::string& path, const std::string& text);

}  // namespace lilith::dump
