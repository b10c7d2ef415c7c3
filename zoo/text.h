#pragma once
#include <lilith/data.h>

#include <functional>
#include <string>
#include <vector>

#include "registry.h"

namespace lilith::zoo {

/// A text cut in two: nine tenths to train on, the rest to test.
struct TextData {
  CharVocabulary vocabulary;
  Tensor train, test;  // i64 [characters]
  std::string name;    // of the file, or "made-up sentences"
};

/// The text of a file, of the only .txt file of a folder, or made-up sentences where `path` is
/// empty; says on stderr which of them. Errors: no such file, several in the folder, one that is
/// too short to be cut into windows of `length` characters.
TextData load_text(const std::string& path, std::int64_t length, std::uint64_t seed);

/// The logits [symbols] of what follows these tokens.
using NextToken = std::function<Tensor(const std::vector<std::int64_t>& tokens)>;

/// A text that goes on from an end of line, `length` characters drawn with the softmax of the
/// logits over a temperature.
std::string sample_text(const CharVocabulary& vocabulary, const NextToken& next,
                        std::int64_t length, double temperature = 0.8);
/// Shows the text on stderr; with --out it is in sample.txt as well.
void write_sample(const TrainArgs& args, const std::string& text);

}  // namespace lilith::zoo
