#include "lilith/data/text.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <set>

#include "core/quote.h"
#include "data/folders.h"
#include "ir/host_copy.h"
#include "lilith/ops/create.h"

// Texts as numbers.
namespace lilith {

namespace {

using I = std::int64_t;

// The bytes of the character that begins at `at`.
std::size_t character_bytes(const std::string& text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const std::size_t n = first < 0xc2   ? 1
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 1;
  if (at + n > text.size()) return 1;
  for (std::size_t k = 1; k < n; ++k)
    if ((static_cast<unsigned char>(text[at + k]) & 0xc0) != 0x80) return 1;
  return n;
}

std::vector<I> numbers_of(const char* op, const Tensor& tokens, I size) {
  LILITH_CHECK(is_integral(tokens.dtype()), "{}: tokens are {}; need integers", op,
               tokens.aval().str());
  std::vector<I> out = tokens.to(DType::I64).to_vector<I>();
  for (const I t : out)
    LILITH_CHECK(t >= 0 && t < size, "{}: token {} is out of range; there are {}", op, t, size);
  return out;
}
Tensor as_tensor(const std::vector<I>& numbers) {
  return from_data(numbers.data(), {static_cast<I>(numbers.size())});
}

// Words with the blanks before them.
template <class F>
void each_word(const std::string& text, F&& f) {
  const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
  for (std::size_t from = 0; from < text.size();) {
    std::size_t to = from;
    while (to < text.size() && blank(text[to])) ++to;
    while (to < text.size() && !blank(text[to])) ++to;
    f(text.substr(from, to - from));
    from = to;
  }
}
std::vector<I> bytes_of(const std::string& word) {
  std::vector<I> out;
  for (const char c : word) out.push_back(static_cast<unsigned char>(c));
  return out;
}
// Every (a, b) of a word as one token.
void merge(std::vector<I>& word, I a, I b, I token) {
  std::size_t to = 0;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const bool here = i + 1 < word.size() && word[i] == a && word[i + 1] == b;
    word[to++] = here ? token : word[i];
    i += here;
  }
  word.resize(to);
}

}  // namespace

CharVocabulary::CharVocabulary(const std::string& text) {
  std::set<std::string> seen;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = character_bytes(text, at);
    seen.insert(text.substr(at, n));
    at += n;
  }
  // UTF-8 sorts as code points do.
  characters_.assign(seen.begin(), seen.end());
  for (std::size_t k = 0; k < characters_.size(); ++k) number_[characters_[k]] = static_cast<I>(k);
}

Tensor CharVocabulary::encode(const std::string& text, SourceLocation loc) const {
  LocScope scope(loc, nullptr);
  std::vector<I> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = character_bytes(text, at);
    const auto it = number_.find(text.substr(at, n));
    LILITH_CHECK(it != number_.end(), "CharVocabulary: no character '{}' among its {}",
                 escaped(text.substr(at, n)), size());
    out.push_back(it->second);
    at += n;
  }
  return as_tensor(out);
}

std::string CharVocabulary::decode(const Tensor& tokens, SourceLocation loc) const {
  LocScope scope(loc, nullptr);
  std::string out;
  for (const I t : numbers_of("CharVocabulary", tokens, size()))
    out += characters_[static_cast<std::size_t>(t)];
  return out;
}

void BytePairs::add(I a, I b) {
  if (text_.empty())
    for (int byte = 0; byte < 256; ++byte) text_.emplace_back(1, static_cast<char>(byte));
  rank_[{a, b}] = size();
  merges_.emplace_back(a, b);
  text_.push_back(text_[static_cast<std::size_t>(a)] + text_[static_cast<std::size_t>(b)]);
}

BytePairs::BytePairs(const std::string& text, Int vocab_size, SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(vocab_size >= 256, "BytePairs: vocab_size is {}; need at least 256", vocab_size);
  std::map<std::string, I> counts;
  each_word(text, [&](std::string word) { ++counts[std::move(word)]; });
  std::vector<std::pair<std::vector<I>, I>> words;
  for (const auto& [word, count] : counts) words.emplace_back(bytes_of(word), count);
  using Pair = std::pair<I, I>;
  std::map<Pair, I> pairs;
  std::map<Pair, std::set<std::size_t>> where;
  const auto count = [&](std::size_t w, I sign) {
    const auto& [word, n] = words[w];
    for (std::size_t i = 0; i + 1 < word.size(); ++i) {
      const Pair pair{word[i], word[i + 1]};
      pairs[pair] += sign * n;
      if (sign > 0) where[pair].insert(w);
    }
  };
  for (std::size_t w = 0; w < words.size(); ++w) count(w, 1);
  while (size() < vocab_size) {
    // Of equals the first in the order of numbers.
    const auto best =
        std::max_element(pairs.begin(), pairs.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    if (best == pairs.end() || best->second < 2) break;
    const Pair pair = best->first;
    const I token = size();
    add(pair.first, pair.second);
    for (const std::size_t w : std::exchange(where[pair], {})) {
      count(w, -1);
      merge(words[w].first, pair.first, pair.second, token);
      count(w, 1);
    }
    pairs.erase(pair);
  }
}

Tensor BytePairs::encode(const std::string& text) const {
  std::vector<I> out;
  std::map<std::string, std::vector<I>> known;
  each_word(text, [&](const std::string& word) {
    auto [at, fresh] = known.try_emplace(word);
    if (fresh) {
      std::vector<I> w = bytes_of(word);
      while (true) {
        auto best = rank_.end();
        for (std::size_t i = 0; i + 1 < w.size(); ++i) {
          const auto it = rank_.find({w[i], w[i + 1]});
          if (it != rank_.end() && (best == rank_.end() || it->second < best->second)) best = it;
        }
        if (best == rank_.end()) break;
        merge(w, best->first.first, best->first.second, best->second);
      }
      at->second = std::move(w);
    }
    out.insert(out.end(), at->second.begin(), at->second.end());
  });
  return as_tensor(out);
}

std::string BytePairs::decode(const Tensor& tokens, SourceLocation loc) const {
  LocScope scope(loc, nullptr);
  std::string out;
  for (const I t : numbers_of("BytePairs", tokens, size())) {
    if (t < 256)
      out += static_cast<char>(t);
    else
      out += text_[static_cast<std::size_t>(t)];
  }
  return out;
}

void BytePairs::save(const std::string& path, SourceLocation loc) const {
  LocScope scope(loc, nullptr);
  std::ofstream out(path);
  for (const auto& [a, b] : merges_) out << a << ' ' << b << '\n';
  out.flush();
  LILITH_CHECK(out.good(), "BytePairs: cannot write {}", data::shown(path));
}

BytePairs BytePairs::load(const std::string& path, SourceLocation loc) {
  LocScope scope(loc, nullptr);
  std::ifstream in(path);
  LILITH_CHECK(in.is_open(), "BytePairs: cannot open {}", data::shown(path));
  BytePairs out;
  I a = 0, b = 0;
  while (in >> a >> b) {
    LILITH_CHECK(a >= 0 && b >= 0 && a < out.size() && b < out.size(),
                 "BytePairs: {}: merge {} is of {} and {}; need earlier tokens", data::shown(path),
                 out.size() - 256, a, b);
    out.add(a, b);
  }
  LILITH_CHECK(in.eof(), "BytePairs: {}: no pair of numbers after merge {}", data::shown(path),
               out.size() - 256);
  return out;
}

namespace {

class Windows final : public DataSource {
 public:
  Windows(std::vector<I> tokens, I length, I stride)
      : tokens_(std::move(tokens)),
        length_(length),
        stride_(stride),
        columns_{Aval{{length}, DType::I64, {}}, Aval{{length}, DType::I64, {}}} {}
  I size() const override { return (static_cast<I>(tokens_.size()) - length_ - 1) / stride_ + 1; }
  const std::vector<Aval>& columns() const override { return columns_; }
  void read(const I* rows, I n, void* const* out) const override {
    for (I i = 0; i < n; ++i)
      for (int c = 0; c < 2; ++c)
        if (out[c])
          std::copy_n(tokens_.data() + rows[i] * stride_ + c, length_,
                      static_cast<I*>(out[c]) + i * length_);
  }

 private:
  std::vector<I> tokens_;
  I length_, stride_;
  std::vector<Aval> columns_;
};

}  // namespace

data::Dataset<2> token_windows(const Tensor& tokens, Int length, Int stride, SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(is_integral(tokens.dtype()) && tokens.ndim() == 1 && length >= 1 && stride >= 0 &&
                   tokens.numel() > length,
               "token_windows: tokens are {}, length {}, stride {}; need integers [n] with n > "
               "length >= 1",
               tokens.aval().str(), length, stride);
  return data::Dataset<2>(std::make_shared<Windows>(tokens.to(DType::I64).to_vector<I>(), length,
                                                    stride == 0 ? I(length) : I(stride)),
                          loc);
}

}  // namespace lilith
