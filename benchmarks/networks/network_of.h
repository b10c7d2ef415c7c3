#pragma once
#include <lilith/compile.h>
#include <lilith/nn.h>

#include "networks.h"

namespace lilith::bench {

template <class Net>
class NetworkOf final : public Network {
 public:
  explicit NetworkOf(Net net) : net_(std::move(net)) { test_mode(net_); }
  Tensor operator()(const Tensor& x) override { return run_(net_, x); }
  ModelRef model() override { return net_; }
  std::string explain() const override { return run_.explain(); }

 private:
  static auto make_run() {
    return compile([](Net& net, const Tensor& x) { return net(x); });
  }
  Net net_;
  decltype(make_run()) run_ = make_run();
};

template <class Make>
NetworkKind kind_of(Make make, std::int64_t side = 224, std::int64_t symbols = 0) {
  return {[make]() -> std::unique_ptr<Network> {
            return std::make_unique<NetworkOf<decltype(make())>>(make());
          },
          side, symbols};
}

}  // namespace lilith::bench
