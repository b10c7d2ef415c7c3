#include <charconv>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>

#include "core/device_kinds.h"
#include "ir/host.h"
#include "ir/host_copy.h"
#include "ir/node.h"
#include "ir/text.h"
#include "lilith/graph_names.h"
#include "runtime/fork.h"

namespace lilith {
namespace {

// A Loc points at static storage.
const char* intern(std::string_view file) {
  const runtime::Busy busy;
  static auto* mutex = new std::mutex;
  static auto* files = new std::set<std::string, std::less<>>;
  const std::lock_guard lock(*mutex);
  const auto at = files->find(file);
  return (at != files->end() ? at : files->emplace(file).first)->c_str();
}

/// A cursor over one line.
class Line {
 public:
  explicit Line(std::string_view text) : text_(text) {}

  void skip_spaces() {
    while (text_.starts_with(' ') || text_.starts_with('\t')) text_.remove_prefix(1);
  }
  bool accept(std::string_view token) {
    skip_spaces();
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }
  void expect(std::string_view token) {
    LILITH_CHECK(accept(token), "expected '{}' at '{}'", token, text_.substr(0, 20));
  }
  /// Letters, digits, '_' and '.'.
  std::string_view word() {
    skip_spaces();
    std::size_t n = 0;
    while (n < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[n])) ||
                                text_[n] == '_' || text_[n] == '.')) {
      ++n;
    }
    LILITH_CHECK(n > 0, "expected a name at '{}'", text_.substr(0, 20));
    return take(n);
  }
  std::string_view value_name() {
    expect("%");
    return word();
  }
  /// One attr's value: a string, a list, or up to the next space or brace.
  std::string_view attr_value() {
    skip_spaces();
    std::size_t n = 0;
    if (text_.starts_with('"')) {
      for (n = 1; n < text_.size() && text_[n] != '"'; ++n) {
        if (text_[n] == '\\') ++n;
      }
      ++n;
    } else if (text_.starts_with('[')) {
      n = text_.find(']') == text_.npos ? text_.size() + 1 : text_.find(']') + 1;
    } else {
      while (n < text_.size() && text_[n] != ' ' && text_[n] != '}') ++n;
    }
    LILITH_CHECK(n <= text_.size(), "unterminated value {}", text_.substr(0, 20));
    return take(n);
  }
  std::string_view take(std::size_t n) {
    std::string_view out = text_.substr(0, n);
    text_.remove_prefix(n);
    return out;
  }
  std::string_view rest() const { return text_; }
  bool at_end() {
    skip_spaces();
    return text_.empty() || text_.front() == '#';
  }

 private:
  std::string_view text_;
};

std::int64_t parse_size(std::string_view text) {
  std::int64_t v = -1;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, v);
  LILITH_CHECK(error == std::errc{} && at == end && v >= 0, "'{}' is no size", text);
  return v;
}

Device parse_device(std::string_view kind, Line& line) {
  std::string text(kind);
  if (line.accept(":")) text += ":" + std::string(line.word());
  const std::optional<Device> device = find_device_name(text);
  LILITH_CHECK(device, "there is no device '{}'", text);
  return *device;
}

Aval parse_aval(Line& line) {
  Aval aval;
  aval.dtype = dtype_from_name(line.word());
  line.expect("[");
  constexpr std::int64_t kMaxElements = std::int64_t{1} << 48;
  std::int64_t numel = 1;
  while (!line.accept("]")) {
    if (aval.shape.rank() > 0) line.expect(",");
    const std::int64_t size = parse_size(line.word());
    LILITH_CHECK(size == 0 || numel <= kMaxElements / size, "a shape of more than 2^48 elements");
    numel *= size > 0 ? size : 1;
    aval.shape.push_back(size);
  }
  if (line.accept("@")) aval.device = parse_device(line.word(), line);
  return aval;
}

using Bodies = std::map<std::string, BodyPtr, std::less<>>;

class Parser {
 public:
  explicit Parser(Bodies& bodies) : bodies_(bodies) {}

  Graph run(std::string_view text) {
    int number = 0;
    while (!text.empty() && !done_) {
      const std::size_t end = text.find('\n');
      ++number;
      parse_line(text.substr(0, end), number);
      text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    LILITH_CHECK(done_, "parse_graph: line {}: the text ends without 'return'", number);
    return Graph(std::move(inputs_), std::move(outputs_));
  }

 private:
  void parse_line(std::string_view text, int number) {
    try {
      if (text.ends_with('\r')) text.remove_suffix(1);
      parse_text(text);
    } catch (const Error& e) {
      throw Error(fmt::format("parse_graph: line {}: {}", number, e.what()));
    }
  }

  void parse_text(std::string_view text) {
    if (body_) return parse_in_body(text);
    Line line(text);
    if (line.at_end()) return;
    if (line.accept("@"))
      begin_body(line);
    else if (line.accept("return"))
      parse_return(line);
    else
      parse_node(line);
  }

  void begin_body(Line& line) {
    LILITH_CHECK(!is_body_, "a body stands in another one; it has to stand before it");
    body_name_ = "@" + std::string(line.word());
    line.expect("{");
    body_ = std::make_unique<Parser>(bodies_);
    body_->is_body_ = true;
  }

  void parse_in_body(std::string_view text) {
    if (!body_->done_) return body_->parse_text(text);
    Line line(text);
    if (line.at_end()) return;
    line.expect("}");
    auto body = std::make_shared<Body>(Graph(body_->inputs_, body_->outputs_));
    LILITH_CHECK(bodies_.emplace(body_name_, std::move(body)).second, "{} is defined twice",
                 body_name_);
    body_.reset();
  }

  void parse_return(Line& line) {
    while (!line.at_end()) {
      if (!outputs_.empty()) line.expect(",");
      outputs_.push_back(value(line.value_name()));
    }
    done_ = true;
  }

  const Tensor& value(std::string_view name) const {
    const auto at = values_.find(std::string(name));
    LILITH_CHECK(at != values_.end(), "%{} is not defined before its use", name);
    return at->second;
  }

  void parse_node(Line& line) {
    const std::string name(line.value_name());
    line.expect(":");
    const Aval aval = parse_aval(line);
    line.expect("=");
    const std::string op(line.word());
    std::vector<Tensor> in;
    if (line.accept("(")) {
      while (!line.accept(")")) {
        if (!in.empty()) line.expect(",");
        in.push_back(value(line.value_name()));
      }
    }
    std::string_view values;
    Attrs attrs = parse_attrs(line, values);
    const Loc loc = parse_loc(line);
    LocScope::Override scope{Loc()};  // messages name the text's line; the node gets its own
    Tensor t = make(op, aval, std::move(in), std::move(attrs), values, name);
    t.node()->loc = loc;
    LILITH_CHECK(values_.emplace(name, t).second, "%{} is defined twice", name);
  }

  Attr parse_attr(std::string_view text) const {
    const auto body = bodies_.find(text);
    return body != bodies_.end() ? Attr(body->second) : ir::parse_attr(text);
  }

  Attrs parse_attrs(Line& line, std::string_view& values) const {
    Attrs attrs;
    if (!line.accept("{")) return attrs;
    while (!line.accept("}")) {
      const std::string key(line.word());
      line.expect("=");
      const std::string_view text = line.attr_value();
      if (key == "values") {
        values = text;
      } else {
        LILITH_CHECK(!attrs.has(key), "attr '{}' is given twice", key);
        attrs.set(key, parse_attr(text));
      }
    }
    return attrs;
  }

  static Loc parse_loc(Line& line) {
    Loc loc;
    LILITH_CHECK(line.at_end(), "unexpected '{}'", line.rest().substr(0, 20));
    if (!line.accept("#")) return loc;
    line.skip_spaces();
    const std::string_view text = line.rest();
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos || colon == 0) return loc;
    const std::string_view number = text.substr(colon + 1);
    std::uint32_t at = 0;
    if (std::from_chars(number.data(), number.data() + number.size(), at).ec != std::errc{})
      return loc;
    loc.file = intern(text.substr(0, colon));
    loc.line = at;
    return loc;
  }

  Tensor make(const std::string& op, const Aval& aval, std::vector<Tensor> in, Attrs attrs,
              std::string_view values, const std::string& name) {
    const OpDef* def = find_op(op);
    LILITH_CHECK(def, "there is no op '{}'", op);
    if (def->cls != OpClass::Leaf) {
      Tensor t = apply(*def, std::move(in), std::move(attrs));
      LILITH_CHECK(t.aval() == aval, "%{} is {}, but {} gives {}", name, aval.str(), op,
                   t.aval().str());
      return t;
    }
    LILITH_CHECK(in.empty(), "{} takes no inputs", op);
    const bool named = name.find_first_not_of("0123456789") != name.npos;
    if (def == &ir::parameter_op()) {
      inputs_.push_back(
          ir::make_parameter(aval, static_cast<std::int64_t>(inputs_.size()), named ? name : ""));
      return inputs_.back();
    }
    if (def == &ir::constant_op()) return make_constant(aval, attrs);
    LILITH_CHECK(!is_body_, "a body holds no data: %{} has to be one of its inputs", name);
    Tensor t = make_data(*def, aval, values);
    if (named) t.node()->name = name;
    return t;
  }

  static Tensor make_constant(const Aval& aval, const Attrs& attrs) {
    const Attr* value = attrs.find("value");
    LILITH_CHECK(value && attrs.items().size() == 1, "constant needs one attr, value");
    if (const double* f = std::get_if<double>(value); f && is_floating(aval.dtype)) {
      return ir::make_constant({Scalar::Kind::Float, 0, *f}, aval);
    }
    const std::int64_t* i = std::get_if<std::int64_t>(value);
    LILITH_CHECK(i, "constant {} cannot have the value {}", aval.str(), ir::attr_text(*value));
    return ir::make_constant({Scalar::Kind::Int, *i, 0}, aval);
  }

  // Values that the text leaves out are zeros.
  static Tensor make_data(const OpDef& op, const Aval& aval, std::string_view values) {
    void* memory = std::calloc(std::max<std::size_t>(aval.bytes(), 1), 1);
    LILITH_CHECK(memory, "no memory for {}", aval.str());
    StoragePtr storage = Storage::borrow(memory, aval.bytes(), [memory] { std::free(memory); });
    if (!values.empty()) read_values(memory, aval, values);
    LILITH_CHECK(&op != &ir::scalar_op() || aval.shape.rank() == 0, "a scalar has no dimensions");
    Tensor t(new ir::NodeImpl(&op, {}, {}, aval, {}));
    t.node()->set_storage(ir::placed(storage, aval));
    return t;
  }

  static void read_values(void* memory, const Aval& aval, std::string_view list) {
    LILITH_CHECK(list.size() >= 2 && list.front() == '[', "values is no list");
    list = list.substr(1, list.size() - 2);
    std::int64_t n = 0;
    for (; !list.empty(); ++n) {
      LILITH_CHECK(n < aval.numel(), "more than {} values for {}", aval.numel(), aval.str());
      const std::size_t comma = std::min(list.find(','), list.size());
      const Attr v = ir::parse_attr(list.substr(0, comma));
      if (const double* f = std::get_if<double>(&v)) {
        ir::write_f64(memory, aval.dtype, n, *f);
      } else {
        const std::int64_t* i = std::get_if<std::int64_t>(&v);
        LILITH_CHECK(i, "'{}' is no number", list.substr(0, comma));
        ir::write_i64(memory, aval.dtype, n, *i);
      }
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
    LILITH_CHECK(n == aval.numel(), "{} values for {}", n, aval.str());
  }

  std::unordered_map<std::string, Tensor> values_;
  std::vector<Tensor> inputs_, outputs_;
  bool done_ = false, is_body_ = false;
  Bodies& bodies_;
  std::string body_name_;
  std::unique_ptr<Parser> body_;  // that is being read
};

}  // namespace

Graph parse_graph(std::string_view text) {
  Bodies bodies;
  return Parser(bodies).run(text);
}

}  // namespace lilith
