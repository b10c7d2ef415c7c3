// error: lilith: a const model is given to a function that changes it
// error: lilith: a const model is given to a function that changes it
// error: lilith: a const model is given to a function that changes it
// error: lilith: the model is const, so the function gets its fields as const
// error: lilith: update.optimizer, model, gradients.: the model is const
#include <lilith/io.h>
#include <lilith/model.h>
#include <lilith/nn.h>
#include <lilith/optim.h>

using namespace lilith;

#ifdef RIGHT
void change(const Linear& given) {
  Linear net = given;
#else
void change(const Linear& net) {
#endif
#if defined(RIGHT) || WRONG == 1
  load_state_dict(net, {});
#endif
#if defined(RIGHT) || WRONG == 2
  test_mode(net);
#endif
#if defined(RIGHT) || WRONG == 3
  load(net, "net.safetensors");
#endif
#if defined(RIGHT) || WRONG == 4
  for_each_parameter(net, [](const std::string&, Tensor& t) { t = Tensor(); });
#endif
#if defined(RIGHT) || WRONG == 5
  Linear g = net;
  SGD opt;
  update(opt, net, g);
#endif
}
