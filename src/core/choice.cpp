#include "lilith/detail/choice.h"

#include "core/quote.h"
#include "lilith/error.h"

namespace lilith::detail {

std::size_t find_word(const char* what, std::string_view word, const std::string_view* words,
                      std::size_t n, std::source_location loc) {
  std::string all;
  for (std::size_t i = 0; i < n; ++i) {
    if (words[i] == word) return i;
    all += fmt::format("{}\"{}\"", i == 0 ? "" : i + 1 < n ? ", " : " or ", words[i]);
  }
  const LocScope scope(Loc(loc), nullptr);
  fail("{}: \"{}\" is none of its words; need {}", what, escaped(word), all);
}

}  // namespace lilith::detail
