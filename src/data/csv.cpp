#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fstream>
#include <limits>
#include <set>

#include "ir/node.h"
#include "lilith/data.h"

namespace lilith {
namespace {

using Fields = std::vector<std::string>;

// Splits one line; a field in double quotes may hold the separator and doubled quotes.
Fields split_line(std::string_view line, char separator, const std::string& path,
                  std::int64_t number) {
  Fields fields;
  std::string field;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted) {
      if (c != '"')
        field += c;
      else if (i + 1 < line.size() && line[i + 1] == '"')
        field += line[++i];
      else
        quoted = false;
    } else if (c == '"' && field.find_first_not_of(" \t") == std::string::npos) {
      field.clear();
      quoted = true;
    } else if (c == separator) {
      fields.push_back(std::move(field));
      field.clear();
    } else {
      field += c;
    }
  }
  LILITH_CHECK(!quoted, "CSV: {}:{}: a quoted field does not end on its line", path, number);
  fields.push_back(std::move(field));
  return fields;
}

std::string_view trimmed(std::string_view s) {
  const auto from = s.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return s.substr(from, s.find_last_not_of(" \t") - from + 1);
}

bool parse_number(std::string_view field, double& value) {
  field = trimmed(field);
  if (!field.empty() && field[0] == '+') field.remove_prefix(1);
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  return error == std::errc{} && end == field.data() + field.size() && std::isfinite(value);
}

bool is_number(std::string_view field) {
  double value;
  return parse_number(field, value);
}

bool is_missing(std::string_view field) {
  std::string word(trimmed(field));
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static const std::set<std::string> kWords = {"", "na", "n/a", "nan", "null", "none", "?"};
  return kWords.count(word) != 0;
}

std::size_t find_column(const CsvColumn& column, const Fields& names, std::size_t width,
                        const std::string& path) {
  if (const int* number = std::get_if<int>(&column)) {
    const int w = static_cast<int>(width);
    LILITH_CHECK(*number >= -w && *number < w,
                 "CSV: {}: column {} is out of range; there are {} columns", path, *number, w);
    return static_cast<std::size_t>(*number < 0 ? *number + w : *number);
  }
  const std::string& wanted = std::get<std::string>(column);
  LILITH_CHECK(!names.empty(),
               "CSV: {}: column '{}' is asked for by name, but the file has no header", path,
               wanted);
  const auto it = std::find(names.begin(), names.end(), wanted);
  LILITH_CHECK(it != names.end(), "CSV: {}: no column '{}'; the header has: {}", path, wanted,
               fmt::join(names, ", "));
  return static_cast<std::size_t>(it - names.begin());
}

// The columns of x and y by number, in the order asked for.
struct Chosen {
  std::vector<std::size_t> features, targets;
};

Chosen choose_columns(const CsvOptions& options, const Fields& names, std::size_t width,
                      const std::string& path) {
  Chosen chosen;
  for (const auto& c : options.targets)
    chosen.targets.push_back(find_column(c, names, width, path));
  for (const auto& c : options.features)
    chosen.features.push_back(find_column(c, names, width, path));
  if (options.features.empty()) {
    for (std::size_t c = 0; c < width; ++c) {
      if (std::find(chosen.targets.begin(), chosen.targets.end(), c) == chosen.targets.end()) {
        chosen.features.push_back(c);
      }
    }
  }
  LILITH_CHECK(!chosen.features.empty(),
               "CSV: {}: no column is left for x: {} columns, {} of them targets", path, width,
               chosen.targets.size());
  LILITH_CHECK(!chosen.targets.empty(), "CSV: {}: no target column; need at least one", path);
  return chosen;
}

class CsvReader {
 public:
  CsvReader(const std::string& path, const CsvOptions& options)
      : path_(path), options_(options), in_(path) {
    LILITH_CHECK(in_.is_open(), "CSV: cannot open {}", path);
  }

  DataSourcePtr read() {
    Fields fields;
    while (next_line(fields)) {
      if (width_ == 0) {
        start(fields);
        if (has_header_) continue;
      }
      LILITH_CHECK(fields.size() == width_, "CSV: {}:{}: {} fields; the first line has {}", path_,
                   line_number_, fields.size(), width_);
      append(fields, chosen_.features, x_);
      append(fields, chosen_.targets, y_);
      ++rows_;
    }
    LILITH_CHECK(!in_.bad(), "CSV: {}: reading failed after line {}", path_, line_number_);
    LILITH_CHECK(rows_ > 0, "CSV: {}: no rows of data", path_);
    return data::from_tensors(
        {tensor_of(x_, chosen_.features.size()), tensor_of(y_, chosen_.targets.size())});
  }

 private:
  bool next_line(Fields& fields) {
    std::string line;
    while (std::getline(in_, line)) {
      ++line_number_;
      if (line_number_ == 1 && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (trimmed(line).empty()) continue;
      fields = split_line(line, options_.separator, path_, line_number_);
      return true;
    }
    return false;
  }

  void start(const Fields& fields) {
    width_ = fields.size();
    has_header_ = options_.header ? *options_.header : looks_like_header(fields);
    if (has_header_) {
      for (const auto& f : fields) names_.emplace_back(trimmed(f));
    }
    chosen_ = choose_columns(options_, names_, width_, path_);
  }

  // A row that has a value missing is no header: it would be dropped without a word.
  bool looks_like_header(const Fields& fields) const {
    const auto number = std::find_if(fields.begin(), fields.end(), is_number);
    const auto word = std::find_if(fields.begin(), fields.end(), [](const std::string& f) {
      return !is_number(f) && !is_missing(f);
    });
    LILITH_CHECK(number == fields.end() || word == fields.end(),
                 "CSV: {}:{}: the first line holds numbers ('{}') and words ('{}'); say whether it "
                 "is a header: .header = true or false",
                 path_, line_number_, *number, *word);
    return word != fields.end();
  }

  void append(const Fields& fields, const std::vector<std::size_t>& columns,
              std::vector<float>& out) {
    for (std::size_t c : columns) {
      double value = 0;
      const bool missing = is_missing(fields[c]);
      if (missing && options_.missing_is_nan)
        value = NAN;
      else if (!parse_number(fields[c], value))
        refuse(c, fields[c],
               missing ? "no finite number; .missing_is_nan = true reads it as NaN"
                       : "no finite number");
      else if (std::abs(value) > std::numeric_limits<float>::max())
        refuse(c, fields[c], "too large for f32");
      out.push_back(static_cast<float>(value));
    }
  }

  [[noreturn]] void refuse(std::size_t c, const std::string& field, const char* what) const {
    fail("CSV: {}:{}: column {}{} holds '{}', which is {}", path_, line_number_, c,
         names_.empty() ? "" : " (" + names_[c] + ")", field, what);
  }

  Tensor tensor_of(const std::vector<float>& values, std::size_t columns) const {
    const Aval aval{{rows_, static_cast<std::int64_t>(columns)}, DType::F32, {}};
    auto storage = Storage::allocate(aval.bytes());
    std::copy(values.begin(), values.end(), static_cast<float*>(storage->data()));
    return ir::make_data(aval, storage);
  }

  const std::string& path_;
  const CsvOptions& options_;
  std::ifstream in_;
  std::int64_t line_number_ = 0, rows_ = 0;
  std::size_t width_ = 0;
  bool has_header_ = false;
  Fields names_;
  Chosen chosen_;
  std::vector<float> x_, y_;
};

}  // namespace

CsvDataset::CsvDataset(const std::string& path, const CsvOptions& options, SourceLocation loc)
    : Dataset<2>((static_cast<void>(LocScope(loc, nullptr)), CsvReader(path, options).read()),
                 loc) {}

}  // namespace lilith
