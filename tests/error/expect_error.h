#pragma once
#include <gtest/gtest.h>

#include <string>

#include "lilith/error.h"

namespace lilith::testing {

/// The text of the Error that `f` throws; "no error" when it throws none.
template <class F>
std::string error_text(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

inline std::string at_line(const std::string& text, const char* file, int line) {
  const std::string path = file;
  return fmt::format("{} ({}:{})", text, path.substr(path.rfind('/') + 1), line);
}

}  // namespace lilith::testing

/// The statement throws an Error with exactly this text.
#define EXPECT_ERROR(statement, text) \
  EXPECT_EQ(::lilith::testing::error_text([&] { static_cast<void>(statement); }), text)
/// The same, and the text ends in this file and line.
#define EXPECT_ERROR_HERE(statement, text)                                            \
  EXPECT_EQ(::lilith::testing::error_text([&] { static_cast<void>(statement); }),     \
            ::lilith::testing::at_line(text, __FILE__, __LINE__))
