#include <algorithm>
#include <cctype>
#include <map>
#include <string>

#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/linalg.h"
#include "lilith/ops/shape.h"
#include "ops/autocast.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"

// einsum: operands are contracted from left to right, each pair by one dot_general.
namespace lilith {

using namespace ops;
using I = std::int64_t;

namespace {

// A tensor and a label per dimension. The dimensions of "..." have labels below 'A', the last
// one 1.
struct Labelled {
  Tensor value;
  std::string labels;
};

bool has(const std::string& s, char c) { return s.find(c) != std::string::npos; }

std::string ellipsis(int count) {
  std::string out;
  for (int i = count; i > 0; --i) out += static_cast<char>(i);
  return out;
}

// "ab...c" over `rank` dimensions as labels.
std::string expand_term(std::string_view term, int rank, std::string_view equation) {
  std::string out;
  const std::size_t dots = term.find("...");
  const int named = static_cast<int>(term.size()) - (dots == std::string_view::npos ? 0 : 3);
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (i == dots) {
      out += ellipsis(std::max(rank - named, 0));
      i += 2;
    } else {
      LILITH_CHECK(std::isalpha(static_cast<unsigned char>(term[i])),
                   "einsum: '{}' in \"{}\"; need letters, '...', ',' and '->'", term[i], equation);
      out += term[i];
    }
  }
  LILITH_CHECK(static_cast<int>(out.size()) == rank,
               "einsum: \"{}\" names {} dimensions of an operand with {}", term, named, rank);
  return out;
}

// A repeated label is the diagonal of its dimensions.
Labelled without_repeats(Labelled x) {
  for (std::size_t i = 0; i < x.labels.size(); ++i) {
    const std::size_t j = x.labels.find(x.labels[i], i + 1);
    if (j == std::string::npos) continue;
    x.value = diagonal(x.value, 0, static_cast<int>(i), static_cast<int>(j));
    const char label = x.labels[i];
    x.labels.erase(j, 1);
    x.labels.erase(i, 1);
    x.labels += label;
    i = static_cast<std::size_t>(-1);
  }
  return x;
}

Labelled summed_to(Labelled x, const std::string& needed) {
  Ints axes;
  std::string kept;
  for (std::size_t d = 0; d < x.labels.size(); ++d) {
    if (has(needed, x.labels[d]))
      kept += x.labels[d];
    else
      axes.push_back(static_cast<I>(d));
  }
  return {make_reduce("reduce_sum", x.value, axes), kept};
}

// Labels of one name have one size; a size of 1 repeats.
void broadcast_labels(std::vector<Labelled>& terms, std::string_view equation) {
  std::map<char, I> sizes;
  for (const Labelled& t : terms) {
    for (std::size_t d = 0; d < t.labels.size(); ++d) {
      const I n = t.value.shape()[static_cast<int>(d)];
      I& size = sizes.try_emplace(t.labels[d], n).first->second;
      LILITH_CHECK(size == n || size == 1 || n == 1,
                   "einsum: sizes {} and {} of one label in \"{}\"; need equal sizes", size, n,
                   equation);
      if (size == 1) size = n;
    }
  }
  for (Labelled& t : terms) {
    Shape shape;
    for (char c : t.labels) shape.push_back(sizes[c]);
    t.value = broadcast_last(t.value, shape);
  }
}

Labelled contracted(Labelled a, Labelled b, const std::string& needed) {
  a = summed_to(std::move(a), needed + b.labels);
  b = summed_to(std::move(b), needed + a.labels);
  Ints batch_a, batch_b, sum_a, sum_b;
  std::string batch, free_a, free_b;
  for (std::size_t d = 0; d < a.labels.size(); ++d) {
    const char c = a.labels[d];
    const std::size_t e = b.labels.find(c);
    if (e == std::string::npos) {
      free_a += c;
      continue;
    }
    const bool keep = has(needed, c);
    (keep ? batch_a : sum_a).push_back(static_cast<I>(d));
    (keep ? batch_b : sum_b).push_back(static_cast<I>(e));
    if (keep) batch += c;
  }
  for (char c : b.labels) {
    if (!has(a.labels, c)) free_b += c;
  }
  return {dot_general(a.value, b.value, batch_a, batch_b, sum_a, sum_b), batch + free_a + free_b};
}

bool has_lone_label(const std::vector<Labelled>& terms, const std::string& out) {
  std::map<char, int> count;
  for (const Labelled& t : terms)
    for (const char c : t.labels) ++count[c];
  return std::ranges::any_of(count,
                             [&](const auto& c) { return c.second == 1 && !has(out, c.first); });
}

// Without "->": the labels that appear once, in alphabetical order, after those of "...".
std::string implicit_output(const std::vector<std::string>& terms) {
  std::map<char, int> count;
  int dots = 0;
  for (const std::string& t : terms) {
    for (char c : t) {
      if (c < 'A')
        dots = std::max(dots, static_cast<int>(c));
      else
        ++count[c];
    }
  }
  std::string out = ellipsis(dots);
  for (const auto& [c, n] : count) {
    if (n == 1) out += c;
  }
  return out;
}

}  // namespace

Tensor einsum(std::string_view equation, const std::vector<Tensor>& given, SourceLocation loc) {
  LocScope scope(loc);
  std::vector<Tensor> operands;
  for (const Tensor& t : given) operands.push_back(lowered(t));
  const AutocastOff inside;
  std::string text;
  for (char c : equation) {
    if (c != ' ') text += c;
  }
  const std::size_t arrow = text.find("->");
  const std::string left = text.substr(0, arrow);
  std::vector<std::string> names;
  std::size_t start = 0;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    LILITH_CHECK(start <= left.size(), "einsum: \"{}\" has fewer terms than the {} operands",
                 equation, operands.size());
    const std::size_t comma = std::min(left.find(',', start), left.size());
    names.push_back(expand_term(std::string_view(left).substr(start, comma - start),
                                operands[i].ndim(), equation));
    start = comma + 1;
  }
  LILITH_CHECK(start == left.size() + 1, "einsum: \"{}\" has more terms than the {} operands",
               equation, operands.size());
  int dots = 0;
  std::string all;
  for (const std::string& n : names) {
    all += n;
    for (char c : n) dots = std::max(dots, c < 'A' ? static_cast<int>(c) : 0);
  }
  std::string out = implicit_output(names);
  if (arrow != std::string::npos) {
    const std::string right = text.substr(arrow + 2);
    const int named =
        static_cast<int>(right.size()) - (right.find("...") == std::string::npos ? 0 : 3);
    out =
        expand_term(right, right.find("...") == std::string::npos ? named : named + dots, equation);
  }
  for (char c : out) {
    LILITH_CHECK(has(all, c) && std::count(out.begin(), out.end(), c) == 1,
                 "einsum: label '{}' of the output of \"{}\" is in no operand, or there twice", c,
                 equation);
  }
  const DType dtype = operands[0].dtype();
  const bool one_dtype = std::all_of(operands.begin(), operands.end(),
                                     [&](const Tensor& t) { return t.dtype() == dtype; });
  std::vector<Labelled> terms;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const Tensor term = one_dtype ? widened(operands[i]) : operands[i];
    terms.push_back(without_repeats({term, names[i]}));
  }
  // A sum over a label that one operand has alone is that of `sum`, whose integers are i64.
  const bool adds_whole = one_dtype && !is_floating(dtype) && has_lone_label(terms, out);
  for (Labelled& t : terms)
    if (adds_whole) t.value = make_cast(t.value, DType::I64);
  broadcast_labels(terms, equation);
  Labelled acc = terms[0];
  for (std::size_t i = 1; i < terms.size(); ++i) {
    std::string needed = out;
    for (std::size_t j = i + 1; j < terms.size(); ++j) needed += terms[j].labels;
    acc = contracted(std::move(acc), terms[i], needed);
  }
  acc = summed_to(std::move(acc), out);
  Ints perm;
  for (char c : out) perm.push_back(static_cast<I>(acc.labels.find(c)));
  return narrowed(make_transpose(acc.value, perm),
                  one_dtype && !adds_whole ? dtype : acc.value.dtype());
}

}  // namespace lilith
