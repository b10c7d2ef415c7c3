#include <gtest/gtest.h>

#include "core/env.h"
#include "lilith/device.h"
#include "lilith/error.h"
#include "lilith/shape.h"
#include "support/expect_error.h"

namespace lilith {
namespace {

using testing::error_text;

Loc at(const char* file, std::uint32_t line) {
  Loc loc;
  loc.file = file;
  loc.line = line;
  return loc;
}

TEST(Error, EndsWithTheUsersLine) {
  LocScope scope(at("/home/u/train.cpp", 42), nullptr);
  EXPECT_EQ(error_text([] { fail("exp: got {}", 3); }), "exp: got 3 (train.cpp:42)");
}

TEST(Error, ControlBytesAreShown) {
  EXPECT_EQ(error_text([] { fail("load: '{}'", "\x1b[31m\r\x7f\n\t\u00e9"); }),
            "load: '\\x1b[31m\\x0d\\x7f\n\t\u00e9'");
}

TEST(Error, NamesTheOutermostFunction) {
  LocScope scope(at("train.cpp", 42), "softmax");
  LocScope inner(at("softmax.cpp", 1), "exp");
  EXPECT_EQ(error_text([] { fail("exp: got {}", 3); }), "softmax: got 3 (train.cpp:42)");
  EXPECT_EQ(error_text([] { fail("ops::exp: got 3"); }), "softmax: got 3 (train.cpp:42)");
  EXPECT_EQ(error_text([] { fail("init::softmax: got 3"); }),
            "init::softmax: got 3 (train.cpp:42)");
  // What does not begin with one name stays.
  EXPECT_EQ(error_text([] { fail("vjp of 'exp': 3"); }), "vjp of 'exp': 3 (train.cpp:42)");
  EXPECT_EQ(error_text([] { fail("data<float>: 3"); }), "data<float>: 3 (train.cpp:42)");
  EXPECT_EQ(error_text([] { fail("no name"); }), "no name (train.cpp:42)");
}

struct Called {
  std::string operator()() const {
    LocScope scope(at("a.cpp", 1));
    return name(LocScope::current());
  }
  std::string operator_name() const {
    LocScope scope(at("a.cpp", 1));
    return name(LocScope::current());
  }
  static std::string name(Loc loc) { return loc.op ? loc.op : "none"; }
};

TEST(Error, AScopeTakesTheNameOfItsFunctionButOfAnOperator) {
  EXPECT_EQ(Called{}(), "none");
  EXPECT_EQ(Called{}.operator_name(), "operator_name");
}

TEST(Error, AFallbackGivesTheLineWhereNoScopeHasOne) {
  LocScope::Fallback outer(at("a.cpp", 1));
  EXPECT_EQ(LocScope::current().str(), "a.cpp:1");
  {
    LocScope::Fallback none{Loc()};
    EXPECT_EQ(LocScope::current().str(), "a.cpp:1");
    LocScope::Fallback inner(at("b.cpp", 2));
    EXPECT_EQ(error_text([] { fail("exp: got 3"); }), "exp: got 3 (b.cpp:2)");
    EXPECT_EQ(error_text([] { throw Error("exp: got 3"); }), "exp: got 3 (b.cpp:2)");
    LocScope scope(at("c.cpp", 3), nullptr);
    EXPECT_EQ(error_text([] { fail("exp: got 3"); }), "exp: got 3 (c.cpp:3)");
  }
  EXPECT_EQ(LocScope::current().str(), "a.cpp:1");
}

TEST(Error, OutermostLocationWins) {
  LocScope outer(at("a.cpp", 1));
  {
    LocScope inner(at("b.cpp", 2));
    EXPECT_EQ(LocScope::current().str(), "a.cpp:1");
    LocScope::Override other(at("c.cpp", 3));
    EXPECT_EQ(LocScope::current().str(), "c.cpp:3");
  }
  EXPECT_EQ(LocScope::current().str(), "a.cpp:1");
}

TEST(Error, ScopeWithoutLocationLeavesRoomForAnInnerOne) {
  LocScope outer{Loc()};
  LocScope inner(at("b.cpp", 2));
  EXPECT_EQ(LocScope::current().str(), "b.cpp:2");
}

TEST(Error, InternalErrorSaysWhoseFaultItIs) {
  EXPECT_STREQ(InternalError("%1 is wrong").what(),
               "internal error: %1 is wrong. This is a Lilith bug; rerun with LILITH_DUMP=dir.");
  EXPECT_STREQ(InternalError("internal error after pass 'cse': bad").what(),
               "internal error after pass 'cse': bad. This is a Lilith bug; rerun with "
               "LILITH_DUMP=dir.");
}

TEST(Device, AbsentOnesListThosePresent) {
  EXPECT_THROW(cuda(7), DeviceError);
  const std::string text = error_text([] { opencl(203); });
  EXPECT_TRUE(text.starts_with("opencl(203): there is no device opencl:203")) << text;
  EXPECT_NE(text.find("; the devices are: cpu"), text.npos) << text;
  const std::vector<Device> all = devices();
  EXPECT_NE(std::find(all.begin(), all.end(), best_available_device()), all.end());
}

TEST(Shape, EditsAndMeasures) {
  Shape s{2, 3, 4};
  EXPECT_EQ(s.str(), "[2,3,4]");
  EXPECT_EQ(s.numel(), 24);
  EXPECT_EQ(s.strides(), (Shape{12, 4, 1}));
  s.insert(1, 7);
  EXPECT_EQ(s, (Shape{2, 7, 3, 4}));
  s.erase(0);
  EXPECT_EQ(s, (Shape{7, 3, 4}));
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_EQ(error_text([] { Shape(std::vector<std::int64_t>(13, 1)); }),
            "shape: 13 dimensions; at most 12 are supported");
}

TEST(Shape, SizesAreReadFromBothEnds) {
  Shape s{2, 3};
  EXPECT_EQ(s[0], 2);
  EXPECT_EQ(s[-1], 3);
  EXPECT_EQ(s.back(), 3);
  s[-2] = 5;
  EXPECT_EQ(s, (Shape{5, 3}));
  EXPECT_EQ(error_text([&] { static_cast<void>(s[2]); }),
            "shape: dimension 2 is out of range for [5,3]; need -2 <= i < 2");
  EXPECT_EQ(error_text([&] { static_cast<void>(s[-3]); }),
            "shape: dimension -3 is out of range for [5,3]; need -2 <= i < 2");
  EXPECT_EQ(error_text([] { static_cast<void>(Shape{}.back()); }),
            "shape: dimension -1 of a scalar, whose shape is []");
}

struct EnvTest : ::testing::Test {
  void TearDown() override {
    env::set("LILITH_DEBUG", "");
    env::set("LILITH_DISABLE", "");
  }
};

TEST_F(EnvTest, DebugLevelsAreFilteredByTopic) {
  env::set("LILITH_DEBUG", "1;5,codegen");
  EXPECT_TRUE(env::debug(1));
  EXPECT_FALSE(env::debug(2));
  EXPECT_TRUE(env::debug(5, "codegen/llvm"));
  EXPECT_FALSE(env::debug(6, "codegen/llvm"));
  EXPECT_FALSE(env::debug(5, "passes"));
}

TEST_F(EnvTest, DisabledNamesAreAList) {
  env::set("LILITH_DISABLE", "fuse, cse");
  EXPECT_TRUE(env::disabled("fuse"));
  EXPECT_TRUE(env::disabled("cse"));
  EXPECT_FALSE(env::disabled("dce"));
}

TEST_F(EnvTest, WrongValuesAreErrors) {
  EXPECT_EQ(error_text([] { env::set("LILITH_DEBUG", "high"); }),
            "LILITH_DEBUG: 'high' is no whole number");
  EXPECT_THROW(env::text("LILITH_NO_SUCH"), InternalError);
}

TEST_F(EnvTest, HelpNamesEveryVariable) {
  const std::string help = env::help();
  for (const char* name : {"LILITH_DEBUG", "LILITH_NUM_THREADS", "LILITH_SPIN", "LILITH_CPU"})
    EXPECT_NE(help.find(name), std::string::npos) << name;
}

}  // namespace
}  // namespace lilith
