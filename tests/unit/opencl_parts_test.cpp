// Task mode: how kernels are parted into launches, where scratch lies, what a device cannot do.
#include "codegen/c/parts.h"
#include "codegen/opencl/dialect.h"
#include "support/expect_error.h"
#include "support/loop_kernels.h"
#include "support/opencl_run.h"

namespace lilith::codegen::testing {
namespace {

using namespace kir;
using c::parts_of;
using kernels::Builder;
using lilith::testing::error_text;

std::vector<std::int64_t> items_of(const Kernel& k) {
  std::vector<std::int64_t> out;
  for (const c::Part& p : parts_of(k)) out.push_back(p.items);
  return out;
}
using Items = std::vector<std::int64_t>;

/// y[i] = x[i] + 1 for i < n.
Stmt add_one(Builder& b, BufferId x, BufferId y, std::int64_t n,
             LoopKind kind = LoopKind::Parallel) {
  const Expr i = b.p.var(n, "i");
  return make_for(i, kind, {Store{y, i, b.load(x, i) + 1.0, {}}});
}

KernelCase side_by_side() {
  Builder b("side by side");
  const BufferId x = b.in(DType::F32, 30), y = b.out(DType::F32, 30), z = b.out(DType::F32, 30);
  b.k.body = {add_one(b, x, y, 30), add_one(b, x, z, 7)};
  EXPECT_EQ(items_of(b.k), Items{30});
  return {std::move(b.k)};
}

KernelCase one_reads_what_the_other_stores() {
  Builder b("one after another");
  const BufferId x = b.in(DType::F32, 30), y = b.out(DType::F32, 30), z = b.out(DType::F32, 30);
  const Expr j = b.p.var(30, "j");
  b.k.body = {add_one(b, x, y, 30),
              make_for(j, LoopKind::Parallel, {Store{z, j, b.load(y, b.n(29) - j), {}}}),
              add_one(b, z, y, 30)};
  EXPECT_EQ(items_of(b.k), (Items{30, 30, 30}));
  return {std::move(b.k)};
}

KernelCase loops_beside_statements() {
  Builder b("beside");
  const BufferId x = b.in(DType::F32, 9), y = b.out(DType::F32, 9), z = b.out(DType::F32, 9);
  b.k.body = {Store{y, b.n(8), b.f(3), {}}, add_one(b, x, z, 1), add_one(b, x, y, 8),
              add_one(b, y, z, 9, LoopKind::Serial)};
  EXPECT_EQ(items_of(b.k), (Items{1, 8, 1}));
  return {std::move(b.k)};
}

KernelCase registers_across_a_barrier(bool across) {
  Builder b(across ? "registers across" : "registers beside");
  const BufferId x = b.in(DType::F32, 9), y = b.out(DType::F32, 9), z = b.out(DType::F32, 9);
  const RegId r = b.k.add_reg("r", DType::F32);
  const Expr i = b.p.var(9, "i");
  const Stmt use =
      make_for(i, LoopKind::Parallel, {Store{z, i, b.load(y, i) * b.p.read(r, DType::F32), {}}});
  b.k.body = {DeclReg{r, b.load(x, b.n(0))}, add_one(b, x, y, 9)};
  if (across) b.k.body.push_back(Barrier{});
  b.k.body.push_back(use);
  EXPECT_EQ(items_of(b.k), Items{1});
  return {std::move(b.k)};
}

/// Every task fills a row of scratch and reads it backwards.
KernelCase rows_in_scratch(std::int64_t tasks, std::int64_t size, DType dtype) {
  Builder b(fmt::format("{} tasks with {} {} of scratch", tasks, size, name(dtype)));
  const std::int64_t n = 20;
  const BufferId x = b.in(DType::F32, tasks * n), y = b.out(DType::F32, tasks * n);
  const BufferId row = b.k.add_buffer("row", dtype, size, Space::Thread);
  const BufferId other = b.k.add_buffer("other", DType::F64, 3, Space::Thread);
  const Expr t = b.p.var(tasks, "t"), i = b.p.var(n, "i");
  const Expr back = b.load(row, b.n(size - 1) - i) + b.p.cast(b.load(other, b.n(2)), DType::F32);
  b.k.body = {make_for(t, LoopKind::Parallel,
                       {Store{other, b.n(2), b.p.cast(t, DType::F64), {}},
                        make_for(i, LoopKind::Vector,
                                 {Store{row, b.n(size - n) + i, b.load(x, t * b.n(n) + i), {}}}),
                        make_for(i, LoopKind::Vector, {Store{y, t * b.n(n) + i, back, {}}})})};
  return {std::move(b.k)};
}

KernelCase scratch_handed_on() {
  Builder b("scratch handed on");
  const BufferId x = b.in(DType::F32, 9), y = b.out(DType::F32, 9);
  const BufferId row = b.k.add_buffer("row", DType::F32, 9, Space::Thread);
  b.k.body = {add_one(b, x, row, 9, LoopKind::Serial), Barrier{}, add_one(b, row, y, 9)};
  EXPECT_EQ(items_of(b.k), Items{1});
  return {std::move(b.k)};
}

/// Where the mask does not hold, the value is not there.
KernelCase masks_guard_what_is_read() {
  Builder b("guards");
  const BufferId x = b.in(DType::F32, 10), y = b.out(DType::F32, 40), s = b.out(DType::F32, 1);
  const Expr i = b.p.var(40, "i"), inside = lt(i, b.n(10));
  const Expr even = eq(floor_mod(i, 2), b.n(0));
  const RegId sum = b.k.add_reg("sum", DType::F32);
  const Expr far = b.load(x, i * b.n(1000000)), near = b.load(x, i);
  b.k.body = {DeclReg{sum, b.f(0)},
              make_for(i, LoopKind::Serial,
                       {Store{y, i, near * near, inside}, Store{y, i, far + near, lt(i, b.n(1))},
                        Accumulate{sum, {}, Combine::Add, near + b.load(x, i, even), {}, inside}}),
              Store{s, b.n(0), b.p.read(sum, DType::F32), {}}};
  return {std::move(b.k)};
}

TEST(OpenClParts, AreRunInOrder) {
  NEEDS_OPENCL;
  std::vector<KernelCase> all;
  all.push_back(side_by_side());
  all.push_back(one_reads_what_the_other_stores());
  all.push_back(loops_beside_statements());
  all.push_back(registers_across_a_barrier(true));
  all.push_back(registers_across_a_barrier(false));
  all.push_back(scratch_handed_on());
  all.push_back(masks_guard_what_is_read());
  Builder nothing("nothing");
  EXPECT_EQ(items_of(nothing.k), Items{});
  all.push_back({std::move(nothing.k)});
  check_on_opencl(all);
}

TEST(OpenClParts, ScratchIsPrivateOrASlice) {
  NEEDS_OPENCL;
  const std::int64_t mib = 1 << 20;
  std::vector<KernelCase> all;
  for (DType d : {DType::F32, DType::F16, DType::BF16}) {
    all.push_back(rows_in_scratch(5, 20, d));
    all.push_back(rows_in_scratch(5, 6000, d));
  }
  all.push_back(rows_in_scratch(40, mib, DType::F32));  // more than all slices may have
  std::vector<const Kernel*> kernels;
  for (const KernelCase& c : all) kernels.push_back(&c.kernel);
  const c::Source source = c::print(kernels, opencl::kDialect, {});
  EXPECT_EQ(source.kernels[0][0].scratch_bytes, 0);
  EXPECT_EQ(source.kernels[1][0].scratch_bytes, 5 * (24000 + 64));
  const c::Entry& large = source.kernels.back()[0];
  EXPECT_EQ(large.items, 15);
  EXPECT_EQ(large.scratch_bytes, 15 * (4 * mib + 64));
  check_on_opencl(all);
}

// An output may lie where an input does: what was read once is kept.
TEST(OpenClParts, OutputsMayLieWhereInputsDo) {
  NEEDS_OPENCL;
  Builder b("in place");
  const int n = 50;
  const BufferId x = b.in(DType::F32, n), y = b.out(DType::F32, n), z = b.out(DType::F32, n);
  const Expr i = b.p.var(n, "i");
  b.k.body = {make_for(i, LoopKind::Parallel,
                       {Store{y, i, b.load(x, i) * 3.0, {}}, Store{z, i, b.load(x, i) + 0.5, {}}})};
  const Kernel* list[] = {&b.k};
  runtime::opencl::Device& device = runtime::opencl::device(0);
  opencl::CompiledKernels compiled(list, device);
  const std::vector<float> before(n, 2);
  const auto memory = device.allocate(2 * n * 4);
  device.write(*memory, 0, before.data(), n * 4);
  const runtime::opencl::Place places[] = {
      {memory.get(), 0}, {memory.get(), 0}, {memory.get(), n * 4}};
  compiled.launch(0, places);
  std::vector<float> after(2 * n), want(n, 6);
  want.resize(2 * n, 2.5f);
  device.read(*memory, 0, after.data(), 2 * n * 4);
  EXPECT_EQ(after, want);
}

// Quotients and roots of f32 by way of f64, for devices that round them carelessly.
TEST(OpenClParts, DivisionInF64IsExact) {
  NEEDS_OPENCL;
  Builder b("division");
  const int n = 5000;
  const BufferId x = b.in(DType::F32, n), y = b.in(DType::F32, n), z = b.out(DType::F32, n);
  const BufferId w = b.out(DType::F32, n);
  const Expr i = b.p.var(n, "i"), a = b.load(x, i);
  b.k.body = {make_for(i, LoopKind::Parallel,
                       {Store{z, i, a / b.load(y, i), {}},
                        Store{w, i, b.p.make(Op::Sqrt, DType::F32, {kernels::abs(b, a)}), {}}})};
  const Kernel* list[] = {&b.k};
  Inputs want = random_inputs(b.k), got = want;
  runtime::opencl::Device& device = runtime::opencl::device(0);
  const DeviceParams params(device, got);
  const c::Source source = c::print(list, opencl::kDialect, {});
  runtime::opencl::Kernel kernel(device.build(source.text, "-cl-std=CL1.2 -D LILITH_DIVIDE_IN_F64"),
                                 source.kernels[0][0].name);
  std::vector<runtime::opencl::Arg> args;
  for (const auto& p : params.places()) args.emplace_back(p);
  device.launch(kernel, n, 1, args);
  params.read(&got);
  interpret(b.k, {want[0].data(), want[1].data(), want[2].data(), want[3].data()});
  EXPECT_EQ(got, want);
}

TEST(OpenClParts, EqualKernelsArePrintedOnce) {
  Builder a("a"), b("b"), other("other");
  for (Builder* k : {&a, &b, &other}) {
    const BufferId x = k->in(DType::F32, 8), y = k->out(DType::F32, 8);
    k->k.body = {add_one(*k, x, y, k == &other ? 7 : 8)};
  }
  const Kernel* list[] = {&a.k, &b.k, &other.k};
  const c::Source s = c::print(list, opencl::kDialect, {});
  EXPECT_EQ(s.kernels[0][0].name, s.kernels[1][0].name);
  EXPECT_NE(s.kernels[0][0].name, s.kernels[2][0].name);
  EXPECT_EQ(s.text.find("// b"), std::string::npos);
}

TEST(OpenClParts, TheTextReadsLikeTheKernel) {
  Builder b("row sums");
  const BufferId x = b.in(DType::BF16, 6 * 10), y = b.out(DType::F32, 6);
  const Expr i = b.p.var(6, "i"), j = b.p.var(10, "j");
  const RegId sum = b.k.add_reg("sum", DType::F32);
  const Expr v = b.load(x, i * b.n(10) + j);
  b.k.body = {make_for(i, LoopKind::Parallel,
                       {DeclReg{sum, b.f(0)},
                        make_for(j, LoopKind::Vector,
                                 {Accumulate{sum, {}, Combine::Add, max(v, b.f(0)) * 0.1, {}, {}}}),
                        Store{y, i, b.p.read(sum, DType::F32), lt(b.n(2), i)}})};
  const Kernel* list[] = {&b.k};
  const std::string text = c::print(list, opencl::kDialect, {}).text;
  EXPECT_EQ(text.substr(text.find("// row sums")), R"(// row sums
kernel void lilith_0_0(global char* b0_base, i64 b0_at, global char* b1_base, i64 b1_at) {
  const i64 item = get_global_id(0);
  const global u16* b0 = (const global u16*)(b0_base + b0_at);
  global u32* b1 = (global u32*)(b1_base + b1_at);
  if (item < 6) {
    const i32 x0 = (i32)item;
    f32 r0 = 0.0f;
    for (i32 x1 = 0; x1 < 10; ++x1) {
      const f32 t0 = f32_of_bf16(b0[(x0 * 10) + x1]);
      r0 = r0 + (above_f32(t0, 0.0f) * 0x1.99999ap-4f);
    }
    const bool t1 = 2 < x0;
    if (t1) b1[x0] = bits_f32(r0);
  }
}
)");
}

TEST(OpenClParts, ErrorsNameTheKernelAndTheDevice) {
  Builder b("roots");
  const BufferId x = b.in(DType::F64, 4), y = b.out(DType::F32, 4);
  const Expr i = b.p.var(4, "i");
  b.k.body = {make_for(i, LoopKind::Serial, {Store{y, i, b.p.cast(b.load(x, i), DType::F32), {}}})};
  const Kernel* list[] = {&b.k};
  EXPECT_EQ(error_text([&] { c::print(list, opencl::kDialect, {"opencl:7 (Toy)", false}); }),
            "codegen: kernel roots computes in f64 (load), which opencl:7 (Toy) does not");
  Builder broken("broken");
  broken.k.body = {Store{broken.in(DType::F32, 4), broken.n(0), broken.f(0), {}}};
  list[0] = &broken.k;
  EXPECT_THROW(c::print(list, opencl::kDialect, {}), InternalError);
}

TEST(OpenClParts, AKernelOfTooManyBuffersIsRefused) {
  NEEDS_OPENCL;
  runtime::opencl::Device& device = runtime::opencl::device(0);
  const std::size_t most = device.info().max_param_bytes / 16;
  Builder b("many");
  for (std::size_t k = 0; k <= most; ++k)
    b.k.body.push_back(Store{b.out(DType::F32, 1), b.n(0), b.f(1), {}});
  const Kernel* list[] = {&b.k};
  EXPECT_EQ(error_text([&] { opencl::CompiledKernels(list, device); }),
            fmt::format("codegen: kernel many takes {} buffers, a kernel of {} at most {}",
                        most + 1, device.name(), most));
}

}  // namespace
}  // namespace lilith::codegen::testing
