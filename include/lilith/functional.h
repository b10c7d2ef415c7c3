#pragma once
// PyTorch's namespaces: F::relu, nn::Linear, nn::init::zeros_, nn::utils::clip_grad_norm_,
// optim::Adam, optim::lr_scheduler::StepLR are the names of namespace lilith. With
// `namespace torch = lilith::pytorch;` in a program torch::cat and torch::nn::functional::relu work
// too.
#include <map>
#include <string>
#include <vector>

#include "lilith/data.h"
#include "lilith/init.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "lilith/optim.h"

namespace lilith {

namespace F = ::lilith;
namespace nn {
using namespace ::lilith;
namespace functional = ::lilith;
namespace utils {
using namespace ::lilith;
namespace rnn = ::lilith;
namespace parametrizations = ::lilith;
}  // namespace utils
}  // namespace nn

/// All names of namespace lilith, and those of PyTorch's that a program has for itself, beside
/// `using namespace lilith`: a struct Generator or Dataset, signal(SIGINT, f), an int seed, a
/// namespace utils. pytorch::Generator, or with `namespace torch = lilith::pytorch;`
/// torch::Generator, torch::signal::windows::hann, torch::utils::data::DataLoader.
namespace pytorch {
using namespace ::lilith;
using lilith::data::Dataset;
namespace functional = ::lilith;
namespace utils = ::lilith;
namespace datasets = ::lilith::data;
}  // namespace pytorch

/// A parameter is a tensor that is a field of a model. Ref: torch.nn.Parameter
using Parameter = Tensor;
/// Layers by number. Ref: torch.nn.ModuleList
template <class Layer>
using ModuleList = std::vector<Layer>;
using ParameterList = std::vector<Tensor>;
using ParameterDict = std::map<std::string, Tensor>;

namespace optim {
using lilith::Adadelta, lilith::Adagrad, lilith::Adam, lilith::Adamax, lilith::AdamW, lilith::ASGD,
    lilith::NAdam, lilith::Optimizer, lilith::RAdam, lilith::RMSprop, lilith::Rprop, lilith::SGD;
using lilith::Adafactor, lilith::LBFGS, lilith::Lion, lilith::Muon;
namespace swa_utils {
using lilith::AveragedModel, lilith::update_bn;
using lilith::SWALR;
}  // namespace swa_utils
namespace lr_scheduler = ::lilith;
}  // namespace optim

namespace data {
using lilith::ConcatDataset, lilith::DistributedSampler, lilith::OwnDataset, lilith::RandomSampler,
    lilith::Sampler, lilith::SequentialSampler, lilith::Subset, lilith::SubsetRandomSampler,
    lilith::WeightedRandomSampler;
using lilith::DataLoader, lilith::random_split, lilith::TensorDataset;
}  // namespace data

}  // namespace lilith
