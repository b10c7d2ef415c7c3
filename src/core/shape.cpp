#include "lilith/shape.h"

#include <algorithm>

#include "lilith/aval.h"
#include "lilith/error.h"

namespace lilith {
namespace {

void check_rank(std::size_t rank) {
  LILITH_CHECK(rank <= static_cast<std::size_t>(Shape::kMaxRank),
               "shape: {} dimensions; at most {} are supported", rank, Shape::kMaxRank);
}

}  // namespace

Shape::Shape(const std::int64_t* dims, std::size_t rank) {
  check_rank(rank);
  std::copy_n(dims, rank, dims_);
  rank_ = static_cast<int>(rank);
}

void Shape::fail_index(int i) const {
  LILITH_CHECK(rank_ > 0, "shape: dimension {} of a scalar, whose shape is []", i);
  fail("shape: dimension {} is out of range for {}; need {} <= i < {}", i, str(), -rank_, rank_);
}

void Shape::push_back(std::int64_t dim) { insert(rank_, dim); }

void Shape::insert(int at, std::int64_t dim) {
  check_rank(size() + 1);
  std::copy_backward(dims_ + at, dims_ + rank_, dims_ + rank_ + 1);
  dims_[at] = dim;
  ++rank_;
}

void Shape::erase(int at) {
  std::copy(dims_ + at + 1, dims_ + rank_, dims_ + at);
  dims_[--rank_] = 0;
}

std::int64_t Shape::numel() const {
  std::int64_t n = 1;
  for (std::int64_t d : *this) n *= d;
  return n;
}

Shape Shape::strides() const {
  Shape s = *this;
  std::int64_t step = 1;
  for (int i = rank_ - 1; i >= 0; --i) {
    s[i] = step;
    step *= std::max<std::int64_t>(dims_[i], 1);
  }
  return s;
}

std::string Shape::str() const {
  std::string out = "[";
  for (int i = 0; i < rank_; ++i) {
    if (i) out += ',';
    out += std::to_string(dims_[i]);
  }
  return out + "]";
}

bool Shape::operator==(const Shape& other) const {
  return rank_ == other.rank_ && std::equal(begin(), end(), other.begin());
}

std::string Aval::str() const { return std::string(name(dtype)) + shape.str(); }

}  // namespace lilith
