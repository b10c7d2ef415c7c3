// Creating, reading, moving and indexing tensors.
#include <iostream>
#include <memory>

#include "net.h"

using namespace lilith;

namespace {

void create() {
  auto a = tensor({{1.f, 2.f}, {3.f, 4.f}});
  expect(a.shape() == Shape({2, 2}) && a.dtype() == kFloat32, "braces make a 2x2 f32 tensor");
  auto z = zeros({2, 3}, {.dtype = kFloat64});
  expect(z.dtype() == kFloat64 && z.numel() == 6, "options give the dtype");
  expect(ones({2}).sum().item<float>() == 2, "ones");
  expect(full({2, 2}, 7.5).max().item<float>() == 7.5f, "full");
  expect(empty({4}).numel() == 4, "empty");
  expect(arange(5).to_vector<std::int64_t>() == std::vector<std::int64_t>({0, 1, 2, 3, 4}),
         "arange");
  expect(linspace(0, 1, 3).to_vector<float>() == std::vector<float>({0, 0.5f, 1}), "linspace");
  expect(eye(3).sum().item<int>() == 3, "eye");
  expect(zeros_like(a).shape() == a.shape() && ones_like(a).shape() == a.shape(), "_like");
  expect(randint_like(a, 3).max().item<float>() <= 2, "randint_like");

  const float numbers[] = {1, 2, 3, 4, 5, 6};
  auto copied = from_data(numbers, {2, 3});
  expect(copied[1].to_vector<float>() == std::vector<float>({4, 5, 6}), "from_data copies");
  auto owner = std::make_shared<std::vector<float>>(4, 2.f);
  auto borrowed = from_data(owner->data(), {4}, [owner] {});
  expect(borrowed.sum().item<float>() == 8, "from_data with a deleter borrows");
}

void draw() {
  manual_seed(7);
  auto state = rng_state();
  auto a = randn({3, 4}), b = rand({5}), c = randint(0, 10, {6}), d = randperm(8);
  expect(a.numel() == 12 && b.max().item<float>() < 1 && c.max().item<int>() < 10, "draws");
  expect(d.sum().item<int>() == 28, "a permutation holds each number once");
  set_rng_state(state);
  expect(randn({3, 4}).to_vector<float>() == a.to_vector<float>(),
         "the state brings the draws back");
}

void read() {
  auto x = tensor({{1.f, 2.f, 3.f}, {4.f, 5.f, 6.f}});
  expect(x.size(1) == 3 && x.ndim() == 2 && x.device() == cpu(), "shape, rank, device");
  expect((x * 2).dtype() == kFloat32, "a literal is a weak scalar");
  expect((arange(3) * 2.5).dtype() == kFloat32, "integers meet a floating literal in f32");
  expect(x.data<float>()[5] == 6, "data is dense and row-major");
  fmt::print("{}\n", x);
  std::cout << x << "\n";
  expect(float(half(0.5f)) == 0.5f && float(bfloat16(2.f)) == 2.f, "host types of 16 bits");
}

void index() {
  auto x = arange(12).reshape({3, 4});
  expect(x[1].to_vector<std::int64_t>() == std::vector<std::int64_t>({4, 5, 6, 7}), "x[i]");
  expect(x.transpose(0, 1).size(0) == 4 && x.permute({1, 0}).size(1) == 3, "transpose, permute");
  expect(x.slice(1, 0, 4, 2).to_vector<std::int64_t>() ==
             std::vector<std::int64_t>({0, 2, 4, 6, 8, 10}),
         "slice");
  expect(
      x.index({1, Slice{0, 4, 2}}).to_vector<std::int64_t>() == std::vector<std::int64_t>({4, 6}),
      "index with an integer and a slice");
  expect(x.index({tensor({0, 2}), tensor({1, 3})}).to_vector<std::int64_t>() ==
             std::vector<std::int64_t>({1, 11}),
         "index with tensors");
  expect(index_put(x, {tensor({0, 2})}, -1).sum().item<int>() == 4 + 5 + 6 + 7 - 8, "index_put");
  expect(slice_update(x, zeros({3, 1}), 1, 3).sum().item<int>() == 66 - 3 - 7 - 11, "slice_update");
  expect(x.to(kFloat32).mean().item<float>() == 5.5f, "to(dtype)");
  expect(x.to(cpu()).numel() == 12, "to(device)");
}

}  // namespace

int main() {
  create();
  draw();
  read();
  index();
}
