#pragma once
#include <optional>

#include "lilith/device.h"
#include "lilith/dtype.h"
#include "lilith/error.h"
#include "lilith/ops/choices.h"
#include "lilith/ops/int_list.h"
#include "lilith/real.h"

// Keyword arguments: x.sum({.dim = 1, .keepdim = true}), x.sum(1, {.keepdim = true}). What they
// mean is written where the function with arguments in order is declared, in lilith/ops/; which
// functions take them is in lilith/ops/keywords.h.
namespace lilith {

namespace detail {
/// Options behind an argument in order: Adam(1e-3, {.weight_decay = 0.1}). Error where that is
/// among the options, too.
template <class O, class M, class V>
O with_first(O options, M O::* option, const V& value, const char* name, Loc loc) {
  const LocScope scope(loc, nullptr);
  LILITH_CHECK(options.*option == O{}.*option, "{} is given twice, in its place and by name", name);
  options.*option = value;
  return options;
}
}  // namespace detail

struct SumKeywords {
  detail::Named named = {};
  IntList dim = {};
  bool keepdim = false;
  std::optional<DType> dtype = {};
};
struct ReduceKeywords {
  detail::Named named = {};
  IntList dim = {};
  bool keepdim = false;
};
/// Of functions that take one dimension.
struct DimKeywords {
  detail::Named named = {};
  std::optional<Dim> dim = {};
  bool keepdim = false;
};
struct VarKeywords {
  detail::Named named = {};
  IntList dim = {};
  std::optional<bool> unbiased = {};    // correction 1 or 0
  std::optional<Real> correction = {};  // 1; Error beside unbiased
  bool keepdim = false;
};
struct NormKeywords {
  detail::Named named = {};
  Real p = 2;
  IntList dim = {};
  bool keepdim = false;
};
struct SortKeywords {
  detail::Named named = {};
  std::optional<Dim> dim = {};  // -1
  bool descending = false;
  bool stable = false;
};
struct TopkKeywords {
  detail::Named named = {};
  Dim dim = -1;
  bool largest = true;
  bool sorted = true;
};
struct CloseKeywords {
  detail::Named named = {};
  Real rtol = 1e-5;
  Real atol = 1e-8;
  bool equal_nan = false;
};
struct SoftmaxKeywords {
  detail::Named named = {};
  std::optional<Dim> dim = {};  // has to be given
  std::optional<DType> dtype = {};
};
struct DiagonalKeyword {
  detail::Named named = {};
  Int diagonal = 0;
};
struct DTypeKeyword {
  detail::Named named = {};
  std::optional<DType> dtype = {};
};
/// x.quantile(0.5, {.dim = 1, .interpolation = "lower"}).
struct QuantileKeywords {
  detail::Named named = {};
  std::optional<Dim> dim = {};
  bool keepdim = false;
  QuantileInterpolation interpolation = {};
};
struct NanToNumKeywords {
  detail::Named named = {};
  Real nan = 0.0;
  std::optional<Real> posinf = {}, neginf = {};
};
struct BetaKeywords {
  detail::Named named = {};
  Real beta = 1, alpha = 1;
};
struct RepeatKeyword {
  detail::Named named = {};
  std::optional<Dim> dim = {};
};
struct TransferKeywords {
  detail::Named named = {};
  std::optional<DType> dtype = {};
  bool non_blocking = false, copy = false;  // change nothing: values never do, and are lazy
};
struct ToKeywords {
  detail::Named named = {};
  std::optional<Device> device = {};
  std::optional<DType> dtype = {};
  bool non_blocking = false, copy = false;  // as above
};

}  // namespace lilith
