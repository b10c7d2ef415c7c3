#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "ir/node.h"
#include "ir/op_registry.h"
#include "ir/rebuild.h"
#include "lilith/lower.h"
#include "lilith/memory.h"
#include "lilith/op_def.h"
#include "lilith/ops.h"

namespace lilith {
namespace {

const OpDef& wrap_op() {
  static const OpDef& op = register_builtin({.name = "test_wrap",
                                             .arity = 1,
                                             .cls = OpClass::Marker,
                                             .infer = [](const InferCtx& c) { return c.in[0]; },
                                             .no_vjp_reason = "a test's op",
                                             .reference = nullptr,
                                             .batch = [](const BatchCtx& c) { return c.in; }});
  return op;
}

template <class T>
Tensor make(const Shape& shape, std::vector<T> values) {
  const Aval aval{.shape = shape, .dtype = dtype_of<T>};
  auto storage = Storage::allocate(aval.bytes());
  std::copy(values.begin(), values.end(), static_cast<T*>(storage->data()));
  return ir::make_data(aval, storage);
}

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return std::string(e.what()).substr(0, std::string(e.what()).rfind(" ("));
  }
  return "no error";
}

TEST(Tensor, HandlesAreCountedApartFromEdges) {
  Tensor a = make<float>({2}, {1, 2});
  EXPECT_EQ(a.node()->handles(), 1);
  Tensor b = apply(wrap_op(), {a});
  EXPECT_EQ(a.node()->handles(), 1);
  EXPECT_EQ(a.node()->refs(), 2);
  Tensor c = b;
  EXPECT_EQ(b.node()->handles(), 2);
  c = a;
  EXPECT_EQ(b.node()->handles(), 1);
  EXPECT_EQ(a.node()->handles(), 2);
  Tensor d = std::move(c);
  EXPECT_FALSE(c.defined());
  const Tensor& itself = d;
  d = itself;
  EXPECT_EQ(a.node()->handles(), 2);
}

TEST(Tensor, AMillionNodesAreFreedWithoutRecursion) {
  Tensor x = make<float>({1}, {1});
  // Not by apply, which evaluates a pending graph that grows so long.
  for (int i = 0; i < 1000000; ++i) {
    x = Tensor(new ir::NodeImpl(&wrap_op(), {x}, {}, x.aval(), {}));
  }
  EXPECT_EQ(ir::topological_order({x}).size(), 1000001u);
}

TEST(Tensor, ANodeMadeALeafLetsGoOfItsInputs) {
  Tensor a = make<float>({2}, {1, 2});
  Tensor b = apply(wrap_op(), {a});
  b.node()->make_leaf(Storage::allocate(8));
  EXPECT_EQ(a.node()->refs(), 1);
  EXPECT_TRUE(b.node()->is_leaf());
}

TEST(Tensor, ANodeOnOtherInputsSharesItsAttributes) {
  const Tensor a = make<float>({2}, {1, 2}), b = make<float>({2}, {3, 4});
  for (const std::size_t count : {1, 3, 4}) {
    const std::vector<Tensor> first(count, a), second(count, b);
    const Tensor x = apply("concat", first, {{"dim", std::int64_t{0}}});
    const Tensor y = ir::rebuild(x.node(), second);
    EXPECT_EQ(&y.node()->attrs, &x.node()->attrs);
    EXPECT_EQ(y.node()->attrs_hash(), x.node()->attrs.hash());
    EXPECT_EQ(y.aval(), x.aval());
    ASSERT_EQ(y.node()->inputs.size(), count);
    EXPECT_EQ(y.node()->inputs.back(), b.node());
    EXPECT_FALSE(y.node()->inputs == x.node()->inputs);
    EXPECT_TRUE(y.node()->inputs == ir::rebuild(y.node(), second).node()->inputs);
    EXPECT_EQ(b.node()->refs(), static_cast<int>(1 + 2 * count));
  }
  EXPECT_EQ(a.node()->refs(), 1);
}

TEST(Tensor, ReadsItsValue) {
  Tensor t = make<std::int64_t>({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(t.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(t.size(-1), 2);
  EXPECT_EQ(message_of([&] { t.data<float>(); }),
            "data<float>: the tensor is i64[2,2]; need data<int64_t>, or x.to(dtype) first");
  EXPECT_EQ(message_of([&] { t.item<float>(); }),
            "item: the tensor is i64[2,2]; need exactly one element");
  EXPECT_EQ(message_of([&] { t.size(2); }), "size: dimension 2 of i64[2,2]; need -2 <= d < 2");
  EXPECT_THROW(Tensor().shape(), Error);
}

TEST(Tensor, IsAConditionOfItsValue) {
  const Tensor zero = tensor(0.), one = tensor({1}), nothing;
  EXPECT_FALSE(zero);
  EXPECT_TRUE(one);
  EXPECT_TRUE(!zero && one);
  EXPECT_FALSE(nothing);  // None
  EXPECT_EQ(zero ? 1 : 2, 2);
  EXPECT_TRUE(isnan(tensor(NAN)));
  EXPECT_TRUE(tensor(NAN));
  EXPECT_FALSE((one > 2).any());
  Tensor x = tensor(8.);
  int steps = 0;
  while (floor(x)) x = x / 2, ++steps;
  EXPECT_EQ(steps, 4);
}

TEST(Tensor, IsANumberOfItsValue) {
  EXPECT_EQ(int(tensor(-2.7)), -2);
  EXPECT_EQ(static_cast<std::int64_t>(tensor(-0x1p63, kDouble)), INT64_MIN);
  EXPECT_THROW(static_cast<std::int64_t>(tensor(0x1p63, kDouble)), Error);
  EXPECT_EQ(static_cast<std::uint8_t>(tensor(255.5)), 255);
  EXPECT_THROW(static_cast<std::uint8_t>(tensor(-1)), Error);
  EXPECT_EQ(static_cast<std::uint64_t>(tensor(INT64_MAX)), std::uint64_t{INT64_MAX});
  EXPECT_EQ(float(tensor(0.5)), 0.5F);
}

TEST(Tensor, ConstantsHaveValuesOnTheHost) {
  Tensor c = ir::make_constant({Scalar::Kind::Float, 0, 2.5}, {.shape = {3}});
  EXPECT_EQ(c.to_vector<float>(), (std::vector<float>{2.5, 2.5, 2.5}));
  EXPECT_EQ(ir::make_constant({Scalar::Kind::Int, 300, 0}, {.dtype = kUInt8}).item<int>(), 44);
  EXPECT_EQ(ir::make_constant({Scalar::Kind::Bool, 1, 0}, {.dtype = kBool}).item<bool>(), true);
}

TEST(Tensor, FloatingLiteralsAreRunTimeScalarsOutsideATrace) {
  EXPECT_EQ(Arg(2).tensor(kFloat32).node()->op, &ir::constant_op());
  EXPECT_EQ(Arg(2.5).tensor(kFloat32).node()->op, &ir::scalar_op());
  EXPECT_EQ(Arg(2.5).tensor(kFloat32).item<float>(), 2.5f);
  ++ir::trace_depth();
  EXPECT_EQ(Arg(2.5).tensor(kFloat32).node()->op, &ir::constant_op());
  --ir::trace_depth();
  EXPECT_EQ(Arg(2.5).tensor().dtype(), kFloat32);
  EXPECT_EQ(Arg(true).tensor().dtype(), kBool);
  EXPECT_EQ(Arg(7).tensor().dtype(), kInt64);
}

TEST(Tensor, ATracersValueIsAnError) {
  Tensor p = ir::make_parameter({.shape = {}}, 0, "x");
  EXPECT_EQ(
      message_of([&] { p.item<float>(); }),
      "item: the tensor is an input of a traced function and has no value; return it from the "
      "function instead");
}

TEST(Tensor, PrintsAsPyTorch) {
  EXPECT_EQ(to_string(make<float>({2, 2}, {1, 2, 3, 4})), "tensor([[1., 2.],\n        [3., 4.]])");
  EXPECT_EQ(to_string(make<float>({3}, {1.5f, -2, 0.25f})), "tensor([ 1.5000, -2.0000,  0.2500])");
  EXPECT_EQ(to_string(make<std::int64_t>({3}, {1, -20, 3})), "tensor([  1, -20,   3])");
  EXPECT_EQ(to_string(make<std::int32_t>({}, {5})), "tensor(5, dtype=i32)");
  EXPECT_EQ(to_string(make<float>({2}, {1, 100000})), "tensor([1.0000e+00, 1.0000e+05])");
  EXPECT_EQ(to_string(make<float>({}, {3.14159f})), "tensor(3.1416)");
  EXPECT_EQ(to_string(make<float>({0}, {})), "tensor([])");
  EXPECT_EQ(to_string(make<double>({0, 3}, {})), "tensor([], size=(0, 3), dtype=f64)");
  EXPECT_EQ(to_string(make<bool>({2}, {true, false})), "tensor([ True, False])");
  std::vector<std::int64_t> many(1001);
  for (int i = 0; i < 1001; ++i) many[static_cast<std::size_t>(i)] = i;
  EXPECT_EQ(to_string(make<std::int64_t>({1001}, many)),
            "tensor([   0,    1,    2,  ...,  998,  999, 1000])");
  EXPECT_EQ(to_string(make<float>({2, 1, 2}, {1, 2, 3, 4})),
            "tensor([[[1., 2.]],\n\n        [[3., 4.]]])");
}

// What passes and schedules ask of every op of a class is there, or the op is refused.
TEST(Op, SaysWhatItsClassNeeds) {
  const auto refused = [](OpClass cls) {
    return message_of([&] {
      register_builtin({.name = "test_bad",
                        .arity = 2,
                        .cls = cls,
                        .infer = [](const InferCtx& c) { return c.in[0]; },
                        .no_vjp_reason = "a test's op"});
    });
  };
  EXPECT_EQ(refused(OpClass::Reduction),
            "register_op: 'test_bad' has no combine; a reduction says what its elements are "
            "combined by");
  EXPECT_EQ(refused(OpClass::Contraction),
            "register_op: 'test_bad' has no axes of two operands; a contraction says what its "
            "loops are");
  EXPECT_EQ(refused(OpClass::Window),
            "register_op: 'test_bad' has no dims; a window op says how its attributes speak of "
            "dimensions");
  EXPECT_EQ(refused(OpClass::Scatter),
            "register_op: 'test_bad' has no dims; a scatter says how its attributes speak of "
            "dimensions");
  EXPECT_EQ(message_of([] {
              register_builtin({.name = "test_bad",
                                .arity = 2,
                                .infer = [](const InferCtx& c) { return c.in[0]; },
                                .no_vjp_reason = "a test's op",
                                .lower = [](LowerCtx& c) { return c[0]; },
                                .index_operand = 2});
            }),
            "register_op: 'test_bad' has index_operand 2; need one of its 2 operands, or 0");
  EXPECT_EQ(message_of([] {
              register_builtin({.name = "test_bad",
                                .cls = OpClass::View,
                                .infer = [](const InferCtx& c) { return c.in[0]; },
                                .no_vjp_reason = "a test's op",
                                .lower = [](LowerCtx& c) { return c[0]; }});
            }),
            "register_op: 'test_bad' has no batch; every built-in op says what vmap makes of it");
  EXPECT_EQ(find_op("test_bad"), nullptr);
}

TEST(Op, MisuseIsAnError) {
  Tensor a = make<float>({2}, {1, 2});
  EXPECT_EQ(message_of([&] { apply(wrap_op(), {a, a}); }), "test_wrap: got 2 inputs; need 1");
  EXPECT_EQ(message_of([&] { apply(wrap_op(), {Tensor()}); }), "test_wrap: input 0 is undefined");
  EXPECT_EQ(message_of([&] { apply("no_such_op", {a}); }),
            "apply: there is no op 'no_such_op'; register_op adds one");
  EXPECT_EQ(message_of([] { register_op({.name = "test_bad"}); }),
            "register_op: 'test_bad' has no infer; every op needs a shape rule");
  const auto infer = [](const InferCtx& c) { return c.in[0]; };
  EXPECT_EQ(
      message_of([&] { register_op({.name = "test_bad", .infer = infer}); }),
      "register_op: 'test_bad' has neither a vjp nor a no_vjp_reason; need exactly one of vjp "
      "and no_vjp_reason");
  EXPECT_EQ(message_of([&] {
              register_op({.name = "test_bad", .infer = infer, .no_vjp_reason = "a test's op"});
            }),
            "register_op: 'test_bad' has no lower; elementwise and view ops need one");
  EXPECT_EQ(find_op("test_bad"), nullptr);
}

// What an earlier pattern of sizes left free gives way to the sizes of the next one.
TEST(Memory, FreeListsFollowTheSizesInUse) {
  reset_peak_memory();
  release_cached_memory();
  const std::size_t block = std::size_t{24} << 20;
  for (std::size_t i = 0; i < 12; ++i) Storage::allocate(block + (i << 22));
  const std::int64_t before = memory_stats().cached_bytes;
  const auto held = Storage::allocate(block + (std::size_t{11} << 22));
  EXPECT_LT(memory_stats().cached_bytes, before);  // the last size came from the free lists
}

TEST(Storage, IsAlignedCountedAndReused) {
  const auto before = memory_stats();
  const void* first = nullptr;
  {
    auto s = Storage::allocate(100);
    first = s->data();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0u);
    EXPECT_EQ(memory_stats().live_bytes, before.live_bytes + 100);
    auto big = Storage::allocate((3 << 20) + 1);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(big->data()) % (2 << 20), 0u);
    std::memset(big->data(), 1, big->bytes());
  }
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
  EXPECT_EQ(Storage::allocate(101)->data(), first);
  release_cached_memory();
  EXPECT_EQ(memory_stats().cached_bytes, 0);
}

TEST(Storage, BorrowedMemoryRunsItsDeleter) {
  int freed = 0;
  float x = 1;
  {
    auto s = Storage::borrow(&x, 4, [&] { ++freed; });
    EXPECT_TRUE(s->lent());
  }
  EXPECT_EQ(freed, 1);
}

TEST(Storage, ThreadsShareTheFreeLists) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 2000; ++i) {
        auto s = Storage::allocate(static_cast<std::size_t>(1 + (i * 37 + t) % 5000));
        static_cast<char*>(s->data())[0] = static_cast<char>(i);
      }
    });
  }
  for (auto& t : threads) t.join();
}

}  // namespace
}  // namespace lilith
