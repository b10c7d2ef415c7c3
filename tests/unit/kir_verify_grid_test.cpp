#include <gtest/gtest.h>

#include <functional>
#include <span>

#include "support/expect_error.h"
#include "support/grid_kernels.h"

// The rules of the GPU form, one broken at a time: where statements stand, who holds a register,
// whose elements a thread and a block touch.
namespace lilith::codegen::testing {
namespace {

using namespace kir;
using lilith::testing::error_text;

struct Parts : kernels::Builder {
  Parts() : Builder("k") { k.threads = 64; }
  BufferId x = in(DType::F32, 4096), y = out(DType::F32, 4096), ids = in(DType::I64, 64);
  BufferId s = kernels::shared(*this, DType::F32, 4096);
  RegId one = k.add_reg("one", DType::F32), all = k.add_reg("all", DType::F32, {64});
  RegId held = k.add_thread_reg("held", DType::F32, {64}, 1);
  RegId row = k.add_thread_reg("row", DType::F32, {8}, 1);
  Expr block = p.var(16, "block"), t = p.var(64, "t"), u = p.var(64, "u"), i = p.var(8, "i");
  Expr j = p.var(8, "j"), e = p.var(4, "e"), v = p.var(4, "v");
  Expr at = block * n(64) + t;

  void grid(Block body) { k.body = {kernels::grid(block, std::move(body))}; }
  Stmt thread(Block body) { return kernels::thread(t, std::move(body)); }
  Stmt rows(Block body) { return kernels::thread(i, j, std::move(body)); }
  Store store(Expr index, Expr value, Expr mask = {}) { return Store{y, index, value, mask}; }
  Store share(Expr index, Expr value, Expr mask = {}) { return Store{s, index, value, mask}; }
  Expr read(RegId r, std::vector<Expr> index = {}) { return p.read(r, DType::F32, index); }
  Accumulate add(RegId r, std::vector<Expr> index, Expr value) {
    return {r, std::move(index), Combine::Add, value, {}, {}};
  }
};

std::shared_ptr<Block> body(Block b) { return std::make_shared<Block>(std::move(b)); }

struct Rule {
  const char* name;
  const char* message;  // empty: it is right
  std::function<void(Parts&)> build;
};

const Rule kForms[] = {
    {"GridOfACpu", "no number of threads",
     [](Parts& b) {
       b.grid({});
       b.k.buffers.pop_back();
       b.k.threads = 0;
     }},
    {"SharedOfACpu", "shared buffer tile3 in a kernel for a CPU",
     [](Parts& b) { b.k.threads = 0; }},
    {"MoreThanAGrid", "its body is grid loops",
     [](Parts& b) {
       b.grid({});
       b.k.body.push_back(Barrier{});
     }},
    {"TooManyThreads", "at most 1024 fit",
     [](Parts& b) {
       b.grid({});
       b.k.threads = 1025;
     }},
    {"Scratch", "a thread has registers alone",
     [](Parts& b) {
       b.grid({});
       b.k.add_buffer("scratch", DType::F32, 4, Space::Thread);
     }},
    {"StoreOfAllThreads", "a store to in1 outside of thread loops",
     [](Parts& b) { b.grid({b.store(b.block, b.f(1))}); }},
    {"VectorOfAllThreads", "neither serial nor unrolled",
     [](Parts& b) { b.grid({make_for(b.e, LoopKind::Vector, {})}); }},
    {"BarrierOfAThread", "a barrier inside a thread loop",
     [](Parts& b) { b.grid({b.thread({Barrier{}})}); }},
    {"BarrierInUniformBranches", "",
     [](Parts& b) {
       const Expr more = lt(b.block, b.n(3));
       b.grid({If{more, body({Barrier{}}), nullptr}, kernels::serial(b.e, {Barrier{}})});
     }},
    {"MoreLanesThanThreads", "has 64 lanes, the block 32 threads",
     [](Parts& b) {
       b.k.threads = 32;
       b.grid({b.thread({})});
     }},
    {"ThreadLoopBesideAStatement", "holds more than that",
     [](Parts& b) {
       b.grid({kernels::thread(b.i, {DeclReg{b.one, b.f(0)}, kernels::thread(b.j, {})})});
     }},
    {"ThreeThreadLoops", "or in two",
     [](Parts& b) {
       b.grid({kernels::thread(b.i, {b.thread({})})});
       b.k.threads = 1024;
       b.k.body[0].loop.body = body({kernels::thread(b.i, b.j, {kernels::thread(b.e, {})})});
     }},
    {"VectorOfEight", "has 8 iterations, not 2 or 4",
     [](Parts& b) { b.grid({b.thread({make_for(b.j, LoopKind::Vector, {})})}); }},
    {"SetOfTheBlocksRegister", "several threads hold it",
     [](Parts& b) { b.grid({DeclReg{b.one, b.f(0)}, b.thread({SetReg{b.one, {}, b.f(1)}})}); }},
    {"SetByAllThreads", "",
     [](Parts& b) { b.grid({DeclReg{b.one, b.f(0)}, SetReg{b.one, {}, b.f(1)}}); }},
    {"SetOfAThreadsRegister", "",
     [](Parts& b) {
       b.grid({DeclReg{b.held, b.f(0)}, b.thread({SetReg{b.held, {b.t}, b.f(1)}})});
     }},
    {"SetOfARowsRegister", "several threads hold it",
     [](Parts& b) { b.grid({DeclReg{b.row, b.f(0)}, b.rows({SetReg{b.row, {b.i}, b.f(1)}})}); }},
    {"AnotherThreadsRegister", "thread dimension 0 is not indexed by t",
     [](Parts& b) {
       b.grid(
           {DeclReg{b.held, b.f(0)}, b.thread({b.store(b.at, b.read(b.held, {b.n(63) - b.t}))})});
     }},
    {"ThreadsRegisterOfAllThreads", "which threads hold, outside of thread loops",
     [](Parts& b) { b.grid({DeclReg{b.held, b.f(0)}, DeclReg{b.one, b.read(b.held, {b.n(0)})}}); }},
    {"RegisterHeldByOthersElsewhere", "1 threads hold an element here, 8 elsewhere",
     [](Parts& b) {
       b.grid({DeclReg{b.row, b.f(0)}, b.rows({b.add(b.row, {b.i}, b.f(1))}),
               kernels::thread(b.i, {b.add(b.row, {b.i}, b.f(1))})});
     }},
    {"ShorterThanTheLoop", "dimension 0 is 8, loop t runs to 64",
     [](Parts& b) { b.grid({DeclReg{b.row, b.f(0)}, b.thread({b.add(b.row, {b.t}, b.f(1))})}); }},
    {"DeclaredByAThread", "has thread dimensions in a thread loop",
     [](Parts& b) { b.grid({b.thread({DeclReg{b.held, b.f(0)}})}); }},
    {"ReadOfAPartialSum", "whose lanes accumulate into it",
     [](Parts& b) {
       b.grid({DeclReg{b.one, b.f(0)}, b.thread({b.add(b.one, {}, b.read(b.one))})});
     }},
    {"TwoWaysOfAccumulating", "in two ways in one thread loop",
     [](Parts& b) {
       b.grid({DeclReg{b.one, b.f(0)},
               b.thread({b.add(b.one, {}, b.f(1)),
                         Accumulate{b.one, {}, Combine::Max, b.f(1), {}, {}}})});
     }},
    {"ReadOfTheBlocksArray", "",
     [](Parts& b) {
       b.grid({DeclReg{b.all, b.f(0)}, b.thread({b.store(b.at, b.read(b.all, {b.n(63) - b.t}))})});
     }},
};

const Rule kRaces[] = {
    {"OwnElements", "", [](Parts& b) { b.grid({b.thread({b.store(b.at, b.f(1))})}); }},
    {"NeighboursElement", "may touch each other's elements of tile3: [t] and [(t + 1)]",
     [](Parts& b) { b.grid({b.thread({b.share(b.t, b.load(b.s, b.t + b.n(1)))})}); }},
    {"OneElementOfAll", "may touch each other's elements of in1",
     [](Parts& b) { b.grid({b.thread({b.store(b.block, b.f(1))})}); }},
    {"OneThreadStores", "",
     [](Parts& b) { b.grid({b.thread({b.store(b.block, b.f(1), eq(b.t, b.n(5)))})}); }},
    {"TheFirstThreadStores", "",
     [](Parts& b) { b.grid({b.thread({b.store(b.block, b.f(1), lt(b.t, b.n(1)))})}); }},
    {"TheFirstTwoThreadsStore", "may touch each other's elements of in1",
     [](Parts& b) { b.grid({b.thread({b.store(b.block, b.f(1), lt(b.t, b.n(2)))})}); }},
    {"OneThreadStoresInABranch", "",
     [](Parts& b) {
       const Expr first = eq(b.t, b.n(0));
       b.grid({b.thread({If{first, body({b.store(b.block, b.f(1))}), nullptr}})});
     }},
    {"TheOthersStore", "may touch each other's",
     [](Parts& b) {
       const Expr first = eq(b.t, b.n(0));
       b.grid({b.thread({If{first, body({}), body({b.store(b.block, b.f(1))})}})});
     }},
    {"EvenAndOddElements", "",
     [](Parts& b) {
       b.grid({b.thread({b.share(b.t * b.n(2), b.f(1)), b.share(b.t * b.n(2) + b.n(1), b.f(1))})});
     }},
    {"OverlappingRuns", "may touch each other's",
     [](Parts& b) {
       b.grid({b.thread({kernels::serial(b.e, {b.share(b.t * b.n(3) + b.e, b.f(1))})})});
     }},
    {"RunsThatAMaskCuts", "",
     [](Parts& b) {
       b.grid({b.thread(
           {kernels::serial(b.e, {b.share(b.t * b.n(3) + b.e, b.f(1), lt(b.e, b.n(3)))})})});
     }},
    {"AMaskThatIsReadProvesNothing", "may touch each other's",
     [](Parts& b) {
       b.k.buffers[static_cast<std::size_t>(b.ids)].written = true;
       const Expr mask = lt(b.load(b.ids, b.n(0)) + b.e, b.n(3));
       b.grid({b.thread({kernels::serial(b.e, {b.share(b.t * b.n(3) + b.e, b.f(1), mask)})})});
     }},
    {"RowsOfTiles", "",
     [](Parts& b) {
       const Expr at = b.e * b.n(64) + b.t;
       b.grid({b.thread({kernels::serial(
           b.e, {b.share(floor_div(at, 16) * b.n(17) + floor_mod(at, 16), b.f(1))})})});
     }},
    {"HalfOfTheThreadIsLost", "may touch each other's",
     [](Parts& b) { b.grid({b.thread({b.share(floor_div(b.t, 2), b.f(1))})}); }},
    {"PlacesThatAreRead", "",
     [](Parts& b) { b.grid({b.thread({b.share(b.load(b.ids, b.t), b.f(1))})}); }},
    {"PlacesThatAreReadAndOthers", "may touch each other's",
     [](Parts& b) { b.grid({b.thread({b.share(b.load(b.ids, b.t), b.load(b.s, b.t))})}); }},
    {"TwoLoopsStore", "no barrier between thread loop t and thread loop u",
     [](Parts& b) {
       b.grid({b.thread({b.share(b.t, b.f(1))}), kernels::thread(b.u, {b.share(b.u, b.f(2))})});
     }},
    {"TwoLoopsRead", "",
     [](Parts& b) {
       const Block use = {b.store(b.at, b.load(b.s, b.n(0)))};
       const Block more = {b.store(b.at, b.load(b.s, b.n(1)))};
       b.grid(
           {b.thread({b.share(b.t, b.f(1))}), Barrier{}, b.thread(use), Barrier{}, b.thread(more)});
     }},
    {"ABarrierOnOneWay", "no barrier between",
     [](Parts& b) {
       b.grid({b.thread({b.share(b.t, b.f(1))}),
               If{lt(b.block, b.n(2)), body({Barrier{}}), nullptr},
               kernels::thread(b.u, {b.share(b.u, b.f(2))})});
     }},
    {"ABarrierOnBothWays", "",
     [](Parts& b) {
       b.grid({b.thread({b.share(b.t, b.f(1))}),
               If{lt(b.block, b.n(2)), body({Barrier{}}), body({Barrier{}})},
               kernels::thread(b.u, {b.share(b.u, b.f(2))})});
     }},
    {"TheLoopsEndToItsBeginning", "no barrier between thread loop u and thread loop t",
     [](Parts& b) {
       b.grid({kernels::serial(b.e, {
                                        b.thread({b.share(b.t, b.f(1))}),
                                        Barrier{},
                                        kernels::thread(b.u, {b.store(b.block * b.n(64) + b.u,
                                                                      b.load(b.s, b.n(63) - b.u))}),
                                    })});
     }},
    {"ReadByAllThreads", "no barrier between thread loop t and a statement outside",
     [](Parts& b) {
       b.grid({b.thread({b.share(b.t, b.f(1))}), DeclReg{b.one, b.load(b.s, b.n(0))}});
     }},
    {"ConditionOfAWhile",
     "no barrier between a statement outside of thread loops and thread loop t",
     [](Parts& b) {
       const Expr more = lt(b.load(b.s, b.n(0)), b.f(1));
       b.grid({While{more, body({b.thread({b.share(b.t, b.f(2))}), Barrier{}})}});
     }},
    {"OneElementOfAllBlocks", "blocks may touch each other's elements of in1: [t] and [t]",
     [](Parts& b) { b.grid({b.thread({b.store(b.t, b.f(1))})}); }},
    {"OverlappingBlocks", "blocks may touch each other's",
     [](Parts& b) { b.grid({b.thread({b.store(b.block * b.n(63) + b.t, b.f(1))})}); }},
    {"AnotherBlocksElement", "blocks may touch each other's",
     [](Parts& b) { b.grid({b.thread({b.store(b.at, b.load(b.y, b.at + b.n(64)))})}); }},
    {"OneBlock", "",
     [](Parts& b) {
       b.k.body = {kernels::grid(b.p.var(1, "only"), {b.thread({b.store(b.t, b.f(1))})})};
     }},
    {"PlacesOfBlocksThatAreRead", "",
     [](Parts& b) { b.grid({b.thread({b.store(b.load(b.ids, b.block) + b.t, b.f(1))})}); }},
    {"BlocksOfThreeDimensions", "",
     [](Parts& b) {
       const Expr n3 = floor_mod(b.block, 2), n2 = floor_mod(floor_div(b.block, 2), 2);
       const Expr n1 = floor_div(b.block, 4);
       b.grid({b.thread({b.store(n2 * b.n(2048) + n3 * b.n(64) + n1 * b.n(128) + b.t, b.f(1))})});
     }},
    {"ADimensionOfBlocksIsLost", "blocks may touch each other's",
     [](Parts& b) {
       const Expr n3 = floor_mod(b.block, 2), n1 = floor_div(b.block, 4);
       b.grid({b.thread({b.store(n3 * b.n(64) + n1 * b.n(128) + b.t, b.f(1))})});
     }},
};

void check(std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
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

TEST(KirVerifyGrid, Forms) { check(kForms); }
TEST(KirVerifyGrid, Races) { check(kRaces); }

}  // namespace
}  // namespace lilith::codegen::testing
