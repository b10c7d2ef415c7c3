#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/quote.h"
#include "data/folders.h"
#include "ir/node.h"
#include "lilith/data.h"

namespace lilith {
namespace {

using Fields = std::vector<std::string>;

std::string_view trimmed(std::string_view s) {
  const auto from = s.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return s.substr(from, s.find_last_not_of(" \t") - from + 1);
}

/// A file's records, one after the other. A field in double quotes may hold the separator, the ends
/// of lines and doubled quotes. Ref: RFC 4180.
class CsvText {
 public:
  CsvText(const std::string& path, char separator)
      : path_(data::shown(path)), separator_(separator) {
    const std::vector<std::uint8_t> bytes = data::read_file("CSV", path);
    text_.assign(bytes.begin(), bytes.end());
    const auto starts = [&](std::string_view mark) { return text_.starts_with(mark); };
    LILITH_CHECK(!starts("\xff\xfe") && !starts("\xfe\xff"), "CSV: {} is UTF-16; save it as UTF-8",
                 path_);
    if (starts("\xef\xbb\xbf")) at_ = 3;
  }

  /// As it stands in messages.
  const std::string& path() const { return path_; }
  /// The line, from 1, where the last record began.
  std::int64_t line() const { return line_; }
  /// The next record that is not blank; false at the end.
  bool next(Fields& fields) {
    while (at_ < text_.size()) {
      line_ = next_line_;
      fields.clear();
      const bool blank = read_record(fields);
      if (!blank) return true;
    }
    return false;
  }

 private:
  bool at_line_end() const { return text_[at_] == '\n' || text_[at_] == '\r'; }
  // "\n", "\r\n" or "\r".
  void pass_line_end() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    ++next_line_;
  }

  // Whether the record is a blank line.
  bool read_record(Fields& fields) {
    const bool blanks = separator_ == ' ';  // as many as there are separate once
    bool blank = true, ended = false;
    while (!ended) {
      if (blanks) skip_blanks();
      std::string field = read_field(blank);
      ended = at_ >= text_.size() || at_line_end();
      if (blanks && ended && trimmed(field).empty() && !fields.empty()) break;
      fields.push_back(std::move(field));
      if (!ended) {
        ++at_;  // the separator
        blank = blank && blanks;
      }
    }
    pass_line_end();
    return blank;
  }
  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  std::string read_field(bool& blank) {
    std::string field;
    while (at_ < text_.size() && !at_line_end() && text_[at_] != separator_) {
      const char c = text_[at_];
      if (c == '"' && trimmed(field).empty()) {
        field = read_quoted();
        blank = false;
        // What follows the quotes, up to the separator, belongs to the field where it is no blank.
        continue;
      }
      blank = blank && (c == ' ' || c == '\t');
      field += c;
      ++at_;
    }
    return field;
  }
  std::string read_quoted() {
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') {
          ++at_;
          return out;
        }
        ++at_;
      }
      if (c == '\n') ++next_line_;
      out += c;
    }
    fail("CSV: {}:{}: a quoted field does not end", path_, line_);
  }

  const std::string path_;
  char separator_;
  std::string text_;
  std::size_t at_ = 0;
  std::int64_t line_ = 0, next_line_ = 1;
};

// The whole field as a number: decimal, hexadecimal ("0x1.8p3"), inf or nan. What is beyond a
// double is infinite, what is too small is 0.
bool parse_double(std::string_view field, char decimal, double& value) {
  std::string text(trimmed(field));
  if (decimal != '.') {
    if (text.find('.') != text.npos) return false;
    std::replace(text.begin(), text.end(), decimal, '.');
  }
  std::string_view s = text;
  const bool negative = s.starts_with('-');
  if (negative || s.starts_with('+')) s.remove_prefix(1);
  if (s.empty() || s[0] == '-' || s[0] == '+') return false;
  const bool hex = s.starts_with("0x") || s.starts_with("0X");
  if (hex) s.remove_prefix(2);
  const char* end = s.data() + s.size();
  const auto [to, error] = std::from_chars(
      s.data(), end, value, hex ? std::chars_format::hex : std::chars_format::general);
  if (to != end || (error != std::errc{} && error != std::errc::result_out_of_range)) return false;
  if (error == std::errc::result_out_of_range) {
    const bool small = s.find("e-") != s.npos || s.find("E-") != s.npos || s.find("p-") != s.npos ||
                       s.find("P-") != s.npos || s[0] == '0' || s[0] == '.';
    value = small ? 0 : INFINITY;
  }
  if (negative) value = -value;
  return true;
}

bool is_missing(std::string_view field) {
  std::string word(trimmed(field));
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  static const std::set<std::string> kWords = {"",     "na",   "n/a",  "nan",  "-nan",
                                               "null", "none", "<na>", "#n/a", "?"};
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
               escaped(wanted));
  const auto it = std::find(names.begin(), names.end(), wanted);
  LILITH_CHECK(it != names.end(), "CSV: {}: no column '{}'; the header has: {}", path,
               escaped(wanted), escaped(fmt::format("{}", fmt::join(names, ", ")), 1000));
  return static_cast<std::size_t>(it - names.begin());
}

// The columns of x and y by number, in the order asked for.
struct Chosen {
  std::vector<std::size_t> features, targets;
};

// The words of a column, numbered as they come by.
class Words {
 public:
  float number(std::string_view field) {
    return static_cast<float>(
        numbers_.try_emplace(std::string(field), numbers_.size()).first->second);
  }
  /// By their numbers from now on: in the order of their bytes.
  std::vector<std::string> sorted() const {
    std::vector<std::string> out;
    for (const auto& [word, number] : numbers_) out.push_back(word);
    return out;
  }
  /// The number of now, by that of then.
  std::vector<float> renumbering() const {
    std::vector<float> out(numbers_.size());
    float next = 0;
    for (const auto& [word, number] : numbers_) out[number] = next++;
    return out;
  }

 private:
  std::map<std::string, std::size_t> numbers_;
};

bool is_one_of(std::size_t c, const std::vector<std::size_t>& columns) {
  return std::find(columns.begin(), columns.end(), c) != columns.end();
}

Chosen choose_columns(const CsvOptions& options, const Fields& names, std::size_t width,
                      const std::string& path) {
  Chosen chosen;
  for (const auto& c : options.targets)
    chosen.targets.push_back(find_column(c, names, width, path));
  for (const auto& c : options.features)
    chosen.features.push_back(find_column(c, names, width, path));
  if (options.features.empty()) {
    for (std::size_t c = 0; c < width; ++c) {
      if (!is_one_of(c, chosen.targets)) chosen.features.push_back(c);
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
      : options_(options), text_(path, options.separator) {
    const std::string_view kReserved = "\"\r\n";
    LILITH_CHECK(kReserved.find(options.separator) == kReserved.npos, "CSV: '{}' is no separator",
                 escaped({&options.separator, 1}));
    LILITH_CHECK(options.decimal == '.' || options.decimal == ',',
                 "CSV: decimal is '{}'; need '.' or ','", escaped({&options.decimal, 1}));
    LILITH_CHECK(options.decimal != options.separator, "CSV: '{}' is separator and decimal point",
                 options.decimal);
  }

  DataSourcePtr read() {
    Fields fields;
    while (text_.next(fields)) {
      if (width_ == 0) {
        start(fields);
        if (has_header_) continue;
      }
      if (fields.size() == width_ + 1 && ends_empty(fields)) fields.pop_back();
      LILITH_CHECK(fields.size() == width_, "CSV: {}:{}: {} fields; the first line has {}", path(),
                   text_.line(), fields.size(), width_);
      append(fields, chosen_.features, x_);
      append(fields, chosen_.targets, y_);
      ++rows_;
    }
    LILITH_CHECK(rows_ > 0, "CSV: {}: no rows of data{}", path(),
                 has_header_ ? ", a header alone" : "");
    for (const auto& [column, words] : words_) {
      renumber(column, words.renumbering(), chosen_.features, x_);
      renumber(column, words.renumbering(), chosen_.targets, y_);
    }
    return data::from_tensors(
        {tensor_of(x_, chosen_.features.size()), tensor_of(y_, chosen_.targets.size())});
  }

  /// Where a column of words stands, and what they are.
  std::map<std::size_t, std::vector<std::string>> words() const {
    std::map<std::size_t, std::vector<std::string>> out;
    for (const auto& [column, words] : words_) out[column] = words.sorted();
    return out;
  }
  const std::string& path() const { return text_.path(); }
  const Fields& names() const { return names_; }
  std::size_t width() const { return width_; }

 private:
  static bool ends_empty(const Fields& fields) {
    return fields.size() > 1 && trimmed(fields.back()).empty();
  }
  // A separator at the end of every line makes no column.
  bool lines_end_with_separator(const Fields& first) const {
    if (!ends_empty(first)) return false;
    CsvText rest = text_;
    Fields fields;
    while (rest.next(fields))
      if (!ends_empty(fields) && fields.size() + 1 != first.size()) return false;
    return true;
  }

  void start(Fields& fields) {
    if (lines_end_with_separator(fields)) fields.pop_back();
    width_ = fields.size();
    has_header_ = options_.header ? *options_.header : looks_like_header(fields);
    if (has_header_) {
      for (const auto& f : fields) names_.emplace_back(trimmed(f));
    }
    chosen_ = choose_columns(options_, names_, width_, path());
    for (const auto& column : options_.words) {
      const std::size_t c = find_column(column, names_, width_, path());
      LILITH_CHECK(is_one_of(c, chosen_.features) || is_one_of(c, chosen_.targets),
                   "CSV: {}: column {}{} of .words is neither a feature nor a target", path(), c,
                   shown_name(c));
      words_[c];
    }
  }
  std::string shown_name(std::size_t c) const {
    return names_.empty() ? "" : " (" + escaped(names_[c]) + ")";
  }
  void renumber(std::size_t column, const std::vector<float>& numbers,
                const std::vector<std::size_t>& columns, std::vector<float>& values) const {
    for (std::size_t at = 0; at < columns.size(); ++at) {
      if (columns[at] != column) continue;
      for (std::size_t i = at; i < values.size(); i += columns.size())
        if (!std::isnan(values[i])) values[i] = numbers[static_cast<std::size_t>(values[i])];
    }
  }

  bool is_number(std::string_view field) const {
    double value = 0;
    return parse_double(field, options_.decimal, value) && !std::isnan(value);
  }
  // A row that has a value missing is no header: it would be dropped without a word.
  bool looks_like_header(const Fields& fields) const {
    for (const auto* columns : {&options_.features, &options_.targets, &options_.words})
      for (const CsvColumn& column : *columns)
        if (const auto* name = std::get_if<std::string>(&column); name && has_name(fields, *name))
          return true;
    std::vector<bool> holds_words(width_);
    for (const CsvColumn& column : options_.words)
      if (std::holds_alternative<int>(column))
        holds_words[find_column(column, {}, width_, path())] = true;
    // A word in a column of words is a name or a value: the other columns say which.
    const std::string *number = nullptr, *word = nullptr, *name_or_value = nullptr;
    for (std::size_t c = 0; c < width_; ++c) {
      const std::string& field = fields[c];
      if (is_missing(field) || (holds_words[c] && is_number(field))) continue;
      const std::string*& first = holds_words[c] ? name_or_value : is_number(field) ? number : word;
      if (!first) first = &field;
    }
    constexpr const char* kSay = "say whether it is a header: .header = true or false";
    if (number && word)
      fail("CSV: {}:{}: the first line holds numbers ('{}') and words ('{}'); {}", path(),
           text_.line(), escaped(*number), escaped(*word), kSay);
    if (name_or_value && !number && !word)
      fail("CSV: {}:{}: the first line holds words ('{}') in columns of words alone; {}", path(),
           text_.line(), escaped(*name_or_value), kSay);
    return word != nullptr;
  }
  static bool has_name(const Fields& fields, std::string_view name) {
    return std::any_of(fields.begin(), fields.end(),
                       [&](const std::string& field) { return trimmed(field) == name; });
  }

  void append(const Fields& fields, const std::vector<std::size_t>& columns,
              std::vector<float>& out) {
    for (std::size_t c : columns) {
      double value = 0;
      const bool missing = is_missing(fields[c]);
      const auto words = words_.find(c);
      if (missing && options_.missing_is_nan)
        value = NAN;
      else if (words != words_.end() && missing)
        refuse(c, fields[c], "no word" + cure(fields[c], missing));
      else if (words != words_.end())
        value = words->second.number(trimmed(fields[c]));
      else if (!parse_double(fields[c], options_.decimal, value) || std::isnan(value))
        refuse(c, fields[c], "no finite number" + cure(fields[c], missing));
      else if (!options_.allow_infinite && std::abs(value) > std::numeric_limits<float>::max())
        refuse(c, fields[c],
               trimmed(fields[c]).find_first_of("iI") == std::string_view::npos
                   ? "too large for f32"
                   : "no finite number; .allow_infinite = true reads it");
      out.push_back(static_cast<float>(value));
    }
  }
  // What would read the field.
  std::string cure(const std::string& field, bool missing) const {
    if (missing) return "; .missing_is_nan = true reads it as NaN";
    double value = 0;
    const char other = options_.decimal == '.' ? ',' : '.';
    if (other != options_.separator && parse_double(field, other, value))
      return fmt::format("; .decimal = '{}' reads it", other);
    return std::isalpha(static_cast<unsigned char>(trimmed(field)[0]))
               ? "; .words = {the column} numbers a column's words"
               : "";
  }

  [[noreturn]] void refuse(std::size_t c, const std::string& field, const std::string& what) const {
    fail("CSV: {}:{}: column {}{} holds '{}', which is {}", path(), text_.line(), c, shown_name(c),
         escaped(field), what);
  }

  Tensor tensor_of(const std::vector<float>& values, std::size_t columns) const {
    const Aval aval{{rows_, static_cast<std::int64_t>(columns)}, DType::F32, {}};
    auto storage = Storage::allocate(aval.bytes());
    std::copy(values.begin(), values.end(), static_cast<float*>(storage->data()));
    return ir::make_data(aval, storage);
  }

  const CsvOptions& options_;
  CsvText text_;
  std::int64_t rows_ = 0;
  std::size_t width_ = 0;
  bool has_header_ = false;
  Fields names_;
  Chosen chosen_;
  std::map<std::size_t, Words> words_;
  std::vector<float> x_, y_;
};

}  // namespace

struct CsvDataset::Table {
  std::string path;  // as it stands in messages
  Fields names;
  std::size_t width = 0;
  std::map<std::size_t, std::vector<std::string>> words;
  DataSourcePtr rows;

  static Table read(const std::string& path, const CsvOptions& options, SourceLocation loc) {
    const LocScope scope(loc, nullptr);
    CsvReader reader(path, options);
    const DataSourcePtr rows = reader.read();
    return {reader.path(), reader.names(), reader.width(), reader.words(), rows};
  }
};

CsvDataset::CsvDataset(const std::string& path, const CsvOptions& options, SourceLocation loc)
    : CsvDataset(Table::read(path, options, loc), loc) {}
CsvDataset::CsvDataset(Table table, SourceLocation loc)
    : data::Dataset<2>(table.rows, loc), table_(std::make_shared<Table>(std::move(table))) {}

const std::vector<std::string>& CsvDataset::words(const CsvColumn& column,
                                                  SourceLocation loc) const {
  const LocScope scope(loc);
  const auto at =
      table_->words.find(find_column(column, table_->names, table_->width, table_->path));
  LILITH_CHECK(at != table_->words.end(), "words: the column is none of CsvOptions::words");
  return at->second;
}

}  // namespace lilith
