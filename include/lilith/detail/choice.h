#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <source_location>
#include <string>
#include <string_view>

namespace lilith::detail {

/// The number of a word among `words`; Error, listing them, when it is none.
std::size_t find_word(const char* what, std::string_view word, const std::string_view* words,
                      std::size_t n, std::source_location loc);

/// One of a few, by its constant or by PyTorch's word for it: Reduction::Sum or "sum". Names has
/// the constants (`enum class Kind`, in the order of `words`) and says `what` is chosen.
template <class Names>
class Choice : public Names {
 public:
  using Kind = typename Names::Kind;
  constexpr Choice() = default;
  constexpr Choice(Kind kind) : kind_(kind) {}
  template <std::size_t N>
  Choice(const char (&word)[N], std::source_location loc = std::source_location::current())
      : Choice(std::string_view(word), loc) {}
  template <std::same_as<const char*> S>
  Choice(S word, std::source_location loc = std::source_location::current())
      : Choice(std::string_view(word), loc) {}
  Choice(const std::string& word, std::source_location loc = std::source_location::current())
      : Choice(std::string_view(word), loc) {}
  Choice(std::string_view word, std::source_location loc = std::source_location::current())
      : kind_(kind_of(find_word(Names::what, word, Names::words, std::size(Names::words), loc))) {}

  constexpr operator Kind() const { return kind_; }
  constexpr Kind kind() const { return kind_; }
  /// PyTorch's word.
  constexpr std::string_view word() const { return Names::words[static_cast<std::size_t>(kind_)]; }

 private:
  /// Words behind those of the constants are other words for the first.
  static Kind kind_of(std::size_t word) {
    if constexpr (requires { Names::kinds; }) word %= Names::kinds;
    return static_cast<Kind>(word);
  }
  Kind kind_ = Kind{};
};

}  // namespace lilith::detail
