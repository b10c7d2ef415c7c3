#include "io/pickle.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "io/pickle_text.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

using Kind = PickleValue::Kind;

// The pickle machine: a stack, marks on it, and a memo. Ref: CPython's pickletools.
class Machine {
 public:
  Machine(std::span<const std::uint8_t> bytes, const std::string& file)
      : bytes_(bytes), file_(file) {}

  Pickle run() {
    for (;;) {
      const std::uint8_t op = take(1)[0];
      if (op == '.') {
        out_.root = pop();
        out_.bytes = at_;
        return std::move(out_);
      }
      const bool known = scalar(op) || text(op) || line_of_text(op) || container(op) || fill(op) ||
                         memo(op) || object(op);
      if (!known) broken(fmt::format("opcode 0x{:02x} is not one of data", op));
    }
  }

 private:
  PicklePtr make(Kind kind) {
    out_.values.emplace_back().kind = kind;
    return &out_.values.back();
  }
  void push_int(std::int64_t value, Kind kind = Kind::Int) {
    push(make(kind));
    stack_.back()->integer = value;
  }
  void push_real(double value) {
    push(make(Kind::Float));
    stack_.back()->real = value;
  }
  void push_text(Kind kind, std::string_view text) {
    push(make(kind));
    stack_.back()->text = text;
  }
  void push_own_text(Kind kind, std::string text) {
    push_text(kind, out_.texts.emplace_back(std::move(text)));
  }
  [[noreturn]] void broken(const std::string& why) const {
    fail("load: {}: its pickle is broken at byte {}: {}.", file_, at_, why);
  }
  const std::uint8_t* take(std::uint64_t n) {
    if (n > bytes_.size() - at_) broken("it is truncated");
    const std::uint8_t* p = bytes_.data() + at_;
    at_ += n;
    return p;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  std::string_view view(std::uint64_t n) {
    return {reinterpret_cast<const char*>(take(n)), static_cast<std::size_t>(n)};
  }
  // Up to the end of the line, which is passed over.
  std::string_view line() {
    const auto rest = bytes_.subspan(at_);
    const auto end = std::find(rest.begin(), rest.end(), '\n');
    if (end == rest.end()) broken("it is truncated");
    const std::string_view out = view(static_cast<std::uint64_t>(end - rest.begin()));
    take(1);
    return out;
  }
  void push(PicklePtr v) { stack_.push_back(v); }
  void need_one() const {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) broken("its stack runs empty");
  }
  PicklePtr pop() {
    need_one();
    const PicklePtr v = stack_.back();
    stack_.pop_back();
    return v;
  }
  PickleValue& top() {
    need_one();
    return *stack_.back();
  }
  std::vector<PicklePtr> pop_to_mark() {
    if (marks_.empty()) broken("a mark is missing");
    const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PicklePtr> out(from, stack_.end());
    stack_.erase(from, stack_.end());
    marks_.pop_back();
    return out;
  }
  void push_items(Kind kind, std::vector<PicklePtr> items) {
    push(make(kind));
    stack_.back()->items = std::move(items);
  }
  void push_tuple(std::size_t n) {
    std::vector<PicklePtr> items(n);
    for (auto i = items.rbegin(); i != items.rend(); ++i) *i = pop();
    push_items(Kind::Tuple, std::move(items));
  }
  std::string global_name(std::string_view module, std::string_view name) const {
    if (module == "__builtin__") module = "builtins";
    if (module == "copy_reg") module = "copyreg";
    return fmt::format("{} {}", module, name);
  }

  bool scalar(std::uint8_t op) {
    switch (op) {
      case 0x80:  // PROTO
        return take(1) != nullptr;
      case 0x95:  // FRAME
        return take(8) != nullptr;
      case 'N':
        push(make(Kind::None));
        return true;
      case 0x88:
      case 0x89:
        push_int(op == 0x88, Kind::Bool);
        return true;
      case 'K':
        push_int(number<std::uint8_t>());
        return true;
      case 'M':
        push_int(number<std::uint16_t>());
        return true;
      case 'J':
        push_int(number<std::int32_t>());
        return true;
      case 0x8a:
        push_long(number<std::uint8_t>());
        return true;
      case 0x8b:
        push_long(number<std::uint32_t>());
        return true;
      case 'G': {
        std::uint64_t bits = 0;
        for (const std::uint8_t b : std::span(take(8), 8)) bits = bits << 8 | b;
        push_real(std::bit_cast<double>(bits));
        return true;
      }
      default:
        return false;
    }
  }
  void push_long(std::size_t n) {
    const std::span<const std::uint8_t> bytes(take(n), n);
    if (n > 8) return push_own_text(Kind::BigInt, decimal_of(bytes));
    std::uint64_t value = n > 0 && (bytes[n - 1] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = n; i-- > 0;) value = value << 8 | bytes[i];
    push_int(static_cast<std::int64_t>(value));
  }

  bool text(std::uint8_t op) {
    switch (op) {
      case 0x8c:
      case 'U':
        push_text(Kind::Text, view(number<std::uint8_t>()));
        return true;
      case 'X':
      case 'T':
        push_text(Kind::Text, view(number<std::uint32_t>()));
        return true;
      case 0x8d:
        push_text(Kind::Text, view(number<std::uint64_t>()));
        return true;
      case 'C':
        push_text(Kind::Bytes, view(number<std::uint8_t>()));
        return true;
      case 'B':
        push_text(Kind::Bytes, view(number<std::uint32_t>()));
        return true;
      case 0x8e:
      case 0x96:  // BINBYTES8, BYTEARRAY8
        push_text(Kind::Bytes, view(number<std::uint64_t>()));
        return true;
      case 'c': {
        const std::string_view module = line();
        push_own_text(Kind::Global, global_name(module, line()));
        return true;
      }
      case 0x93: {
        const PicklePtr name = pop(), module = pop();
        if (!name->is(Kind::Text) || !module->is(Kind::Text)) broken("a name is no text");
        push_own_text(Kind::Global, global_name(module->text, name->text));
        return true;
      }
      default:
        return false;
    }
  }

  // The text of protocol 0.
  bool line_of_text(std::uint8_t op) {
    switch (op) {
      case 'I':
      case 'L': {
        std::string_view digits = line();
        if (op == 'I' && (digits == "00" || digits == "01")) {
          push_int(digits == "01", Kind::Bool);
          return true;
        }
        if (digits.ends_with('L')) digits.remove_suffix(1);
        if (!is_integer(digits)) broken("an integer has other characters");
        std::int64_t value = 0;
        const auto end = digits.data() + digits.size();
        if (std::from_chars(digits.data(), end, value).ec == std::errc())
          push_int(value);
        else
          push_text(Kind::BigInt, digits);
        return true;
      }
      case 'F': {
        const std::string_view digits = line();
        double value = 0;
        const auto end = digits.data() + digits.size();
        const auto [stop, error] = std::from_chars(digits.data(), end, value);
        if (stop != end || error == std::errc::invalid_argument) broken("a float is none");
        push_real(value);
        return true;
      }
      case 'S':
      case 'V': {
        std::string out;
        const std::string_view escaped = line();
        if (!(op == 'S' ? unescape_string(escaped, out) : unescape_unicode(escaped, out)))
          broken("a string is not quoted as it should be");
        push_own_text(Kind::Text, std::move(out));
        return true;
      }
      case 'P':
        push_text(Kind::Text, line());
        push_items(Kind::Persistent, {pop()});
        return true;
      default:
        return false;
    }
  }

  bool container(std::uint8_t op) {
    switch (op) {
      case '(':
        marks_.push_back(stack_.size());
        return true;
      case ')':
        push(make(Kind::Tuple));
        return true;
      case ']':
        push(make(Kind::List));
        return true;
      case 0x8f:
        push(make(Kind::Set));
        return true;
      case '}':
        push(make(Kind::Dict));
        return true;
      case 't':
        push_items(Kind::Tuple, pop_to_mark());
        return true;
      case 'l':
        push_items(Kind::List, pop_to_mark());
        return true;
      case 0x91:
        push_items(Kind::Set, pop_to_mark());
        return true;
      case 'd': {
        auto items = pop_to_mark();
        if (items.size() % 2 != 0) broken("a key without a value");
        push_items(Kind::Dict, std::move(items));
        return true;
      }
      case 0x85:
      case 0x86:
      case 0x87:
        push_tuple(op - 0x84u);
        return true;
      default:
        return false;
    }
  }

  // Items of the container below them, and what drops or doubles the top.
  bool fill(std::uint8_t op) {
    switch (op) {
      case 'a': {
        const PicklePtr item = pop();
        append({item});
        return true;
      }
      case 'e':
      case 0x90:
        append(pop_to_mark());
        return true;
      case 's': {
        const PicklePtr value = pop(), key = pop();
        set_items({key, value});
        return true;
      }
      case 'u':
        set_items(pop_to_mark());
        return true;
      case '0':
        if (!marks_.empty() && marks_.back() == stack_.size())
          marks_.pop_back();
        else
          pop();
        return true;
      case '1':
        pop_to_mark();
        return true;
      case '2':
        push(&top());
        return true;
      default:
        return false;
    }
  }
  void append(const std::vector<PicklePtr>& items) {
    PickleValue& to = top();
    const bool is_object = to.is(Kind::Object);
    if (!is_object && !to.is(Kind::List) && !to.is(Kind::Set)) broken("append to no list");
    auto& list = is_object ? to.object->items : to.items;
    list.insert(list.end(), items.begin(), items.end());
  }
  void set_items(const std::vector<PicklePtr>& items) {
    if (items.size() % 2 != 0) broken("a key without a value");
    PickleValue& to = top();
    if (!to.is(Kind::Object) && !to.is(Kind::Dict)) broken("an item for no dict");
    auto& list = to.is(Kind::Object) ? to.object->key_items : to.items;
    list.insert(list.end(), items.begin(), items.end());
  }

  void put(std::uint64_t key) {
    // Keys count up, so that none is larger than the bytes before it.
    if (key > bytes_.size()) broken("a memo's number is too large");
    PicklePtr v = &top();
    if (key >= memo_.size()) memo_.resize(key + 1);
    if (!memo_[key]) ++memo_count_;
    memo_[key] = v;
  }
  void get(std::uint64_t key) {
    if (key >= memo_.size() || !memo_[key]) broken("a memo that was not put");
    push(memo_[key]);
  }
  std::uint64_t memo_line() {
    const std::string_view digits = line();
    std::uint64_t key = 0;
    const auto end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, key);
    if (stop != end || error != std::errc()) broken("a memo's number is none");
    return key;
  }
  bool memo(std::uint8_t op) {
    switch (op) {
      case 'q':
        put(number<std::uint8_t>());
        return true;
      case 'r':
        put(number<std::uint32_t>());
        return true;
      case 'p':
        put(memo_line());
        return true;
      case 0x94:
        put(memo_count_);
        return true;
      case 'h':
        get(number<std::uint8_t>());
        return true;
      case 'j':
        get(number<std::uint32_t>());
        return true;
      case 'g':
        get(memo_line());
        return true;
      default:
        return false;
    }
  }

  void push_object(PicklePtr callee, PicklePtr args) {
    push(make(Kind::Object));
    out_.objects.push_back({callee, args, nullptr, {}, {}});
    stack_.back()->object = &out_.objects.back();
  }
  bool object(std::uint8_t op) {
    switch (op) {
      case 'R':
      case 0x81: {  // REDUCE, NEWOBJ
        const PicklePtr args = pop(), callee = pop();
        push_object(callee, args);
        return true;
      }
      case 0x92: {  // NEWOBJ_EX: named arguments are dropped
        pop();
        const PicklePtr args = pop(), callee = pop();
        push_object(callee, args);
        return true;
      }
      case 'i': {
        const std::string_view module = line();
        const std::string name = global_name(module, line());
        push_items(Kind::Tuple, pop_to_mark());
        push_own_text(Kind::Global, name);
        const PicklePtr callee = pop(), args = pop();
        push_object(callee, args);
        return true;
      }
      case 'o': {
        auto items = pop_to_mark();
        if (items.empty()) broken("an object without a class");
        const PicklePtr callee = items.front();
        items.erase(items.begin());
        push_items(Kind::Tuple, std::move(items));
        push_object(callee, pop());
        return true;
      }
      case 'b': {
        const PicklePtr state = pop();
        if (top().is(Kind::Object)) top().object->state = state;
        return true;
      }
      case 'Q':
        push_items(Kind::Persistent, {pop()});
        return true;
      default:
        return false;
    }
  }

  Pickle out_;
  std::span<const std::uint8_t> bytes_;
  const std::string& file_;
  std::size_t at_ = 0;
  std::vector<PicklePtr> stack_;
  std::vector<std::size_t> marks_;
  std::vector<PicklePtr> memo_;
  std::uint64_t memo_count_ = 0;
};

}  // namespace

std::string_view PickleValue::global() const {
  if (is(Kind::Global)) return text;
  if (!is(Kind::Persistent)) return {};
  const PickleValue& id = *items[0];  // ("module", class, file, source); in 0.1 from the class on
  const PickleValue* first = id.at(0);
  const PickleValue* type = first && first->is(Kind::Text) ? id.at(1) : first;
  return type && type->is(Kind::Global) ? type->text : std::string_view();
}

std::string_view PickleValue::callee() const {
  return is(Kind::Object) ? object->callee->global() : std::string_view();
}

const PickleValue* PickleValue::arg(std::size_t i) const {
  return is(Kind::Object) ? object->args->at(i) : nullptr;
}

Pickle parse_pickle(std::span<const std::uint8_t> bytes, const std::string& file) {
  return Machine(bytes, file).run();
}

}  // namespace lilith::io
