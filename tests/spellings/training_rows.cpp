#include "spelling.h"

// torch.optim, its schedules, torch.nn.init and what trains.
namespace lilith::spellings {
namespace {

/// t after f(t).
template <class F>
Tensor set_by(F f, Tensor t) {
  f(t);
  return t;
}

const Row kRows[] = {
    SPELL("after_steps(lambda p: optim.SGD(p, 0.1), x)", after_steps(optim::SGD(0.1), x)),
    SPELL("after_steps(lambda p: optim.SGD(p, lr=0.1, momentum=0.9), x)",
          after_steps(optim::SGD({.lr = 0.1, .momentum = 0.9}), x)),
    SPELL("after_steps(lambda p: optim.SGD(p, 0.1, 0.9, 0, 1e-2, True), x)",
          after_steps(optim::SGD(0.1, 0.9, 0, 1e-2, true), x)),
    SPELL("after_steps(lambda p: optim.Adam(p), x)", after_steps(optim::Adam(), x)),
    SPELL("after_steps(lambda p: optim.Adam(p, 1e-2), x)", after_steps(optim::Adam(1e-2), x)),
    SPELL("after_steps(lambda p: optim.Adam(p, lr=2e-3, betas=(0.5, 0.999)), x)",
          after_steps(optim::Adam({.lr = 2e-3, .betas = {0.5, 0.999}}), x)),
    SPELL("after_steps(lambda p: optim.Adam(p, 2e-3, (0.5, 0.999)), x)",
          after_steps(optim::Adam(2e-3, {0.5, 0.999}), x)),
    SPELL("after_steps(lambda p: optim.AdamW(p, 1e-2, weight_decay=0.1), x)",
          after_steps(optim::AdamW({.lr = 1e-2, .weight_decay = 0.1}), x)),
    SPELL("after_steps(lambda p: optim.RMSprop(p, 1e-2, 0.9), x)",
          after_steps(optim::RMSprop(1e-2, 0.9), x)),
    SPELL("after_steps(lambda p: optim.Adagrad(p, 0.1), x)", after_steps(optim::Adagrad(0.1), x)),
    SPELL("after_steps(lambda p: optim.Adadelta(p, 1.0), x)", after_steps(optim::Adadelta(1.0), x)),
    SPELL("after_steps(lambda p: optim.Adamax(p, 0.1), x)", after_steps(optim::Adamax(0.1), x)),
    SPELL("after_steps(lambda p: optim.NAdam(p, 0.1), x)", after_steps(optim::NAdam(0.1), x)),
    SPELL("after_steps(lambda p: optim.RAdam(p, 0.1), x)", after_steps(optim::RAdam(0.1), x)),
    SPELL("after_steps(lambda p: optim.ASGD(p, 0.1), x)", after_steps(optim::ASGD(0.1), x)),
    SPELL("after_steps(lambda p: optim.Rprop(p, 0.1), x)", after_steps(optim::Rprop(0.1), x)),

    SPELL("rates(lambda opt: lr.StepLR(opt, 1, 0.7))",
          rates([](Optimizer& opt) { return StepLR(opt, 1, 0.7); })),
    SPELL("rates(lambda opt: lr.StepLR(opt, step_size=2, gamma=0.5))",
          rates([](Optimizer& opt) { return StepLR(opt, {.step_size = 2, .gamma = 0.5}); })),
    SPELL("rates(lambda opt: lr.MultiStepLR(opt, [1, 3], 0.1))",
          rates([](Optimizer& opt) { return MultiStepLR(opt, {1, 3}, 0.1); })),
    SPELL("rates(lambda opt: lr.ExponentialLR(opt, 0.9))",
          rates([](Optimizer& opt) { return ExponentialLR(opt, 0.9); })),
    SPELL("rates(lambda opt: lr.CosineAnnealingLR(opt, 4))",
          rates([](Optimizer& opt) { return CosineAnnealingLR(opt, 4); })),
    SPELL(
        "rates(lambda opt: lr.CosineAnnealingLR(opt, T_max=4, eta_min=0.1))",
        rates([](Optimizer& opt) { return CosineAnnealingLR(opt, {.T_max = 4, .eta_min = 0.1}); })),
    SPELL("rates(lambda opt: lr.CosineAnnealingWarmRestarts(opt, 2))",
          rates([](Optimizer& opt) { return CosineAnnealingWarmRestarts(opt, 2); })),
    SPELL("rates(lambda opt: lr.LinearLR(opt, 0.5, 1.0, 4))",
          rates([](Optimizer& opt) { return LinearLR(opt, 0.5, 1.0, 4); })),
    SPELL("rates(lambda opt: lr.ConstantLR(opt, 0.5, 2))",
          rates([](Optimizer& opt) { return ConstantLR(opt, 0.5, 2); })),
    SPELL("rates(lambda opt: optim.swa_utils.SWALR(opt, 0.05, anneal_epochs=3))",
          rates([](Optimizer& opt) {
            return optim::swa_utils::SWALR(opt, 0.05, {.anneal_epochs = 3});
          })),
    SPELL("rates(lambda opt: lr.PolynomialLR(opt, 4, 2.0))",
          rates([](Optimizer& opt) { return PolynomialLR(opt, 4, 2.0); })),
    SPELL("rates(lambda opt: lr.OneCycleLR(opt, 0.1, 10))",
          rates([](Optimizer& opt) { return OneCycleLR(opt, 0.1, 10); })),
    SPELL("rates(lambda opt: lr.OneCycleLR(opt, max_lr=0.1, epochs=2, steps_per_epoch=5))",
          rates([](Optimizer& opt) {
            return OneCycleLR(opt, {.max_lr = 0.1, .epochs = 2, .steps_per_epoch = 5});
          })),
    SPELL("rates(lambda opt: lr.CyclicLR(opt, 0.1, 1.0, 2))",
          rates([](Optimizer& opt) { return CyclicLR(opt, 0.1, 1.0, 2); })),
    SPELL("rates(lambda opt: lr.LambdaLR(opt, lambda t: 0.5 ** t))", rates([](Optimizer& opt) {
            return LambdaLR(opt, [](auto t) { return std::pow(0.5, t); });
          })),
    SPELL("rates(lambda opt: lr.ReduceLROnPlateau(opt, 'min', 0.5, 1))",
          rates([](Optimizer& opt) { return ReduceLROnPlateau(opt, "min", 0.5, 1); })),
    SPELL("rates(lambda opt: lr.ReduceLROnPlateau(opt, factor=0.5, patience=0))",
          rates([](Optimizer& opt) {
            return ReduceLROnPlateau(opt, {.factor = 0.5, .patience = 0});
          })),
    SPELL("rates(lambda opt: lr.SequentialLR(opt, [lr.ConstantLR(opt, 0.5, 2), "
          "lr.ExponentialLR(opt, 0.9)], [2]))",
          rates([](Optimizer& opt) {
            return SequentialLR(opt, {ConstantLR(opt, 0.5, 2), ExponentialLR(opt, 0.9)}, {2});
          })),

    SPELL("set_by(nn.init.zeros_, x)", set_by([](Tensor& t) { nn::init::zeros_(t); }, x)),
    SPELL("set_by(nn.init.ones_, x)", set_by([](Tensor& t) { nn::init::ones_(t); }, x)),
    SPELL("set_by(lambda t: nn.init.constant_(t, 3.), x)",
          set_by([](Tensor& t) { nn::init::constant_(t, 3.); }, x)),
    SPELL("set_by(nn.init.eye_, m)", set_by([](Tensor& t) { nn::init::eye_(t); }, m)),
    SPELL("set_by(nn.init.xavier_uniform_, m).shape",
          set_by([](Tensor& t) { nn::init::xavier_uniform_(t); }, m).shape()),
    SPELL("set_by(lambda t: nn.init.kaiming_normal_(t, mode='fan_out', nonlinearity='relu'), "
          "m).shape",
          set_by(
              [](Tensor& t) {
                nn::init::kaiming_normal_(t, {.mode = "fan_out", .nonlinearity = "relu"});
              },
              m)
              .shape()),
    SPELL("set_by(lambda t: nn.init.normal_(t, 0., 0.02), x).shape",
          set_by([](Tensor& t) { nn::init::normal_(t, 0., 0.02); }, x).shape()),
    SPELL("nn.init.calculate_gain('relu')", nn::init::calculate_gain("relu")),
    SPELL("set_by(lambda t: nn.init.dirac_(t), kernel)",
          set_by([](Tensor& t) { nn::init::dirac_(t); }, kernel)),
    SPELL("set_by(lambda t: nn.init.orthogonal_(t), m).shape",
          set_by([](Tensor& t) { nn::init::orthogonal_(t); }, m).shape()),
    SPELL(
        "len(data.DataLoader(data.TensorDataset(x, y), batch_size=2))",
        static_cast<double>(
            pytorch::utils::data::DataLoader(data::TensorDataset(x, y), {.batch_size = 2}).size())),
    SPELL("len(data.TensorDataset(x, y))", static_cast<double>(data::TensorDataset(x, y).size())),
    SPELL("list(nn.Linear(3, 4).state_dict()['weight'].shape)",
          state_dict(nn::Linear(3, 4))["weight"].shape()),
};

}  // namespace

std::vector<Row> training_rows() { return {std::begin(kRows), std::end(kRows)}; }

}  // namespace lilith::spellings
