#include "lilith/model.h"

#include <algorithm>
#include <cstring>
#include <ostream>
#include <set>

#include "lilith/ops/shape.h"
#include "transforms/load_state.h"
#include "transforms/ties.h"

namespace lilith {
namespace {

template <class T>
using Callback = std::function<void(const std::string&, T&)>;

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

/// Calls f for the first of tied parameters, and gives the others what it assigns.
struct ParameterVisitor final : PathVisitor {
  const Callback<Tensor>& f;
  ConstModelRef model;
  bool writable;
  std::vector<Tensor*> slots;  // read where a parameter may be tied
  std::vector<std::size_t> roots;
  std::vector<const Tensor*> values;  // where they are not written
  std::size_t at = 0;

  ParameterVisitor(const Callback<Tensor>& fn, ConstModelRef m, bool may_assign)
      : f(fn), model(m), writable(may_assign) {}
  void parameter(Tensor& t) override {
    const std::size_t i = at++;
    if (!t.defined()) return;
    if (!t.tie_tag().tagged()) return f(path(), t);
    if (slots.empty()) {
      slots = parameter_slots(model);
      roots = detail::tie_roots(slots, writable);
      if (!writable) values = detail::tied_values(slots);
    }
    const bool alone = roots.empty() || i >= roots.size() || slots[i] != &t;
    if (!alone && roots[i] != i) return;
    if (alone) return f(path(), t);
    if (!writable) return f(path(), const_cast<Tensor&>(*values[i]));  // f reads
    const Tensor before(t.node());
    {
      const detail::KeepTie keep(t.tie_tag());
      f(path(), t);
    }
    if (t.node() == before.node()) return;
    t.tie_tag().set_fresh(false);
    for (std::size_t k = i + 1; k < roots.size(); ++k)
      if (roots[k] == i) slots[k]->rebind(t);
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
  std::vector<std::pair<Tensor, Tensor>> moved;  // of tied ones: before, after
  void parameter(Tensor& t) override {
    if (!t.defined() || t.device() == device) return;
    for (const auto& [from, to] : moved)
      if (from.node() == t.node()) return t.rebind(to);
    const Tensor before(t.node()), after = t.to(device);
    if (t.tie_tag().tagged()) moved.emplace_back(before, after);
    t.rebind(after);
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

/// The objects of the Shared fields, in order.
struct SharedVisitor final : Visitor {
  std::vector<const void*> objects;
  void parameter(Tensor&) override {}
  void buffer(Buffer&) override {}
  void shared(std::shared_ptr<void>& object, CopyShared) override {
    objects.push_back(object.get());
  }
};

/// Makes the Shared fields of a copy one where those of the original are.
struct SeparateVisitor final : Visitor {
  std::vector<const void*> originals;
  std::map<const void*, std::shared_ptr<void>> copies;
  std::size_t at = 0;
  void parameter(Tensor&) override {}
  void buffer(Buffer&) override {}
  void shared(std::shared_ptr<void>& object, CopyShared copy) override {
    const void* original = originals.at(at++);
    auto& made = copies[original];
    if (!made) made = object && object.get() == original ? copy(original) : object;
    object = made;
  }
};

struct EachSlotVisitor final : Visitor {
  const std::function<void(Tensor&, bool)>& f;
  explicit EachSlotVisitor(const std::function<void(Tensor&, bool)>& fn) : f(fn) {}
  void parameter(Tensor& t) override { f(t, true); }
  void buffer(Buffer& t) override { f(t, false); }
};

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
  ParameterVisitor v(f, m, true);
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
  ParameterVisitor v(read, m, false);
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
  std::vector<Tensor*> slots;
  for (const auto& [path, t] : v.slots) slots.push_back(t);
  const std::vector<const Tensor*> values = detail::tied_values(slots);
  StateDict out;
  for (std::size_t i = 0; i < slots.size(); ++i) out.emplace(v.slots[i].first, *values[i]);
  return out;
}

std::int64_t num_parameters(ConstModelRef m) {
  std::int64_t n = 0;
  for_each_parameter(m, [&](const std::string&, const Tensor& t) { n += t.numel(); });
  return n;
}

const std::vector<std::pair<std::string, Tensor>> named_parameters(ConstModelRef m) {
  std::vector<std::pair<std::string, Tensor>> out;
  detail::read_parameters(
      m, [&](const std::string& path, const Tensor& t) { out.emplace_back(path, t); });
  return out;
}
const std::vector<std::pair<std::string, Tensor>> named_buffers(ConstModelRef m) {
  std::vector<std::pair<std::string, Tensor>> out;
  detail::read_buffers(
      m, [&](const std::string& path, const Buffer& t) { out.emplace_back(path, t); });
  return out;
}
const std::vector<Tensor> parameters(ConstModelRef m) {
  std::vector<Tensor> out;
  detail::read_parameters(m, [&](const std::string&, const Tensor& t) { out.push_back(t); });
  return out;
}

const std::vector<Tensor> buffers(ConstModelRef m) {
  std::vector<Tensor> out;
  detail::read_buffers(m, [&](const std::string&, const Buffer& t) { out.push_back(t); });
  return out;
}
Tensor parameters_to_vector(ConstModelRef m) {
  const LocScope scope(m.loc(), "parameters_to_vector");
  std::vector<Tensor> flat;
  for (const Tensor& t : parameters(m)) flat.push_back(t.reshape({-1}));
  LILITH_CHECK(!flat.empty(), "parameters_to_vector: the model has no parameters");
  return cat(flat);
}
void vector_to_parameters(const Tensor& vector, ModelRef m) {
  const LocScope scope(m.loc(), "vector_to_parameters");
  const std::int64_t n = num_parameters(m);
  LILITH_CHECK(vector.ndim() == 1 && vector.numel() == n,
               "vector_to_parameters: the vector is {}; the parameters have {} numbers",
               vector.aval().str(), n);
  std::int64_t at = 0;
  for_each_parameter(m, [&](const std::string&, Tensor& t) {
    const Tensor part = vector.slice(0, at, at + t.numel()).view(t.shape());
    at += t.numel();
    t.rebind(part.to(t.device()).to(t.dtype()));
  });
}

void detail::cast_floating(ModelRef m, DType dtype) {
  const LocScope scope(m.loc(), "to");
  LILITH_CHECK(is_floating(dtype), "to: a model cannot be cast to {}; need a floating dtype",
               name(dtype));
  struct Cast final : Visitor {
    explicit Cast(DType dtype) : dtype(dtype) {}
    void parameter(Tensor& t) override { cast(t); }
    void buffer(Buffer& t) override { cast(t); }
    void cast(Tensor& t) const {
      if (t.defined() && is_floating(t.dtype())) t.rebind(t.to(dtype));
    }
    DType dtype;
  } visitor(dtype);
  m.visit(visitor);
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

void tie(ModelRef target, ModelRef source) {
  LocScope scope(target.loc(), "tie");
  const auto to = parameter_slots(target), from = parameter_slots(source);
  LILITH_CHECK(to.size() == from.size(), "tie: {} parameters cannot be tied to {}", to.size(),
               from.size());
  const auto text = [](const Tensor& t) { return t.defined() ? t.aval().str() : "undefined"; };
  for (std::size_t i = 0; i < to.size(); ++i)
    LILITH_CHECK(to[i]->defined() == from[i]->defined() &&
                     (!to[i]->defined() || to[i]->aval() == from[i]->aval()),
                 "tie: parameter {} is {} and {}; need the same shape and dtype", i, text(*to[i]),
                 text(*from[i]));
  for (std::size_t i = 0; i < to.size(); ++i)
    if (to[i]->defined()) *to[i] = *from[i];
}

std::uint64_t static_hash(ConstModelRef m) {
  HashVisitor v;
  m.visit(v);
  for (const std::size_t root : detail::tied_parameters(m)) v.mix(root);
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

void separate_shared(ModelRef copy, ConstModelRef original) {
  SharedVisitor shared;
  original.visit(shared);
  if (shared.objects.empty()) return;
  SeparateVisitor v;
  v.originals = std::move(shared.objects);
  copy.visit(v);
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
  for (const Tensor* t : detail::tied_values(parameter_slots(m))) out.emplace_back(t->node());
  return out;
}

std::vector<std::size_t> tied_parameters(ConstModelRef m) {
  return tie_roots(parameter_slots(m), false);
}

void assign_parameters(ModelRef m, const std::vector<Tensor>& values) {
  const auto slots = parameter_slots(m);
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i]->rebind(values[i]);
}

}  // namespace detail
}  // namespace lilith
