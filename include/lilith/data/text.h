#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lilith/data/dataset.h"

namespace lilith {

/// The characters of a text by number, in the order of their code points. UTF-8; bytes that are
/// none count as characters of one byte.
class CharVocabulary {
 public:
  CharVocabulary() = default;
  explicit CharVocabulary(const std::string& text);
  std::int64_t size() const { return static_cast<std::int64_t>(characters_.size()); }
  const std::vector<std::string>& characters() const { return characters_; }
  /// i64 [characters]. Error for a character that the vocabulary lacks.
  Tensor encode(const std::string& text, SourceLocation loc = SourceLocation::current()) const;
  /// Of integers of any shape, in order. Error for a number out of range.
  std::string decode(const Tensor& tokens, SourceLocation loc = SourceLocation::current()) const;

 private:
  std::vector<std::string> characters_;
  std::map<std::string, std::int64_t> number_;
};

/// Byte pair encoding: tokens 0 to 255 are bytes, the others pairs of tokens that stood beside each
/// other most often, merged in that order; pairs do not reach over the blanks that begin words.
/// Sennrich et al., arXiv:1508.07909.
class BytePairs {
 public:
  BytePairs() = default;
  /// Merges until there are vocab_size tokens, or no pair comes twice. Error: vocab_size < 256.
  BytePairs(const std::string& text, Int vocab_size,
            SourceLocation loc = SourceLocation::current());
  std::int64_t size() const { return 256 + static_cast<std::int64_t>(merges_.size()); }
  const std::vector<std::pair<std::int64_t, std::int64_t>>& merges() const { return merges_; }
  /// i64 [tokens].
  Tensor encode(const std::string& text) const;
  std::string decode(const Tensor& tokens, SourceLocation loc = SourceLocation::current()) const;
  /// A line a merge: two numbers. Errors: a file that cannot be written or read, or is none of
  /// these.
  void save(const std::string& path, SourceLocation loc = SourceLocation::current()) const;
  static BytePairs load(const std::string& path, SourceLocation loc = SourceLocation::current());

 private:
  void add(std::int64_t a, std::int64_t b);
  std::vector<std::pair<std::int64_t, std::int64_t>> merges_;
  std::vector<std::string> text_;  // of each token
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> rank_;
};

/// Pieces of `length` tokens of a text i64 [n], `stride` apart (0: length), each with the same one
/// token later: what a language model reads and predicts, i64 [length] both. Error: n <= length.
data::Dataset<2> token_windows(const Tensor& tokens, Int length, Int stride = 0,
                               SourceLocation loc = SourceLocation::current());

}  // namespace lilith
