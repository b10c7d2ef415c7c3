#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lilith/graph_names.h"

namespace lilith {

struct FirstProgram;

/// What programs that do the same with other sizes have in common.
struct Family {
  std::uint64_t id = 0;  // ir::family
  std::vector<std::int64_t>
      varying;  // sizes of this program that others of the family have otherwise
  std::shared_ptr<FirstProgram> first = {};  // of the family, where sizes vary; null: it is unknown
  std::vector<std::int64_t> first_varying = {};  // its sizes that do
  bool is_ahead = false;  // nobody has asked for the program: it shows nothing about the family
};
/// Of a graph that is about to be made a program; remembers its sizes. None under
/// LILITH_DISABLE=shared_code. Thread-safe.
Family join_family(const Graph& g);
/// The same of a program that nobody has asked for: nothing is remembered. None where the family is
/// unknown, or a size would vary that does not in those that were asked for.
std::optional<Family> family_ahead(const Graph& g);
/// Whether programs compiled on this thread are for their own sizes and numbers alone, as under
/// LILITH_DISABLE=shared_code; sets it and returns what it was.
bool own_sizes();
bool set_own_sizes(bool on);
/// Of a part of such a program: one of `part`s.
Family part_of(const Family& whole, std::uint64_t part);

}  // namespace lilith
