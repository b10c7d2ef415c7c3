#include "lilith/model.h"

#include <algorithm>
#include <cstring>
#include <ostream>
#include <set>

#include "transforms/load_state.h"

namespace lilith {
namespace {

template <class T>
using Callback = std::function<void(const std::string&, T&)>;

struct ParameterVisitor final : PathVisitor {
  const Callback<Tensor>& f;
  explicit ParameterVisitor(const Callback<Tensor>& fn) : f(fn) {}
  void parameter(Tensor& t) override {
    if (t.defined()) f(path(), t);
  }
  void buffer(Buffer&) override {}
};

struct BufferVisitor final : PathVisitor {
  const Callback<Buffer>& f;
  explicit BufferVisitor(const Callback<Buffer>& fn) : f(fn) {}
  void parameter(Tensor&) override {}
  void buffer(Buffer& t) override {
    if (t.defined()) f(path(), t);
  }
};

struct HyperVisitor final : PathVisitor {
  const Callback<Hyper>& f;
  explicit HyperVisitor(const Callback<Hyper>& fn) : f(fn) {}
  void parameter(Tensor&) override {}
  void buffer(Buffer&) override {}
  void hyper(Hyper& h) override { f(path(), h); }
};

struct TrainingVisitor final : Visitor {
  explicit TrainingVisitor(bool to) : value(to) {}
  bool value, named = false;
  void parameter(Tensor&) override {}
  void buffer(Buffer&) override {}
  void enter(std::string_view name) override { named = name == "training"; }
  void enter(std::size_t) override { named = false; }
  void leave() override { named = false; }
  void flag(bool& b) override {
    if (named) b = value;
  }
};

struct MoveVisitor final : Visitor {
  explicit MoveVisitor(Device to) : device(to) {}
  Device device;
  void parameter(Tensor& t) override {
    if (t.defined() && !(t.device() == device)) t = t.to(device);
  }
  void buffer(Buffer& t) override { parameter(t); }
};

struct HashVisitor final : Visitor {
  std::uint64_t hash = 0x9e3779b97f4a7c15u;
  void mix(std::uint64_t x) {
    hash ^= x + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  void parameter(Tensor& t) override { mix(t.defined() ? 11 : 12); }
  void buffer(Buffer& t) override { mix(t.defined() ? 13 : 14); }
  void hyper(Hyper&) override { mix(15); }
  void flag(bool& b) override { mix(b ? 17 : 18); }
  void integer(std::int64_t i) override { mix(static_cast<std::uint64_t>(i) ^ 0x5bd1e995); }
  void real(double d) override {
    std::uint64_t bits;
    std::memcpy(&bits, &d, sizeof bits);
    mix(bits);
  }
  void text(std::string_view s) override { mix(std::hash<std::string_view>()(s)); }
  void structure(std::int64_t n) override { mix(static_cast<std::uint64_t>(n) + 0xc2b2ae35); }
  void begin(const TypeInfo& type) override { mix(reinterpret_cast<std::uintptr_t>(&type)); }
};

/// Gives the Shared fields of a copied model objects of their own, one per object of the original.
struct SeparateVisitor final : Visitor {
  std::map<const void*, std::shared_ptr<void>> copies;
  std::set<const void*> fresh;
  void parameter(Tensor&) override {}
  void buffer(Buffer&) override {}
  void shared(std::shared_ptr<void>& object, CopyShared copy) override {
    if (!object || fresh.count(object.get())) return;
    auto& made = copies[object.get()];
    if (!made) {
      made = copy(object.get());
      fresh.insert(made.get());
    }
    object = made;
  }
};

struct EachSlotVisitor final : Visitor {
  const std::function<void(Tensor&, bool)>& f;
  explicit EachSlotVisitor(const std::function<void(Tensor&, bool)>& fn) : f(fn) {}
  void parameter(Tensor& t) override { f(t, true); }
  void buffer(Buffer& t) override { f(t, false); }
};

struct ListVisitor final : Visitor {
  std::vector<Tensor*> slots;
  void parameter(Tensor& t) override { slots.push_back(&t); }
  void buffer(Buffer&) override {}
};

std::vector<Tensor*> parameter_slots(ConstModelRef m) {
  ListVisitor v;
  m.visit(v);
  return v.slots;
}

struct TreeNode {
  std::string name, type, fields;  // fields: "in=3, weight=f32[4,3]"
  std::vector<TreeNode> children;
};

struct TreeVisitor final : Visitor {
  std::vector<TreeNode> open{TreeNode{}};
  std::vector<std::vector<std::string>> names{
      {}};  // per open struct: field, then container indices

  void parameter(Tensor& t) override { value(t.defined() ? t.aval().str() : "none"); }
  void buffer(Buffer& t) override { parameter(t); }
  void hyper(Hyper& h) override { value(fmt::format("{}", HyperAccess::value(h))); }
  void flag(bool& b) override { value(b ? "true" : "false"); }
  void integer(std::int64_t i) override { value(fmt::format("{}", i)); }
  void real(double d) override { value(fmt::format("{}", d)); }
  void text(std::string_view s) override { value(fmt::format("\"{}\"", s)); }
  void enter(std::string_view name) override { names.back().emplace_back(name); }
  void enter(std::size_t i) override { names.back().push_back(std::to_string(i)); }
  void leave() override { names.back().pop_back(); }
  void begin(const TypeInfo& type) override {
    open.push_back({joined(), std::string(type.name), "", {}});
    names.emplace_back();
  }
  void end() override {
    names.pop_back();
    TreeNode done = std::move(open.back());
    open.pop_back();
    open.back().children.push_back(std::move(done));
  }

 private:
  std::string joined() const {
    std::string out;
    for (const auto& n : names.back()) out += (out.empty() ? "" : ".") + n;
    return out;
  }
  void value(const std::string& text) {
    const std::string name = joined();
    std::string& line = open.back().fields;
    if (!line.empty()) line += ", ";
    line += name.empty() ? text : name + "=" + text;
  }
};

void print_node(const TreeNode& node, const std::string& indent, std::string& out) {
  out += indent;
  if (!node.name.empty()) out += node.name + ": ";
  out += node.type + "(" + node.fields;
  if (!node.children.empty()) {
    out += '\n';
    for (const auto& child : node.children) print_node(child, indent + "  ", out);
    out += indent;
  }
  out += ")\n";
}

}  // namespace

void for_each_parameter(ModelRef m, const Callback<Tensor>& f) {
  ParameterVisitor v(f);
  m.visit(v);
}

void for_each_buffer(ModelRef m, const Callback<Buffer>& f) {
  BufferVisitor v(f);
  m.visit(v);
}

void for_each_hyper(ModelRef m, const Callback<Hyper>& f) {
  HyperVisitor v(f);
  m.visit(v);
}

namespace detail {
void read_parameters(ConstModelRef m, const ReadField<Tensor>& f) {
  const Callback<Tensor> read = f;
  ParameterVisitor v(read);
  m.visit(v);
}

void read_buffers(ConstModelRef m, const ReadField<Buffer>& f) {
  const Callback<Buffer> read = f;
  BufferVisitor v(read);
  m.visit(v);
}

void read_hypers(ConstModelRef m, const ReadField<Hyper>& f) {
  const Callback<Hyper> read = f;
  HyperVisitor v(read);
  m.visit(v);
}
}  // namespace detail

StateDict state_dict(ConstModelRef m) {
  SlotVisitor v;
  m.visit(v);
  StateDict out;
  for (auto& [path, t] : v.slots) out.emplace(path, *t);
  return out;
}

std::int64_t num_parameters(ConstModelRef m) {
  std::int64_t n = 0;
  for_each_parameter(m, [&](const std::string&, const Tensor& t) { n += t.numel(); });
  return n;
}

void train_mode(ModelRef m, bool mode) {
  TrainingVisitor v(mode);
  m.visit(v);
}

void test_mode(ModelRef m) { train_mode(m, false); }

void move_to(Device device, ModelRef m) {
  LocScope scope(m.loc(), "to");
  MoveVisitor v(device);
  m.visit(v);
}

std::uint64_t static_hash(ConstModelRef m) {
  HashVisitor v;
  m.visit(v);
  return v.hash;
}

std::string tree(ConstModelRef m) {
  TreeVisitor v;
  m.visit(v);
  const TreeNode& root = v.open.front();
  std::string out = root.fields;
  for (const auto& child : root.children) print_node(child, "", out);
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

namespace detail {

void separate_shared(ModelRef m) {
  SeparateVisitor v;
  m.visit(v);
}

std::ostream& print_tree(std::ostream& out, ConstModelRef m) { return out << tree(m); }

void for_each_slot(ConstModelRef m, const std::function<void(Tensor&, bool)>& f) {
  EachSlotVisitor v(f);
  m.visit(v);
}

std::vector<Tensor> all_tensors(ConstModelRef m) {
  std::vector<Tensor> out;
  const std::function<void(Tensor&, bool)> add = [&](Tensor& t, bool) { out.push_back(t); };
  EachSlotVisitor v(add);
  m.visit(v);
  return out;
}

std::vector<Tensor> parameter_list(ConstModelRef m) {
  std::vector<Tensor> out;
  for (Tensor* t : parameter_slots(m)) out.push_back(*t);
  return out;
}

void assign_parameters(ModelRef m, const std::vector<Tensor>& values) {
  const auto slots = parameter_slots(m);
  for (std::size_t i = 0; i < slots.size(); ++i) *slots[i] = values[i];
}

}  // namespace detail
}  // namespace lilith
