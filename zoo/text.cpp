#include "text.h"

#include <lilith/ops.h>

#include <filesystem>
#include <fstream>
#include <random>

namespace lilith::zoo {
namespace {

namespace fs = std::filesystem;

std::string file_of(const std::string& path) {
  if (!fs::is_directory(path)) return path;
  std::vector<std::string> texts;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.path().extension() == ".txt") texts.push_back(entry.path().string());
  LILITH_CHECK(texts.size() == 1, "--data: {} holds {} files *.txt; name the one to read", path,
               texts.size());
  return texts.front();
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  LILITH_CHECK(in.is_open() && !in.bad(), "--data: cannot read {}; need a text file", path);
  return text;
}

// Sentences of a small grammar, for a run without a file.
std::string made_up(std::uint64_t seed) {
  const std::vector<std::string> who{"the king", "a sailor", "my sister", "the old fox"},
      does{"sees", "follows", "loves", "forgets"},
      what{"the sea", "a red bird", "the long road", "her own song"};
  std::mt19937_64 random(seed);
  const auto one_of = [&](const std::vector<std::string>& words) {
    return words[random() % words.size()];
  };
  std::string text;
  while (text.size() < 20000) text += one_of(who) + " " + one_of(does) + " " + one_of(what) + ".\n";
  return text;
}

}  // namespace

TextData load_text(const std::string& path, std::int64_t length, std::uint64_t seed) {
  const bool given = !path.empty();
  const std::string file = given ? file_of(path) : "";
  const std::string text = given ? read_text(file) : made_up(seed);
  TextData data{CharVocabulary(text),
                {},
                {},
                given ? fs::path(file).filename().string() : "made-up sentences"};
  LILITH_CHECK(!text.empty(), "--data: {} is empty", file);
  const Tensor tokens = data.vocabulary.encode(text);
  const std::int64_t n = tokens.size(0), cut = n * 9 / 10;
  LILITH_CHECK(n - cut > length, "--data: {} has {} characters; need {} for windows of {}", file, n,
               10 * (length + 1), length);
  data.train = tokens.slice(0, 0, cut);
  data.test = tokens.slice(0, cut, n);
  fmt::print(stderr, "data: {}: {} characters, {} different{}\n", given ? file : data.name, n,
             data.vocabulary.size(), given ? "" : "; --data FILE takes a text");
  return data;
}

std::string sample_text(const CharVocabulary& vocabulary, const NextToken& next,
                        std::int64_t length, double temperature) {
  std::vector<std::int64_t> tokens{0};  // the end of line where there is one: the lowest code point
  for (std::int64_t i = 0; i < length; ++i) {
    const Tensor p = softmax(next(tokens) / temperature, -1);
    tokens.push_back(multinomial(p, 1).item<std::int64_t>());
  }
  return vocabulary.decode(from_data(tokens.data() + 1, {length}));
}

void write_sample(const TrainArgs& args, const std::string& text) {
  fmt::print(stderr, "{}\n", text);
  if (args.out.empty()) return;
  const std::string path = (fs::path(args.out) / "sample.txt").string();
  std::ofstream out(path, std::ios::binary);
  out << text << '\n';
  out.close();
  LILITH_CHECK(!out.fail(), "--out: cannot write {}", path);
}

}  // namespace lilith::zoo
