// Texts as numbers: characters, byte pairs, windows.
#include <gtest/gtest.h>

#include <fstream>

#include "lilith/data.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::error_text;

TEST(Text, Characters) {
  const CharVocabulary letters("h\xc3\xa9llo");
  EXPECT_EQ(letters.size(), 4);
  EXPECT_EQ(letters.encode("oh\xc3\xa9").to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{2, 0, 3}));
  EXPECT_EQ(letters.decode(tensor({0, 3, 1, 1, 2})), "h\xc3\xa9llo");
  EXPECT_NE(error_text([&] { letters.encode("x"); }).find("no character 'x' among its 4"),
            std::string::npos);
  EXPECT_NE(error_text([&] { letters.decode(tensor({4})); }).find("token 4 is out of range"),
            std::string::npos);
}

TEST(Text, BytePairsAreMergedByFrequency) {
  const std::string text = "low lower lowest low low newer newer wider new";
  const BytePairs pairs(text, 264);
  EXPECT_EQ(pairs.size(), 264);
  // "lo" and "we" come five times each; of equals the lower numbers, then "low" as one.
  EXPECT_EQ(pairs.merges()[0], (std::pair<std::int64_t, std::int64_t>{'l', 'o'}));
  EXPECT_EQ(pairs.decode(pairs.encode(text)), text);
  EXPECT_LT(pairs.encode(text).numel(), 30);
  const testing::TempDir dir;
  pairs.save(dir.file("merges.txt"));
  EXPECT_EQ(BytePairs::load(dir.file("merges.txt")).merges(), pairs.merges());
  EXPECT_EQ(BytePairs::load(dir.file("merges.txt")).encode(text).to_vector<std::int64_t>(),
            pairs.encode(text).to_vector<std::int64_t>());
  std::ofstream(dir.file("bad.txt")) << "104 900\n";
  EXPECT_NE(error_text([&] {
              BytePairs::load(dir.file("bad.txt"));
            }).find("merge 0 is of 104 and 900; need earlier tokens"),
            std::string::npos);
}

TEST(Text, WindowsAreShiftedByOne) {
  const auto data = token_windows(arange(10), 4, 3);
  EXPECT_EQ(data.size(), 2);
  const auto [x, y] = data[1];
  EXPECT_EQ(x.to_vector<std::int64_t>(), (std::vector<std::int64_t>{3, 4, 5, 6}));
  EXPECT_EQ(y.to_vector<std::int64_t>(), (std::vector<std::int64_t>{4, 5, 6, 7}));
  EXPECT_NE(error_text([] { token_windows(arange(4), 4); }).find("need integers [n] with n > "),
            std::string::npos);
}

}  // namespace
}  // namespace lilith
