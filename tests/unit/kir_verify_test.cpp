#include <gtest/gtest.h>

#include <functional>

#include "kernel_ir/kernel.h"
#include "lilith/error.h"

namespace lilith::kir {
namespace {

/// A small correct kernel and its parts, to be broken one rule at a time.
struct Parts {
  Kernel k;
  Pool& p = *k.pool;
  BufferId in = k.add_buffer("in", DType::F32, 8), out = k.add_buffer("out", DType::F32, 8);
  RegId r = k.add_reg("r", DType::F32), array = k.add_reg("array", DType::F32, {4});
  Expr i = p.var(8, "i"), j = p.var(4, "j"), zero = p.integer(0), one = p.constant(DType::F32, 1);
  Parts() { k.buffers[1].written = true; }

  Stmt loop(Block body, LoopKind kind = LoopKind::Serial) {
    return make_for(i, kind, std::move(body));
  }
  Store store(Expr value) { return Store{out, i, value, {}}; }
  Expr given(Op op, DType dtype, std::vector<Expr> args) {
    ExprNode n{};
    n.op = op;
    n.dtype = dtype;
    n.args = std::move(args);
    return p.intern(std::move(n));
  }
};

std::shared_ptr<Block> block(Block b) { return std::make_shared<Block>(std::move(b)); }

TEST(KirVerify, AcceptsACorrectKernel) {
  Parts t;
  t.k.body = {DeclReg{t.r, t.one},
              t.loop({t.store(t.p.load(t.in, DType::F32, t.i) + t.p.read(t.r, DType::F32))},
                     LoopKind::Parallel)};
  EXPECT_NO_THROW(verify(t.k));
}

struct Rule {
  const char* name;
  const char* message;
  std::function<void(Parts&)> build;
};

const std::vector<Rule>& rules() {
  static const std::vector<Rule> kRules = {
      {"VariableOutsideItsLoop", "outside its loop", [](Parts& t) { t.k.body = {t.store(t.one)}; }},
      {"VariableBoundTwice", "bound already",
       [](Parts& t) { t.k.body = {t.loop({t.loop({t.store(t.one)})})}; }},
      {"LoopBeyondItsVariable", "variable's extent",
       [](Parts& t) { t.k.body = {For{t.i, 9, LoopKind::Serial, block({t.store(t.one)})}}; }},
      {"LoopWithoutBody", "without a body",
       [](Parts& t) { t.k.body = {For{t.i, 8, LoopKind::Serial, nullptr}}; }},
      {"LoopWithoutVariable", "without a variable",
       [](Parts& t) { t.k.body = {For{t.zero, 8, LoopKind::Serial, block({})}}; }},
      {"ParallelInside", "not outermost",
       [](Parts& t) {
         t.k.body = {
             make_for(t.j, LoopKind::Serial, {t.loop({t.store(t.one)}, LoopKind::Parallel)})};
       }},
      {"VectorInsideVector", "inside another",
       [](Parts& t) {
         t.k.body = {make_for(t.j, LoopKind::Vector, {t.loop({t.store(t.one)}, LoopKind::Vector)})};
       }},
      {"WhileInsideVector", "while loop inside a vector loop",
       [](Parts& t) {
         const Expr c = lt(t.p.load(t.in, DType::F32, t.zero), t.one);
         t.k.body = {t.loop({While{c, block({})}}, LoopKind::Vector)};
       }},
      {"BarrierInALoop", "barrier inside", [](Parts& t) { t.k.body = {t.loop({Barrier{}})}; }},
      {"ConditionNoBool", "needed bool",
       [](Parts& t) { t.k.body = {If{t.zero, block({}), nullptr}}; }},
      {"StoreToReadOnly", "not marked as written",
       [](Parts& t) { t.k.body = {Store{t.in, t.zero, t.one, {}}}; }},
      {"StoreOfAnotherDtype", "is i64, needed f32",
       [](Parts& t) { t.k.body = {Store{t.out, t.zero, t.zero, {}}}; }},
      {"StoreToNoBuffer", "no buffer 7",
       [](Parts& t) { t.k.body = {Store{7, t.zero, t.one, {}}}; }},
      {"StoreWithoutValue", "is missing",
       [](Parts& t) { t.k.body = {Store{t.out, t.zero, {}, {}}}; }},
      {"IndexNoI64", "needed i64",
       [](Parts& t) { t.k.body = {Store{t.out, t.p.integer(0, DType::I32), t.one, {}}}; }},
      {"LoadAsAnotherDtype", "a load of in (f32) as f64",
       [](Parts& t) {
         t.k.body = {
             Store{t.out, t.zero, t.p.cast(t.p.load(t.in, DType::F64, t.zero), DType::F32), {}}};
       }},
      {"LoadMaskNoBool", "the mask is no bool",
       [](Parts& t) { t.k.body = {t.loop({t.store(t.p.load(t.in, DType::F32, t.zero, t.i))})}; }},
      {"RegisterBeforeItsLife", "outside its life",
       [](Parts& t) { t.k.body = {Store{t.out, t.zero, t.p.read(t.r, DType::F32), {}}}; }},
      {"RegisterAfterItsLife", "outside its life",
       [](Parts& t) { t.k.body = {t.loop({DeclReg{t.r, t.one}}), SetReg{t.r, {}, t.one}}; }},
      {"RegisterDeclaredTwice", "declared twice",
       [](Parts& t) { t.k.body = {DeclReg{t.r, t.one}, DeclReg{t.r, t.one}}; }},
      {"RegisterOfHalfs", "exists in memory alone", [](Parts& t) { t.k.add_reg("h", DType::F16); }},
      {"RegisterRank", "2 indices for 1 dimensions",
       [](Parts& t) {
         t.k.body = {DeclReg{t.array, t.one}, SetReg{t.array, {t.zero, t.zero}, t.one}};
       }},
      {"RegisterIndexOutside", "outside dimension 0",
       [](Parts& t) {
         t.k.body = {DeclReg{t.array, t.one}, SetReg{t.array, {t.p.integer(4)}, t.one}};
       }},
      {"RegisterReadRank", "0 indices for 1 dimensions",
       [](Parts& t) {
         t.k.body = {DeclReg{t.array, t.one},
                     Store{t.out, t.zero, t.p.read(t.array, DType::F32), {}}};
       }},
      {"NoRegister", "no register 9", [](Parts& t) { t.k.body = {SetReg{9, {}, t.one}}; }},
      {"AccumulateFactorNeedsAdd", "a factor needs add",
       [](Parts& t) {
         t.k.body = {DeclReg{t.r, t.one}, Accumulate{t.r, {}, Combine::Max, t.one, t.one, {}}};
       }},
      {"AccumulateBitsOfFloat", "bits of a float",
       [](Parts& t) {
         t.k.body = {DeclReg{t.r, t.one}, Accumulate{t.r, {}, Combine::Or, t.one, {}, {}}};
       }},
      {"AnotherPool", "another kernel's pool",
       [](Parts& t) {
         static Pool other;
         t.k.body = {Store{t.out, t.zero, other.constant(DType::F32, 1), {}}};
       }},
      {"MixedOperands", "has an operand of f64",
       [](Parts& t) {
         const Expr d = t.p.constant(DType::F64, 1);
         t.k.body = {Store{t.out, t.zero, t.given(Op::Add, DType::F32, {t.one, d}), {}}};
       }},
      {"OperandCount", "add of 1 operands",
       [](Parts& t) {
         t.k.body = {Store{t.out, t.zero, t.given(Op::Add, DType::F32, {t.one}), {}}};
       }},
      {"BitsOfAFloat", "xor of f32",
       [](Parts& t) {
         t.k.body = {Store{t.out, t.zero, t.given(Op::Xor, DType::F32, {t.one, t.one}), {}}};
       }},
      {"RootOfAnInteger", "sqrt of i64",
       [](Parts& t) {
         const Expr root = t.given(Op::Sqrt, DType::I64, {t.zero});
         t.k.body = {Store{t.out, root, t.one, {}}};
       }},
      {"BitcastOfAnotherSize", "bitcast of f32 to i64",
       [](Parts& t) {
         t.k.body = {Store{t.out, t.given(Op::Bitcast, DType::I64, {t.one}), t.one, {}}};
       }},
      {"SelectByNumber", "select by f32",
       [](Parts& t) {
         t.k.body = {
             Store{t.out, t.zero, t.given(Op::Select, DType::F32, {t.one, t.one, t.one}), {}}};
       }},
      {"ComparisonNoBool", "lt gives f32",
       [](Parts& t) {
         t.k.body = {Store{t.out, t.zero, t.given(Op::Lt, DType::F32, {t.one, t.one}), {}}};
       }},
      {"PrefetchInALane", "a prefetch inside a vector loop",
       [](Parts& t) { t.k.body = {t.loop({Prefetch{t.in, t.i}}, LoopKind::Vector)}; }},
      {"NegativeSize", "has size -1", [](Parts& t) { t.k.add_buffer("bad", DType::F32, -1); }},
  };
  return kRules;
}

class KirVerifyRule : public ::testing::TestWithParam<std::size_t> {};

TEST_P(KirVerifyRule, Throws) {
  const Rule& rule = rules()[GetParam()];
  Parts t;
  rule.build(t);
  try {
    verify(t.k);
    FAIL() << rule.name << " passed";
  } catch (const InternalError& e) {
    EXPECT_NE(std::string(e.what()).find(rule.message), std::string::npos) << e.what();
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, KirVerifyRule, ::testing::Range(std::size_t{0}, rules().size()),
                         [](const auto& info) { return std::string(rules()[info.param].name); });

TEST(KirVerify, OperatorsRefuseMixedDtypes) {
  Parts t;
  EXPECT_THROW(t.one + t.zero, InternalError);
  EXPECT_THROW(lt(t.one, t.zero), InternalError);
  EXPECT_THROW(t.one.as_int(), InternalError);
}

}  // namespace
}  // namespace lilith::kir
