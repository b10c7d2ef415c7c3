#include <gtest/gtest.h>

#include <random>

#include "lilith/graph_names.h"
#include "support/random_graph.h"

// Damaged texts are read or refused with an Error; what is read prints and reads back.
namespace lilith {
namespace {

std::string damaged(std::string text, std::mt19937_64& rng) {
  static constexpr char kBytes[] = "%:=[](){},.#\"\\ \n-0123456789abcefinrx\0\xff";
  for (int i = 1 + static_cast<int>(rng() % 4); i > 0 && !text.empty(); --i) {
    const std::size_t at = rng() % text.size();
    switch (rng() % 4) {
      case 0:
        text.erase(at, 1 + rng() % 8);
        break;
      case 1:
        text[at] = kBytes[rng() % (sizeof kBytes - 1)];
        break;
      case 2:
        text.insert(at, 1, kBytes[rng() % (sizeof kBytes - 1)]);
        break;
      default:
        text.insert(at, text.substr(rng() % text.size(), 1 + rng() % 30));
    }
  }
  return text;
}

TEST(GraphParserFuzz, DamagedTextsAreReadOrRefused) {
  const std::uint64_t seed = 1;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 rng(seed);
  int read = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::string text = damaged(testing::RandomGraph(rng() % 100).make(6).str(), rng);
    try {
      const Graph g = parse_graph(text);
      ++read;
      ASSERT_EQ(parse_graph(g.str()).str(), g.str()) << text;
    } catch (const InternalError& e) {
      FAIL() << e.what() << "\n" << text;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace lilith
