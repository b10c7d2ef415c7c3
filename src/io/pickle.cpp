#include "io/pickle.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

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
        return std::move(out_);
      }
      const bool known = scalar(op) || text(op) || container(op) || memo(op) || object(op);
      if (!known) broken(fmt::format("opcode 0x{:02x} is not one of data", op));
    }
  }

 private:
  PicklePtr make(Kind kind) {
    out_.values.emplace_back().kind = kind;
    return &out_.values.back();
  }
  PicklePtr make_int(std::int64_t value) {
    const PicklePtr v = make(Kind::Int);
    v->integer = value;
    return v;
  }
  PicklePtr make_text(Kind kind, std::string text) {
    const PicklePtr v = make(kind);
    v->text = std::move(text);
    return v;
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
  std::string bytes_of(std::uint64_t n) {
    const auto* p = take(n);
    return {reinterpret_cast<const char*>(p), n};
  }
  std::string line() {
    std::string out;
    for (char c; (c = static_cast<char>(take(1)[0])) != '\n';) out += c;
    return out;
  }
  void push(PicklePtr v) { stack_.push_back(v); }
  PicklePtr pop() {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) broken("its stack runs empty");
    const PicklePtr v = stack_.back();
    stack_.pop_back();
    return v;
  }
  PickleValue& top(Kind kind, const char* what) {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) broken("its stack runs empty");
    PickleValue* v = stack_.back();
    // What a call made (an OrderedDict) is filled like a dict.
    if (kind == Kind::Dict && v->is(Kind::Call)) return *v;
    if (!v->is(kind)) broken(what);
    return *v;
  }
  std::vector<PicklePtr> pop_to_mark() {
    if (marks_.empty()) broken("a mark is missing");
    const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PicklePtr> out(from, stack_.end());
    stack_.erase(from, stack_.end());
    marks_.pop_back();
    return out;
  }
  PicklePtr list_of(std::vector<PicklePtr> items) {
    const PicklePtr v = make(Kind::List);
    v->items = std::move(items);
    return v;
  }
  PicklePtr tuple(int n) {
    std::vector<PicklePtr> items(static_cast<std::size_t>(n));
    for (auto i = items.rbegin(); i != items.rend(); ++i) *i = pop();
    return list_of(std::move(items));
  }

  bool scalar(std::uint8_t op) {
    switch (op) {
      case 0x80:
        take(1);
        return true;  // PROTO
      case 0x95:
        take(8);
        return true;  // FRAME
      case 'N':
        push(make(Kind::None));
        return true;
      case 0x88:
      case 0x89: {
        const PicklePtr v = make(Kind::Bool);
        v->integer = op == 0x88;
        push(v);
        return true;
      }
      case 'K':
        push(make_int(number<std::uint8_t>()));
        return true;
      case 'M':
        push(make_int(number<std::uint16_t>()));
        return true;
      case 'J':
        push(make_int(number<std::int32_t>()));
        return true;
      case 0x8a:
        long_integer();
        return true;
      case 'G': {
        const auto* p = take(8);
        std::uint64_t bits = 0;
        for (int i = 0; i < 8; ++i) bits = bits << 8 | p[i];
        const PicklePtr v = make(Kind::Float);
        std::memcpy(&v->real, &bits, 8);
        push(v);
        return true;
      }
      default:
        return false;
    }
  }
  void long_integer() {
    const std::size_t n = take(1)[0];
    const auto* p = take(n);
    if (n > 8) broken("an integer has more than 64 bits");
    std::uint64_t value = n > 0 && (p[n - 1] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = n; i-- > 0;) value = value << 8 | p[i];
    push(make_int(static_cast<std::int64_t>(value)));
  }

  bool text(std::uint8_t op) {
    switch (op) {
      case 0x8c:
        push(make_text(Kind::Text, bytes_of(number<std::uint8_t>())));
        return true;
      case 'X':
        push(make_text(Kind::Text, bytes_of(number<std::uint32_t>())));
        return true;
      case 0x8d:
        push(make_text(Kind::Text, bytes_of(number<std::uint64_t>())));
        return true;
      case 'U':
      case 'C':
        push(make_text(Kind::Bytes, bytes_of(number<std::uint8_t>())));
        return true;
      case 'T':
      case 'B':
        push(make_text(Kind::Bytes, bytes_of(number<std::uint32_t>())));
        return true;
      case 0x8e:
        push(make_text(Kind::Bytes, bytes_of(number<std::uint64_t>())));
        return true;
      case 'c': {
        std::string module = line();
        push(make_text(Kind::Global, module + ' ' + line()));
        return true;
      }
      case 0x93: {
        const PicklePtr name = pop(), module = pop();
        push(make_text(Kind::Global, module->text + ' ' + name->text));
        return true;
      }
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
      case ']':
      case 0x8f:
        push(make(Kind::List));
        return true;
      case '}':
        push(make(Kind::Dict));
        return true;
      case 't':
      case 'l':
      case 0x91:
        push(list_of(pop_to_mark()));
        return true;
      case 0x85:
        push(tuple(1));
        return true;
      case 0x86:
        push(tuple(2));
        return true;
      case 0x87:
        push(tuple(3));
        return true;
      case 'a': {
        const PicklePtr item = pop();
        top(Kind::List, "append to no list").items.push_back(item);
        return true;
      }
      case 'e':
      case 0x90: {
        auto items = pop_to_mark();
        auto& list = top(Kind::List, "append to no list").items;
        list.insert(list.end(), items.begin(), items.end());
        return true;
      }
      case 's': {
        const PicklePtr value = pop(), key = pop();
        top(Kind::Dict, "an item for no dict").pairs.emplace_back(key, value);
        return true;
      }
      case 'u': {
        auto items = pop_to_mark();
        if (items.size() % 2 != 0) broken("a key without a value");
        auto& dict = top(Kind::Dict, "items for no dict");
        for (std::size_t i = 0; i < items.size(); i += 2)
          dict.pairs.emplace_back(items[i], items[i + 1]);
        return true;
      }
      case '0':
        pop();
        return true;
      case '1':
        pop_to_mark();
        return true;
      default:
        return false;
    }
  }

  bool memo(std::uint8_t op) {
    const auto put = [&](std::uint64_t key) {
      const PicklePtr v = pop();
      memo_[key] = v;
      push(v);
      return true;
    };
    const auto get = [&](std::uint64_t key) {
      const auto it = memo_.find(key);
      if (it == memo_.end()) broken("a memo that was not put");
      push(it->second);
      return true;
    };
    switch (op) {
      case 'q':
        return put(number<std::uint8_t>());
      case 'r':
        return put(number<std::uint32_t>());
      case 0x94:
        return put(memo_.size());
      case 'h':
        return get(number<std::uint8_t>());
      case 'j':
        return get(number<std::uint32_t>());
      default:
        return false;
    }
  }

  bool object(std::uint8_t op) {
    switch (op) {
      case 'R':
      case 0x81: {  // REDUCE, NEWOBJ
        const PicklePtr call = make(Kind::Call);
        const PicklePtr args = pop();
        call->items = {pop(), args};
        push(call);
        return true;
      }
      case 'b':
        pop();
        top_any();
        return true;  // BUILD: attributes are not data
      case 'Q': {
        const PicklePtr v = make(Kind::Persistent);
        v->items = {pop()};
        push(v);
        return true;
      }
      default:
        return false;
    }
  }
  void top_any() {
    if (stack_.empty()) broken("its stack runs empty");
  }

  Pickle out_;
  std::span<const std::uint8_t> bytes_;
  const std::string& file_;
  std::size_t at_ = 0;
  std::vector<PicklePtr> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, PicklePtr> memo_;
};

}  // namespace

Pickle parse_pickle(std::span<const std::uint8_t> bytes, const std::string& file) {
  return Machine(bytes, file).run();
}

}  // namespace lilith::io
