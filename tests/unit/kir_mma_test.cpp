// Products by warps: the rules, the interpreter, and what is printed of them.
#include "codegen/cuda/dialect.h"
#include "codegen/opencl/dialect.h"
#include "support/expect_error.h"
#include "support/mma_kernels.h"
#include "support/nvrtc.h"
#include "support/opencl_run.h"

namespace lilith::codegen::testing {
namespace {

using namespace kir;
using kernels::GridCase;
using lilith::testing::error_text;

const std::vector<DType> kDtypes = {DType::F32, DType::F16, DType::BF16};

std::vector<Kernel> mma_kernels() {
  std::vector<Kernel> all;
  for (const DType d : kDtypes) all.push_back(kernels::warp_product(d).kernel);
  all.push_back(kernels::one_warp_of_three());
  return all;
}

Inputs run(const Kernel& k, Inputs values, RunOrder order) {
  std::vector<void*> pointers;
  for (auto& v : values) pointers.push_back(v.data());
  interpret(k, pointers, order);
  return values;
}

TEST(KirMma, EachLaneHoldsItsPartOfAPlainProduct) {
  for (const DType d : kDtypes) {
    const GridCase c = kernels::warp_product(d);
    const Inputs in = random_inputs(c.kernel), out = run(c.kernel, in, {});
    const std::vector<double> want = c.plain(in)[2], got = kernels::numbers(out[2]);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i)
      ASSERT_LE(std::abs(got[i] - want[i]), c.tolerance * (1 + std::abs(want[i])))
          << c.kernel.name << " at " << i;
  }
}

TEST(KirMma, ThreadsAndBlocksRunInAnyOrder) {
  for (const Kernel& k : mma_kernels()) {
    EXPECT_EQ(error_text([&] { verify(k); }), "no error") << to_string(k);
    const Inputs in = random_inputs(k), want = run(k, in, {});
    EXPECT_EQ(run(k, in, {true, true}), want) << k.name;
  }
}

TEST(KirMma, CanonicalFormsTellThemApart) {
  std::vector<Kernel> all = mma_kernels();
  Kernel& last = all.back();
  const std::string form = canonical_form(last);
  EXPECT_EQ(form, canonical_form(kernels::one_warp_of_three()));
  last.body[0].loop.body->back().loop.body->at(1).mma.b.along = 2;
  EXPECT_NE(form, canonical_form(last));
}

TEST(KirMma, IsOneLine) {
  const std::string text = to_string(kernels::one_warp_of_three());
  EXPECT_NE(text.find("      acc <- mma tile2[0 + 8 row + 1 k], tile2[0 + 8 column + 1 k]\n"),
            std::string::npos)
      << text;
}

struct Parts : kernels::Builder {
  Parts() : Builder("k") { k.threads = 64; }
  BufferId x = in(DType::F32, 4096), f32 = kernels::shared(*this, DType::F32, 256);
  BufferId f16 = kernels::shared(*this, DType::F16, 512);
  RegId acc = k.add_thread_reg("acc", DType::F32, {2, 32, 1, 1, 4}, 2);
  RegId held = k.add_thread_reg("held", DType::F32, {2, 1, 1, 4}, 1);
  RegId own = k.add_reg("own", DType::F32, {1, 1, 4}), wide = k.add_reg("wide", DType::F64, {4});
  Expr block = p.var(16, "block"), w = p.var(2, "w"), lane = p.var(32, "lane");
  Expr i = p.var(4, "i"), j = p.var(16, "j");

  MmaOperand of(BufferId b, Expr at, std::int64_t across = 8) { return {b, at, across, 1}; }
  Mma mma() { return {acc, {w, lane}, of(f32, n(0)), of(f32, n(128))}; }
  /// A nest of warps behind the declarations.
  void warps(Block inside) {
    k.body = {kernels::grid(block, {DeclReg{acc, f(0)}, DeclReg{held, f(0)},
                                    kernels::thread(w, lane, std::move(inside))})};
  }
};

struct Rule {
  const char* name;
  const char* message;  // empty: it is right
  std::function<void(Parts&)> build;
};

const Rule kRules[] = {
    {"Right", "", [](Parts& b) { b.warps({b.mma()}); }},
    {"InALoop", "", [](Parts& b) { b.warps({kernels::serial(b.i, {b.mma()})}); }},
    {"OfACpu", "has an mma and no number of threads",
     [](Parts& b) {
       b.k.threads = 0;
       b.k.body = {DeclReg{b.own, b.f(0)},
                   Mma{b.own, {}, b.of(b.f32, b.n(0)), b.of(b.f32, b.n(0))}};
     }},
    {"OfAllThreads", "an mma outside of thread loops",
     [](Parts& b) {
       b.k.body = {kernels::grid(
           b.block,
           {DeclReg{b.own, b.f(0)}, Mma{b.own, {}, b.of(b.f32, b.n(0)), b.of(b.f32, b.n(0))}})};
     }},
    {"InABranch", "that not all threads of a warp may run",
     [](Parts& b) {
       const auto some = std::make_shared<Block>(Block{b.mma()});
       b.warps({If{lt(b.w, b.n(1)), some, nullptr}});
     }},
    {"InAVectorLoop", "that not all threads of a warp may run",
     [](Parts& b) { b.warps({make_for(b.i, LoopKind::Vector, {b.mma()})}); }},
    {"HalfAWarp", "which has 16 lanes, not a warp's 32",
     [](Parts& b) {
       b.k.body = {kernels::grid(
           b.block, {kernels::thread(b.w, b.j,
                                     {DeclReg{b.own, b.f(0)},
                                      Mma{b.own, {}, b.of(b.f32, b.n(0)), b.of(b.f32, b.n(0))}})})};
     }},
    {"OfARow", "of which not each thread has its own",
     [](Parts& b) { b.warps({Mma{b.held, {b.w}, b.of(b.f32, b.n(0)), b.of(b.f32, b.n(0))}}); }},
    {"AnotherLanesRegister", "thread dimension 1 is not indexed by lane",
     [](Parts& b) {
       b.warps({Mma{b.acc, {b.w, b.n(0)}, b.of(b.f32, b.n(0)), b.of(b.f32, b.n(0))}});
     }},
    {"NoTile", "no f32 of dimensions [mi][ni][4]",
     [](Parts& b) {
       b.warps({DeclReg{b.wide, b.p.constant(DType::F64, 0)},
                Mma{b.wide, {}, b.of(b.f32, b.n(0)), b.of(b.f32, b.n(0))}});
     }},
    {"OfTwoDtypes", "mma of f32 and f16",
     [](Parts& b) {
       b.warps({Mma{b.acc, {b.w, b.lane}, b.of(b.f32, b.n(0)), b.of(b.f16, b.n(0))}});
     }},
    {"OfDeviceMemory", "mma reads in0, which is not shared",
     [](Parts& b) {
       b.warps({Mma{b.acc, {b.w, b.lane}, b.of(b.x, b.n(0)), b.of(b.f32, b.n(0))}});
     }},
    {"LeavesItsBuffer", "mma leaves tile1: from [136, 136] to 127 more, size 256",
     [](Parts& b) {
       b.warps({Mma{b.acc, {b.w, b.lane}, b.of(b.f32, b.n(136)), b.of(b.f32, b.n(0))}});
     }},
    {"OddHalves", "pairs of halves are no words",
     [](Parts& b) {
       b.warps({Mma{b.acc, {b.w, b.lane}, b.of(b.f16, b.w, 16), b.of(b.f16, b.n(0), 16)}});
     }},
    {"HalvesInColumns", "pairs of halves are no words",
     [](Parts& b) {
       b.warps({Mma{b.acc, {b.w, b.lane}, {b.f16, b.n(0), 2, 16}, b.of(b.f16, b.n(0), 16)}});
     }},
    {"EachLanesOwnPlace", "an mma reads at [lane], which may differ in a warp",
     [](Parts& b) {
       b.warps({Mma{b.acc, {b.w, b.lane}, b.of(b.f32, b.lane), b.of(b.f32, b.n(0))}});
     }},
    {"StoresWhatItReads", "threads of loop w store to tile1, which an mma of theirs reads",
     [](Parts& b) { b.warps({b.mma(), Store{b.f32, b.w * b.n(32) + b.lane, b.f(1), {}}}); }},
    {"NoBarrier",
     "no barrier between thread loop i and thread loop w, one of which stores to tile1",
     [](Parts& b) {
       b.warps({b.mma()});
       Block& grid = *b.k.body[0].loop.body;
       grid.insert(grid.begin(), kernels::thread(b.i, {Store{b.f32, b.i, b.f(1), {}}}));
     }},
};

TEST(KirMma, Rules) {
  for (const Rule& rule : kRules) {
    Parts b;
    rule.build(b);
    const std::string text = error_text([&] { verify(b.k); });
    if (*rule.message == '\0') {
      EXPECT_EQ(text, "no error") << rule.name;
    } else {
      EXPECT_NE(text.find(rule.message), std::string::npos) << rule.name << ": " << text;
    }
  }
}

TEST(KirMma, OpenClGivesTheInterpretersBits) {
  NEEDS_OPENCL;
  std::vector<KernelCase> all;
  for (Kernel& k : mma_kernels()) all.push_back({std::move(k)});
  check_on_opencl(all);
}

std::string text_of(const Kernel& k, const c::Dialect& dialect) {
  const Kernel* list[] = {&k};
  return c::print(list, dialect, {}).text;
}

TEST(KirMma, CudaHasTheInstructionAndItsFunctionsWhereTheyAreNeeded) {
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  const char* calls[] = {"mma_tf32(r0, (b3 + x6 * 8), 36, 1, (b4 + ", "mma_f16(r0, (const u32*)",
                         "mma_bf16(r0, (const u32*)"};
  for (std::size_t d = 0; d < kDtypes.size(); ++d) {
    const std::string text = text_of(kernels::warp_product(kDtypes[d]).kernel, cuda::kDialect);
    EXPECT_TRUE(has(text, "mma.sync.aligned.")) << text;
    EXPECT_TRUE(has(text, calls[d])) << text;
  }
  EXPECT_FALSE(has(text_of(kernels::matmul().kernel, cuda::kDialect), "mma"));
  EXPECT_FALSE(has(text_of(kernels::one_warp_of_three(), opencl::kDialect), "mma_"));
}

// Four products of 16x8 a step of 8 words, four steps a slice, all written out; nothing is spilled.
TEST(KirMma, NvrtcMakesTensorInstructionsOfIt) {
  NEEDS_NVRTC;
  for (const DType d : kDtypes) {
    const std::string text = text_of(kernels::warp_product(d).kernel, cuda::kDialect);
    for (const int architecture : {80, 90, 100}) {
      const runtime::cuda::Compiled out = runtime::cuda::compile(text, architecture, true);
      const int wanted = d == DType::F32 ? 16 : 8;  // the loop over slices may be unrolled
      const int found = lilith::testing::tensor_instructions(out.cubin);
      EXPECT_TRUE(found >= wanted && found % wanted == 0)
          << found << " of " << name(d) << " sm_" << architecture;
      const auto use = runtime::cuda::usage_of(out.log);
      ASSERT_EQ(use.size(), 1u) << out.log;
      EXPECT_EQ(use[0].spilled, 0) << out.log;
      EXPECT_LE(use[0].registers, 64) << out.log;
    }
  }
}

}  // namespace
}  // namespace lilith::codegen::testing
