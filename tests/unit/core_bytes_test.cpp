// Values as the bytes that files of the cache are made of.
#include "core/bytes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/build_id.h"

namespace lilith {
namespace {

std::string written() {
  ByteWriter out;
  for (const std::int64_t x :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{300},
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()})
    out.number(x);
  out.real(-0.0);
  out.text(std::string("a\0b", 3));
  out.count(2);
  out.text("");
  return out.take();
}

TEST(Bytes, AreReadAsTheyWereWritten) {
  const std::string bytes = written();
  ByteReader in(bytes);
  EXPECT_EQ(in.number(), 0);
  EXPECT_EQ(in.number(), -1);
  EXPECT_EQ(in.number(), 300);
  EXPECT_EQ(in.number(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(in.number(), std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(std::signbit(in.real()));
  EXPECT_EQ(in.text(), std::string_view("a\0b", 3));
  EXPECT_FALSE(in.done());
  EXPECT_EQ(in.number(), 2);
  EXPECT_EQ(in.text(), "");
  EXPECT_TRUE(in.done());
}

TEST(Bytes, PastTheEndIsNothing) {
  const std::string bytes = written();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    ByteReader in(std::string_view(bytes).substr(0, n));
    for (int i = 0; i < 5; ++i) in.number();
    in.real();
    in.text();
    in.number();
    in.text();
    EXPECT_FALSE(in.ok()) << n;
    EXPECT_EQ(in.number(), 0);
    EXPECT_EQ(in.real(), 0);
    EXPECT_EQ(in.text(), "");
    EXPECT_EQ(in.count(), 0u);
  }
  ByteWriter out;
  out.count(1000);
  const std::string promise = out.take();
  ByteReader in(promise);
  EXPECT_EQ(in.count(), 0u) << "more things than bytes";
  EXPECT_FALSE(in.ok());
  ByteReader endless("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
  EXPECT_EQ(endless.number(), 0);
  EXPECT_FALSE(endless.ok());
}

TEST(BuildId, IsTheLinkersOfALibrary) {
  const std::string library = file_of(reinterpret_cast<const void*>(&build_id));
  EXPECT_NE(library.find("liblilith"), std::string::npos);
  EXPECT_EQ(build_id(library).size(), 40u);
  EXPECT_EQ(build_id("/no/such/file"), "");
  EXPECT_EQ(build_id("/etc/passwd"), "");
}

}  // namespace
}  // namespace lilith
