#include "lilith/compile.h"
#include "lilith/ops.h"
#include "support/expect_error.h"

namespace lilith::testing {
namespace {

TEST(ExplainErrors, APageNeedsAProgramAndAFile) {
  auto f = compile([](const Tensor& x) { return x + 1.0; });
  EXPECT_ERROR_HERE(explain_html(f, "page.html"),
                    "explain_html: there is no program: the function was not called yet, or "
                    "computes nothing");
  f(ones({3}));
  EXPECT_ERROR_HERE(explain_html(f, "/no/such/folder/page.html"),
                    "explain_html: cannot write /no/such/folder/page.html");
}

}  // namespace
}  // namespace lilith::testing
