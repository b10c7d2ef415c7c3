#include "ir/node.h"
#include "lilith/devices.h"
#include "lilith/graph_names.h"
#include "lilith/lower.h"
#include "lilith/op_def.h"
#include "lilith/ops.h"
#include "lilith/tensor.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

Tensor leaf(const Shape& shape, DType dtype = DType::F32) {
  const Aval aval{shape, dtype, {}};
  return ir::make_data(aval, Storage::allocate(aval.bytes()));
}

TEST(TensorErrors, Undefined) {
  Tensor t;
  EXPECT_ERROR(t.shape(),
               "tensor: it is undefined (default-constructed or moved from); need a value");
  EXPECT_ERROR_HERE(
      t.size(0), "size: a tensor is undefined (default-constructed or moved from); need a value");
  EXPECT_ERROR_HERE(
      relu(t), "relu: a tensor is undefined (default-constructed or moved from); need a value");
}

TEST(TensorErrors, Size) {
  const Tensor t = leaf({2, 3});
  EXPECT_ERROR_HERE(t.size(2), "size: dimension 2 of f32[2,3]; need -2 <= d < 2");
  EXPECT_ERROR_HERE(t.size(-3), "size: dimension -3 of f32[2,3]; need -2 <= d < 2");
}

TEST(TensorErrors, Sizes) {
  const Tensor t = leaf({2, 3});
  EXPECT_ERROR_HERE(t.sizes<4>(), "sizes: 4 sizes are asked for of f32[2,3], whose rank is 2");
  const auto [rows, columns] = t.sizes<2>();
  EXPECT_EQ(rows, 2);
  EXPECT_EQ(columns, 3);
  EXPECT_EQ(leaf({}).sizes<0>().size(), 0u);
}

TEST(TensorErrors, Item) {
  EXPECT_ERROR_HERE(leaf({2}).item<float>(),
                    "item: the tensor is f32[2]; need exactly one element");
  EXPECT_ERROR_HERE(leaf({0}).item<int>(), "item: the tensor is f32[0]; need exactly one element");
}

TEST(TensorErrors, HostType) {
  const Tensor t = leaf({2}, DType::I64);
  EXPECT_ERROR_HERE(t.data<float>(),
                    "data<float>: the tensor is i64[2]; need data<int64_t>, or x.to(dtype) first");
  EXPECT_ERROR_HERE(t.to_vector<double>(),
                    "data<double>: the tensor is i64[2]; need data<int64_t>, or x.to(dtype) first");
}

// A wider dtype holds each value; u8 holds no negative one.
TEST(TensorErrors, VectorsOfAWiderType) {
  const Tensor bytes = tensor({-1, 2}, kInt8);
  EXPECT_ERROR_HERE(bytes.to_vector<std::uint8_t>(),
                    "data<uint8_t>: the tensor is i8[2]; need data<int8_t>, or x.to(dtype) first");
  EXPECT_ERROR_HERE(tensor({1}, kUInt8).to_vector<std::int8_t>(),
                    "data<int8_t>: the tensor is u8[1]; need data<uint8_t>, or x.to(dtype) first");
  EXPECT_EQ(bytes.to_vector<std::int16_t>(), (std::vector<std::int16_t>{-1, 2}));
}

TEST(TensorErrors, Traced) {
  const Tensor t = ir::make_parameter({{}, DType::F32, {}}, 0, "x");
  EXPECT_ERROR_HERE(t.item<float>(),
                    "item: the tensor is an input of a traced function and has no value; return it "
                    "from the function instead");
}

TEST(TensorErrors, Rank) {
  EXPECT_ERROR(Shape(std::vector<std::int64_t>(13, 1)),
               "shape: 13 dimensions; at most 12 are supported");
}

TEST(TensorErrors, DTypeName) {
  EXPECT_ERROR(dtype_from_name("f33"),
               "dtype: there is none named 'f33'; need one of bool, u8, i8, i16, i32, i64, f16, "
               "bf16, f32, f64");
}

// What is said of a device that is not there: why its kind has none, and what there is.
std::string absence(const std::string& kind, int index) {
  std::string all, reason;
  for (const Device& d : devices()) all += (all.empty() ? "" : ", ") + d.str();
  for (const DeviceKindInfo& k : device_kinds())
    if (k.name == kind && k.count == 0) reason = " (" + k.why_none + ")";
  return fmt::format("there is no device {}:{}{}; the devices are: {}", kind, index, reason, all);
}

TEST(DeviceErrors, Absent) { EXPECT_ERROR_HERE(cuda(99), "cuda(99): " + absence("cuda", 99)); }

// PyTorch's number alone is a CUDA device.
TEST(DeviceErrors, ANumberIsACudaDevice) {
  const Tensor x = ones({2});
  EXPECT_ERROR_HERE(x.to(99), "cuda(99): " + absence("cuda", 99));
  EXPECT_ERROR_HERE(Device(-1), "cuda(-1): " + absence("cuda", -1));
  if (device_kinds()[1].count == 0) {
    EXPECT_ERROR_HERE(x.to(0), "cuda(0): " + absence("cuda", 0));
    EXPECT_ERROR_HERE(zeros({2}, {.device = 0}), "cuda(0): " + absence("cuda", 0));
  } else {
    EXPECT_EQ(x.to(0).device(), cuda(0));
  }
  static_assert(!std::is_constructible_v<Device, bool> && !std::is_convertible_v<bool, Device>);
  static_assert(!std::is_constructible_v<Device, std::nullptr_t>);
  const char* none = nullptr;
  EXPECT_ERROR_HERE(Device(none),
                    "device: the word is a null pointer; need one like \"cpu\" or \"cuda:0\"");
}

TEST(DeviceErrors, TwoDevices) {
  const Device other{Device::Kind::OpenCl, 200};
  const std::string text = "device: two are given, cpu and opencl:200; need one";
  EXPECT_ERROR_HERE(ones({2}, "cpu", other), text);
  EXPECT_ERROR_HERE(ones({2}, cpu(), other), text);
  EXPECT_ERROR_HERE(arange(5, "cpu", other), text);
  EXPECT_ERROR_HERE(arange(5, cpu(), other), text);
  EXPECT_ERROR_HERE(tensor({1, 2}, "cpu", other), text);
  EXPECT_ERROR_HERE(ones({2}, TensorOptions{.device = other}, cpu()),
                    "device: two are given, opencl:200 and cpu; need one");
  EXPECT_EQ(ones({2}, "cpu", cpu()).device(), cpu());
  EXPECT_EQ(ones({2}, "int64", cpu()).dtype(), kInt64);
}

TEST(DeviceErrors, FactoriesOnAnAbsentDevice) {
  const Device absent{Device::Kind::OpenCl, 200};
  const TensorOptions there{.device = absent}, whole{.dtype = kInt64, .device = absent};
  const auto text = [](const std::string& op) { return op + ": " + absence("opencl", 200); };
  EXPECT_ERROR_HERE(zeros({2}, there), text("zeros"));
  EXPECT_ERROR_HERE(ones({2}, there), text("ones"));
  EXPECT_ERROR_HERE(empty({2}, there), text("empty"));
  EXPECT_ERROR_HERE(full({2}, 1, there), text("full"));
  EXPECT_ERROR_HERE(full({2}, zeros({}), there), text("full"));
  EXPECT_ERROR_HERE(tensor({1.0, 2.0}, there), text("tensor"));
  EXPECT_ERROR_HERE(arange(0, 2, 1, there), text("arange"));
  EXPECT_ERROR_HERE(linspace(0, 1, 2, there), text("linspace"));
  EXPECT_ERROR_HERE(eye(2, {}, there), text("eye"));
  EXPECT_ERROR_HERE(rand({2}, there), text("rand"));
  EXPECT_ERROR_HERE(randn({2}, there), text("randn"));
  EXPECT_ERROR_HERE(randint(0, 2, {2}, whole), text("randint"));
  EXPECT_ERROR_HERE(randperm(2, whole), text("randperm"));
}

OpDef toy(const std::string& name) {
  OpDef op;
  op.name = name;
  op.infer = [](const InferCtx& c) { return c.in[0]; };
  op.lower = [](LowerCtx& c) { return c[0]; };
  op.no_vjp_reason = "a toy";
  return op;
}

TEST(OpErrors, Register) {
  EXPECT_ERROR(register_op(toy("Toy Op")),
               "register_op: the name is 'Toy Op'; need lower-case letters, digits and '_'");
  OpDef no_infer = toy("toy_a");
  no_infer.infer = nullptr;
  EXPECT_ERROR(register_op(no_infer),
               "register_op: 'toy_a' has no infer; every op needs a shape rule");
  OpDef no_rule = toy("toy_b");
  no_rule.no_vjp_reason.clear();
  EXPECT_ERROR(register_op(no_rule),
               "register_op: 'toy_b' has neither a vjp nor a no_vjp_reason; need exactly one of "
               "vjp and no_vjp_reason");
  OpDef no_lower = toy("toy_c");
  no_lower.lower = nullptr;
  EXPECT_ERROR(register_op(no_lower),
               "register_op: 'toy_c' has no lower; elementwise and view ops need one");
  OpDef reduction = toy("toy_g");
  reduction.cls = OpClass::Reduction;
  EXPECT_ERROR(register_op(reduction),
               "register_op: 'toy_g' is neither elementwise nor a view; the other classes are "
               "scheduled by what the library knows of its own ops");
  register_op(toy("toy_d"));
  EXPECT_ERROR(register_op(toy("toy_d")), "register_op: there is an op 'toy_d' already");
  OpDef negative = toy("toy_e");
  negative.arity = -2;
  EXPECT_ERROR(register_op(negative), "register_op: 'toy_e' has arity -2; need -1 (any) or more");
}

TEST(OpErrors, Apply) {
  EXPECT_ERROR(apply("no_such_op", {}), "apply: there is no op 'no_such_op'; register_op adds one");
  const OpDef& op = register_op(toy("toy_f"));
  EXPECT_ERROR(apply(op, {}), "toy_f: got 0 inputs; need 1");
  EXPECT_ERROR(apply(op, {Tensor()}), "toy_f: input 0 is undefined");
}

TEST(GraphErrors, Construction) {
  const Tensor x = ir::make_parameter({{2}, DType::F32, {}}, 0, "x");
  EXPECT_ERROR(Graph({leaf({2})}, {}), "graph: input 0 is no parameter; make one with trace");
  EXPECT_ERROR(Graph({x, x}, {}), "graph: input 1 appears twice");
  EXPECT_ERROR(Graph({x}, {Tensor()}), "graph: output 0 is undefined");
  const Graph g({x}, {x});
  EXPECT_ERROR(g({}), "graph: got 0 inputs; need 1");
  EXPECT_ERROR(g({leaf({3})}), "graph: input 0 is f32[3]; need f32[2]");
}

TEST(GraphErrors, Rewrite) {
  const Tensor x = ir::make_parameter({{2}, DType::F32, {}}, 0, "x");
  const Graph g({x}, {x});
  EXPECT_ERROR(rewrite(g, pattern("no_such_op"), [](Match) { return Tensor(); }),
               "rewrite: the pattern names the op 'no_such_op', which does not exist");
}

}  // namespace
}  // namespace lilith
