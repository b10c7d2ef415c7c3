#pragma once
#include <lilith/tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "lilith/model.h"

namespace lilith::bench {

/// A network in test mode, as one compiled function of its input.
class Network {
 public:
  virtual ~Network() = default;
  virtual Tensor operator()(const Tensor& x) = 0;
  virtual ModelRef model() = 0;
  virtual std::string explain() const = 0;
};

struct NetworkKind {
  std::function<std::unique_ptr<Network>()> make;
  std::int64_t side = 224;   // of its images; 0: it reads text
  std::int64_t symbols = 0;  // of its text
};

/// By name: networks of torchvision and of papers, with random weights. Their parameters come in
/// the order in which PyTorch lists them.
const std::map<std::string, NetworkKind>& networks();
void add_convolutional(std::map<std::string, NetworkKind>* all);
void add_mobile(std::map<std::string, NetworkKind>* all);
void add_transformers(std::map<std::string, NetworkKind>* all);

}  // namespace lilith::bench
