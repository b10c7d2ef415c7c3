// What the documentation quotes is in the file that it names, to the letter but for white space.
#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/project_root.h"

namespace lilith {
namespace {

const std::string kRoot = lilith::testing::project_root();

std::string text_of(const std::string& path) {
  std::ifstream in(kRoot + "/" + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string squeezed(const std::string& text) {
  std::string out;
  for (char c : text)
    if (!std::isspace(static_cast<unsigned char>(c))) out += c;
  return out;
}

struct Quote {
  std::string path;                 // from its first line, "// path"
  std::vector<std::string> pieces;  // parted by empty lines
};

std::vector<Quote> quotes(const std::string& markdown) {
  std::vector<Quote> out;
  std::istringstream lines(markdown);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = line == "```cpp";
      if (!inside) continue;
      std::getline(lines, line);
      out.push_back({line.substr(line.find_first_not_of("/ ")), {""}});
    } else if (inside && line.empty()) {
      out.back().pieces.emplace_back();
    } else if (inside) {
      out.back().pieces.back() += line + "\n";
    }
  }
  return out;
}

void expect_quotes(const std::string& page, std::size_t count) {
  const std::vector<Quote> all = quotes(text_of(page));
  EXPECT_EQ(all.size(), count) << page;
  for (const Quote& q : all) {
    const std::string source = squeezed(text_of(q.path));
    ASSERT_FALSE(source.empty()) << q.path;
    for (const std::string& piece : q.pieces)
      EXPECT_NE(source.find(squeezed(piece)), std::string::npos) << q.path << " lacks\n" << piece;
  }
}

TEST(Docs, QuoteWhatCompiles) {
  expect_quotes("docs/adding-an-op.md", 3);
  expect_quotes("docs/adding-a-pass.md", 3);
  expect_quotes("docs/adding-a-schedule.md", 3);
  expect_quotes("docs/adding-a-device.md", 4);
  expect_quotes("docs/from-pytorch.md", 8);
  expect_quotes("docs/vmap.md", 4);
  expect_quotes("docs/tutorial/1-introduction.md", 6);
  expect_quotes("docs/tutorial/2-gradients.md", 6);
  expect_quotes("docs/tutorial/3-training.md", 5);
  expect_quotes("docs/tutorial/4-devices.md", 4);
  expect_quotes("docs/tutorial/5-shipping.md", 4);
}

}  // namespace
}  // namespace lilith
