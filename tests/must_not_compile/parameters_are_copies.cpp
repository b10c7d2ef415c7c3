// error: no matching function|discards qualifiers|drops 'const'
// error: discards qualifiers|no viable overloaded|no matching
#include <lilith/init.h>
#include <lilith/model.h>
#include <lilith/nn.h>
#include <lilith/ops.h>

using namespace lilith;

void change(Linear& net) {
#if defined(RIGHT)
  for_each_parameter(net, [](Tensor& p) { init::normal_(p); });
  for (const Tensor& p : parameters(net)) p.sum();
#elif WRONG == 1
  for (Tensor& p : parameters(net)) init::normal_(p);
#elif WRONG == 2
  for (auto& [path, p] : named_parameters(net)) p = p * 2;
#endif
}
