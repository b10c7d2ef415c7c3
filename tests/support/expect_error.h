#pragma once
#include <gtest/gtest.h>

#include <source_location>
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

inline std::string at_line(const std::string& text, std::source_location here) {
  return fmt::format("{} ({})", text, Loc(here).str());
}

}  // namespace lilith::testing

/// The statement throws an Error with exactly this text.
#define EXPECT_ERROR(statement, text) \
  EXPECT_EQ(::lilith::testing::error_text([&] { static_cast<void>(statement); }), text)
/// The same, and the text ends in this file and line.
#define EXPECT_ERROR_HERE(statement, text)                                        \
  EXPECT_EQ(::lilith::testing::error_text([&] { static_cast<void>(statement); }), \
            ::lilith::testing::at_line(text, std::source_location::current()))
