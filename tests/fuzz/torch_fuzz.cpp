// Damaged files of torch.save, in each of its layouts, are read or refused; nothing else happens.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "io/torch_file.h"
#include "lilith/error.h"
#include "support/temp_dir.h"
#include "support/torch_bytes.h"

namespace lilith {
namespace {

namespace torch = testing::torch;
using namespace std::string_literals;

std::string some_object() {
  const std::string s = torch::storage("Float", "0", 6), a = torch::floats("0", 6);
  const std::string params = torch::tuple(
      {torch::global("torch", "per_tensor_affine"), torch::real(0.5), torch::integer(1)});
  const std::string dtype = torch::call(torch::global("numpy", "dtype"), {torch::text("u1")}) +
                            torch::tuple({torch::integer(3), torch::text("|")}) + 'b';
  const std::string array =
      torch::call(torch::global("numpy._core.multiarray", "_reconstruct"), {}) +
      torch::tuple({torch::integer(1), torch::integers({2}), dtype, torch::yes(), "C\x02zz"s}) +
      'b';
  const std::string module =
      torch::object(torch::global("torch.nn", "Linear"),
                    torch::dict({{"_parameters", torch::dict({{"w", torch::parameter(a)}})},
                                 {"_buffers", torch::dict({{"b", a}})},
                                 {"_non_persistent_buffers_set", "]"},
                                 {"_modules", torch::dict({})}}));
  return torch::dict(
      {{"t", torch::tensor(s, 1, {2, 2}, {1, 2})},
       {"e", torch::tensor(s, 5, {3, 1}, {0, 1}, {torch::dict({{"neg", torch::yes()}})})},
       {"v",
        torch::tensor(s, 0, {3}, {1}, {torch::global("torch", "uint16")}, "_rebuild_tensor_v3")},
       {"m", module},
       {"n", array},
       {"q", torch::call(torch::global("torch._utils", "_rebuild_qtensor"),
                         {torch::storage("QInt8", "1", 4), torch::integer(0), torch::integers({4}),
                          torch::integers({1}), params})},
       {"l", torch::list({torch::integer(1), torch::real(2), torch::none(), "\x8a\x01\x05"s})}});
}

void damage(std::string& bytes, std::mt19937& rng) {
  for (auto edits = 1 + rng() % 4; edits > 0 && !bytes.empty(); --edits) {
    const std::size_t at = rng() % bytes.size();
    switch (rng() % 6) {
      case 0:
        bytes[at] = static_cast<char>(rng());
        break;
      case 1:
        bytes[at] = "()}]ut.RbQqhNK0128e\x81\x85\x94\xff"[rng() % 22];
        break;
      case 2:
        bytes.insert(at, 1, bytes[rng() % bytes.size()]);
        break;
      case 3:
        bytes.erase(at, 1 + rng() % 4);
        break;
      case 4:
        bytes.insert(at, bytes.substr(rng() % bytes.size(), rng() % 32));
        break;
      default:
        if (rng() % 8 == 0) bytes.resize(at);
    }
  }
}

// True when the file was read, whatever it held then.
template <class Open>
bool read(const std::string& bytes, Open open) {
  const auto file = io::MappedFile::hold("fuzz.pt", {bytes.begin(), bytes.end()});
  try {
    const TensorDict d = io::read_all(open(file));
    for (const auto& [name, t] : d) {
      const bool small = t.numel() > 0 && t.numel() < 1000;
      EXPECT_TRUE(!small || t.raw_data() != nullptr) << name;
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

template <class Open>
void fuzz(const std::string& valid, int rounds, Open open) {
  const char* given = std::getenv("LILITH_FUZZ_SEED");
  const auto seed = static_cast<std::uint32_t>(given != nullptr ? std::atol(given) : 1);
  std::printf("seed %u\n", seed);
  std::mt19937 rng(seed);
  ASSERT_TRUE(read(valid, open));
  int good = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string bytes = valid;
    damage(bytes, rng);
    good += read(bytes, open);
  }
  EXPECT_GT(good, 0);
  EXPECT_LT(good, rounds);
}

const std::vector<torch::Counted> kStorages = {{"0", 6, std::string(24, '\1')}, {"1", 4, "abcd"}};

TEST(TorchFuzz, Before16) {
  fuzz(torch::legacy(some_object(), kStorages), 4000,
       [](const auto& file) { return io::open_torch(io::open_torch_legacy(file)); });
}

TEST(TorchFuzz, Tar) {
  const auto number = [](std::int64_t v) { return torch::little(v); };
  const auto record = [](const std::string& key, const std::string& of, const std::string& type) {
    return torch::pickle(
        torch::tuple({torch::text(key), torch::text(of), torch::global("torch", type)}));
  };
  const std::string tensors = torch::pickle(torch::integer(1)) + record("2", "1", "FloatTensor") +
                              number(1) + number(3) + number(2) + number(0);
  const std::string storages = torch::pickle(torch::integer(1)) +
                               record("1", "cpu", "FloatStorage") + number(6) +
                               std::string(24, '\1') + torch::pickle(torch::list({}));
  const std::string object = torch::dict({{"a", torch::text("2") + 'Q'}});
  fuzz(
      torch::tar({{"pickle", torch::pickle(object)}, {"storages", storages}, {"tensors", tensors}}),
      4000, [](const auto& file) { return io::open_torch(io::open_torch_tar(file)); });
}

TEST(TorchFuzz, Zip) {
  const testing::TempDir dir;
  torch::write_zip(dir.file("x"), some_object(), {{"0", std::string(24, '\1')}, {"1", "abcd"}},
                   {{"byteorder", "little"}});
  std::string valid = torch::read_file(dir.file("x"));
  // Without checksums, so that damage reaches what is behind them.
  for (auto at = valid.find("PK\1\2"); at != valid.npos; at = valid.find("PK\1\2", at + 4))
    valid.replace(at + 16, 4, 4, '\0');
  fuzz(valid, 4000,
       [](const auto& file) { return io::open_torch(std::make_shared<const io::ZipFile>(file)); });
}

}  // namespace
}  // namespace lilith
