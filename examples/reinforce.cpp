// A pole on a cart, balanced by policy gradients. Ref: pytorch/examples, reinforcement_learning;
// Williams 1992; Barto, Sutton, Anderson 1983. `example_reinforce EPISODES` goes on for longer.
#include <deque>

#include "expect.h"

using namespace lilith;

struct CartPole {
  double x = 0, x_dot = 0, theta = 0, theta_dot = 0;

  Tensor reset() {
    auto start = (rand(4) * 0.1 - 0.05).to_vector<float>();
    x = start[0], x_dot = start[1], theta = start[2], theta_dot = start[3];
    return state();
  }
  Tensor state() const { return tensor({x, x_dot, theta, theta_dot}, {.dtype = kFloat}); }
  // Pushes to the left (0) or to the right; whether the pole has fallen.
  bool step(int action) {
    const double force = action == 1 ? 10 : -10, c = std::cos(theta), s = std::sin(theta);
    const double temp = (force + 0.05 * theta_dot * theta_dot * s) / 1.1;
    const double theta_acc = (9.8 * s - c * temp) / (0.5 * (4.0 / 3 - 0.1 * c * c / 1.1));
    const double x_acc = temp - 0.05 * theta_acc * c / 1.1;
    x += 0.02 * x_dot, x_dot += 0.02 * x_acc;
    theta += 0.02 * theta_dot, theta_dot += 0.02 * theta_acc;
    return std::abs(x) > 2.4 || std::abs(theta) > 0.2095;
  }
};

struct Policy {
  nn::Linear affine1{4, 128};
  nn::Dropout dropout{0.0};
  nn::Linear affine2{128, 2};

  Tensor operator()(Tensor x) const {
    x = affine1(x);
    x = dropout(x);
    x = F::relu(x);
    Tensor action_scores = affine2(x);
    return F::softmax(action_scores, 1);
  }
};

struct Episode {
  std::vector<Tensor> states;
  std::vector<std::int64_t> actions;
  std::vector<double> rewards;
};

int select_action(const Policy& policy, Tensor state) {
  distributions::Categorical m(policy(state.unsqueeze(0)));
  return m.sample().item<int>();
}

// Steps that lie beyond the episode's end count nothing: one program for all lengths.
void finish_episode(Policy& policy, optim::Adam& optimizer, const Episode& episode) {
  constexpr std::int64_t kLongest = 200;
  const double gamma = 0.99, eps = 1e-8;
  std::deque<double> returns;
  double R = 0;
  for (auto r = episode.rewards.rbegin(); r != episode.rewards.rend(); ++r) {
    R = *r + gamma * R;
    returns.push_front(R);
  }
  Tensor G = tensor(std::vector<float>(returns.begin(), returns.end()));
  G = (G - G.mean()) / (G.std() + eps);
  const auto missing = kLongest - G.size(0);
  Tensor states = F::pad(stack(episode.states), {0, 0, 0, missing});
  Tensor actions = F::pad(tensor(episode.actions), {0, missing});
  G = F::pad(G, {0, missing});
  auto [loss, g] = grad(
      [](const Policy& p, Tensor s, Tensor a, Tensor weights) {
        distributions::Categorical m(p(s));
        return (-m.log_prob(a) * weights).sum();
      },
      policy, states, actions, G);
  update(optimizer, policy, g);
}

int main(int argc, char** argv) {
  manual_seed(543);
  CartPole env;
  Policy policy;
  optim::Adam optimizer({.lr = 1e-2});
  double running_reward = 10, early = 0;
  const int episodes = argc > 1 ? std::atoi(argv[1]) : 60;
  for (int i_episode = 1; i_episode <= episodes; ++i_episode) {
    Tensor state = env.reset();
    Episode episode;
    for (int t = 0; t < 200; ++t) {
      const int action = select_action(policy, state);
      episode.states.push_back(state);
      episode.actions.push_back(action);
      const bool done = env.step(action);
      episode.rewards.push_back(1);
      state = env.state();
      if (done) break;
    }
    const double ep_reward = episode.rewards.size();
    running_reward = 0.05 * ep_reward + 0.95 * running_reward;
    finish_episode(policy, optimizer, episode);
    if (i_episode == 10) early = running_reward;
    if (i_episode % 10 == 0)
      fmt::print("Episode {}\tLast reward: {:.2f}\tAverage reward: {:.2f}\n", i_episode, ep_reward,
                 running_reward);
  }
  expect(running_reward > early, "the pole stays up longer");
}
