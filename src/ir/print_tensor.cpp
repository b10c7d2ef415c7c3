#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "ir/host.h"
#include "ir/host_copy.h"
#include "ir/node.h"
#include "lilith/tensor.h"

// The text of a tensor's values, as PyTorch prints them by default: 4 digits, 80 columns, more than
// 1000 elements summarised to 3 at either end of each dimension; dtypes by Lilith's names.
namespace lilith {
namespace {

constexpr int kPrecision = 4;
constexpr std::int64_t kThreshold = 1000;
constexpr std::int64_t kEdge = 3;
constexpr int kLineWidth = 80;

/// How every element of one tensor is written: the form is common, and so is the width.
class ElementFormat {
 public:
  ElementFormat(const void* data, DType dtype, const std::vector<std::int64_t>& shown)
      : data_(data), dtype_(dtype) {
    if (is_floating(dtype)) choose_form(shown);
    for (std::int64_t i : shown) width_ = std::max(width_, plain(i).size());
  }
  std::string padded(std::int64_t i) const {
    std::string text = plain(i);
    return text.size() < width_ ? std::string(width_ - text.size(), ' ') + text : text;
  }
  std::string plain(std::int64_t i) const {
    if (dtype_ == DType::Bool) return ir::read_i64(data_, dtype_, i) ? "True" : "False";
    if (!is_floating(dtype_)) return std::to_string(ir::read_i64(data_, dtype_, i));
    const double v = ir::read_f64(data_, dtype_, i);
    if (std::isnan(v)) return "nan";
    if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
    if (scientific_) return fmt::format("{:.{}e}", v, kPrecision);
    return whole_ ? fmt::format("{:.0f}.", v) : fmt::format("{:.{}f}", v, kPrecision);
  }
  std::size_t width() const { return width_; }

 private:
  void choose_form(const std::vector<std::int64_t>& shown) {
    double lo = HUGE_VAL, hi = 0;
    for (std::int64_t i : shown) {
      const double v = ir::read_f64(data_, dtype_, i), a = std::fabs(v);
      if (!std::isfinite(v)) continue;
      if (v != std::ceil(v)) whole_ = false;
      if (a == 0) continue;
      lo = std::min(lo, a);
      hi = std::max(hi, a);
    }
    if (hi == 0) return;
    scientific_ = hi / lo > 1000. || hi > 1e8 || (!whole_ && lo < 1e-4);
  }

  const void* data_;
  DType dtype_;
  bool whole_ = true, scientific_ = false;
  std::size_t width_ = 1;
};

/// Walks the nested brackets.
class Printer {
 public:
  Printer(const Tensor& t, const void* data)
      : shape_(t.shape()),
        strides_(shape_.strides()),
        summarise_(t.numel() > kThreshold),
        format_(data, t.dtype(), shown()) {}

  std::string text(int indent) const {
    return shape_.rank() ? block(0, 0, indent) : format_.plain(0);
  }

 private:
  // The indices of dimension d that are written; -1 stands for the dots.
  std::vector<std::int64_t> indices(int d) const {
    const std::int64_t n = shape_[d];
    std::vector<std::int64_t> out;
    for (std::int64_t i = 0; i < n; ++i) {
      if (summarise_ && n > 2 * kEdge && i == kEdge) {
        out.push_back(-1);
        i = n - kEdge;
      }
      out.push_back(i);
    }
    return out;
  }

  std::vector<std::int64_t> shown() const {
    std::vector<std::int64_t> at = {0};
    for (int d = 0; d < shape_.rank(); ++d) {
      std::vector<std::int64_t> next;
      for (std::int64_t base : at) {
        for (std::int64_t i : indices(d)) {
          if (i >= 0) next.push_back(base + i * strides_[d]);
        }
      }
      at = std::move(next);
    }
    return at;
  }

  std::string row(std::int64_t base, int indent) const {
    const auto per_line = std::max<std::int64_t>(
        1, (kLineWidth - indent) / (static_cast<std::int64_t>(format_.width()) + 2));
    std::string out = "[";
    std::int64_t in_line = 0;
    bool first = true;
    for (std::int64_t i : indices(shape_.rank() - 1)) {
      if (!first) {
        out += ',';
        out += in_line == per_line ? "\n" + std::string(static_cast<std::size_t>(indent) + 1, ' ')
                                   : " ";
        if (in_line == per_line) in_line = 0;
      }
      out += i < 0 ? " ..." : format_.padded(base + i * strides_[shape_.rank() - 1]);
      first = false;
      ++in_line;
    }
    return out + "]";
  }

  std::string block(int d, std::int64_t base, int indent) const {
    if (d == shape_.rank() - 1) return row(base, indent);
    const std::string gap(static_cast<std::size_t>(shape_.rank() - 1 - d), '\n');
    const std::string lead(static_cast<std::size_t>(indent) + 1, ' ');
    std::string out = "[";
    bool first = true;
    for (std::int64_t i : indices(d)) {
      if (!first) out += "," + gap + lead;
      out += i < 0 ? "..." : block(d + 1, base + i * strides_[d], indent + 1);
      first = false;
    }
    return out + "]";
  }

  Shape shape_, strides_;
  bool summarise_;
  ElementFormat format_;
};

}  // namespace

std::string to_string(const Tensor& t) {
  if (!t.defined()) return "tensor(undefined)";
  // A stream and a formatter know no line: that of the tensor is the next best.
  const LocScope::Fallback line(t.node()->loc);
  const LocScope scope(Loc(), "print");
  std::string suffix;
  const DType dtype = t.dtype();
  const std::string device = t.device() == cpu() ? "" : ", device=" + t.device().str();
  if (t.numel() == 0) {
    if (t.shape() != Shape{0}) {
      suffix += ", size=(";
      for (int d = 0; d < t.ndim(); ++d) suffix += (d ? ", " : "") + std::to_string(t.shape()[d]);
      suffix += ")";
    }
    if (dtype != DType::F32) suffix += ", dtype=" + std::string(name(dtype));
    return "tensor([]" + suffix + device + ")";
  }
  const bool implied = dtype == DType::F32 || dtype == DType::I64 || dtype == DType::Bool;
  if (!implied) suffix += ", dtype=" + std::string(name(dtype));
  constexpr int kIndent = 7;  // of "tensor("
  const StoragePtr value = ir::host_value(t, "print");
  return "tensor(" + Printer(t, value->data()).text(kIndent) + suffix + device + ")";
}

}  // namespace lilith
