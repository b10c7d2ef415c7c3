#include "lilith/ops/signal.h"
#include "support/expect_error.h"

// Windows of torch and of torch.signal.windows.
namespace lilith {
namespace {

TEST(WindowErrors, LengthsAndDtypes) {
  using namespace windows;
  const std::string rule = ": -1 points; need at least 0";
  EXPECT_ERROR_HERE(hamming_window(-1), "hamming_window" + rule);
  EXPECT_ERROR_HERE(kaiser_window(-1), "kaiser_window" + rule);
  EXPECT_ERROR_HERE(bartlett(-1), "bartlett" + rule);
  EXPECT_ERROR_HERE(blackman(-1), "blackman" + rule);
  EXPECT_ERROR_HERE(cosine(-1), "cosine" + rule);
  EXPECT_ERROR_HERE(exponential(-1), "exponential" + rule);
  EXPECT_ERROR_HERE(gaussian(-1), "gaussian" + rule);
  EXPECT_ERROR_HERE(general_cosine(-1, {1}), "general_cosine" + rule);
  EXPECT_ERROR_HERE(general_hamming(-1), "general_hamming" + rule);
  EXPECT_ERROR_HERE(hamming(-1), "hamming" + rule);
  EXPECT_ERROR_HERE(hann(-1), "hann" + rule);
  EXPECT_ERROR_HERE(kaiser(-1), "kaiser" + rule);
  EXPECT_ERROR_HERE(nuttall(-1), "nuttall" + rule);
  EXPECT_ERROR_HERE(hann(4, true, {.dtype = kInt64}), "hann: dtype i64; need a floating one");
  EXPECT_ERROR_HERE(blackman_window(4, true, {.dtype = kBool}),
                    "blackman_window: dtype bool; need a floating one");
}

TEST(WindowErrors, Numbers) {
  using namespace windows;
  EXPECT_ERROR_HERE(exponential(4, 0), "exponential: tau is 0; need tau > 0");
  EXPECT_ERROR_HERE(gaussian(4, -1), "gaussian: std is -1; need std > 0");
  EXPECT_ERROR_HERE(general_cosine(4, {}), "general_cosine: no coefficients; need at least one");
  EXPECT_ERROR_HERE(kaiser(4, -1), "kaiser: beta is -1; need beta >= 0");
}

}  // namespace
}  // namespace lilith
