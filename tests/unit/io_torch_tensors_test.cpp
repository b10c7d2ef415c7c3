// The kinds of tensors that a file of torch.save may hold.
#include <gtest/gtest.h>

#include <cmath>

#include "lilith/error.h"
#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/torch_file_test.h"

namespace lilith {
namespace {

using namespace std::string_literals;
using testing::error_text;
using TorchTensorKinds = testing::TorchFileTest;

TEST_F(TorchTensorKinds, ViewsOfEveryShape) {
  const std::string s = torch::storage("Float", "0", 6);
  const std::string neg = torch::dict({{"neg", torch::yes()}});
  const TensorDict d = zip(torch::dict({{"transposed", torch::tensor(s, 0, {3, 2}, {1, 3})},
                                        {"slice", torch::tensor(s, 1, {2}, {2})},
                                        {"expanded", torch::tensor(s, 4, {2, 2}, {0, 1})},
                                        {"unfolded", torch::tensor(s, 0, {2, 3}, {2, 1})},
                                        {"huge", torch::tensor(s, 5, {1 << 30, 1 << 20}, {0, 0})},
                                        {"empty", torch::tensor(s, 6, {0, 3}, {3, 1})},
                                        {"scalar", torch::tensor(s, 5, {}, {})},
                                        {"negated", torch::tensor(s, 1, {2}, {2}, {neg})},
                                        {"same", torch::tensor(s, 1, {2}, {2})}}),
                           {{"0", six}});
  EXPECT_EQ(d["transposed"].to_vector<float>(), (Floats{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(d["slice"].to_vector<float>(), (Floats{1, 3}));
  EXPECT_EQ(d["expanded"].to_vector<float>(), (Floats{4, 5, 4, 5}));
  EXPECT_EQ(d["unfolded"].to_vector<float>(), (Floats{0, 1, 2, 2, 3, 4}));
  EXPECT_EQ(d["huge"].shape(), (Shape{1 << 30, 1 << 20}));  // and takes nothing
  EXPECT_EQ(d["empty"].shape(), (Shape{0, 3}));
  EXPECT_EQ(d["scalar"].item<float>(), 5);
  EXPECT_EQ(d["negated"].to_vector<float>(), (Floats{-1, -3}));
  EXPECT_EQ(d["same"].raw_data(), d["slice"].raw_data());
  EXPECT_NE(error_text([&] {
              zip(torch::dict({{"a", torch::tensor(s, 1, {6}, {1})}}), {{"0", six}});
            }).find("'a' reaches outside of its storage"),
            std::string::npos);
  // Overlaps may repeat elements, but a small file is not let become a very large one.
  EXPECT_NE(error_text([&] {
              zip(torch::dict({{"a", torch::tensor(torch::storage("Float", "0", 20000), 0,
                                                   {10000, 10000}, {1, 1})}}),
                  {{"0", std::string(80000, '\0')}});
            }).find("its tensors overlap so often"),
            std::string::npos);
}

TEST_F(TorchTensorKinds, DTypesThatAreWidened) {
  const auto typed = [](const std::string& key, const std::string& dtype, std::int32_t n) {
    return torch::tensor(torch::storage("Untyped", key, n, "", "torch.storage"), 0, {n}, {1},
                         {torch::global("torch", dtype)}, "_rebuild_tensor_v3");
  };
  const TensorDict d = zip(torch::dict({{"u16", typed("0", "uint16", 2)},
                                        {"u32", typed("1", "uint32", 1)},
                                        {"u64", typed("2", "uint64", 1)},
                                        {"too large", typed("3", "uint64", 1)},
                                        {"e4m3fn", typed("4", "float8_e4m3fn", 3)},
                                        {"e5m2", typed("4", "float8_e5m2", 3)},
                                        {"e4m3fnuz", typed("4", "float8_e4m3fnuz", 3)},
                                        {"e5m2fnuz", typed("4", "float8_e5m2fnuz", 3)},
                                        {"e8m0fnu", typed("4", "float8_e8m0fnu", 3)},
                                        {"bits", typed("4", "bits8", 3)}}),
                           {{"0", torch::elements<std::uint16_t>({1, 65535})},
                            {"1", torch::elements<std::uint32_t>({4294967295u})},
                            {"2", torch::elements<std::uint64_t>({1ull << 62})},
                            {"3", torch::elements<std::uint64_t>({1ull << 63})},
                            {"4", "\x38\xc1\x80"}});
  EXPECT_EQ(d["u16"].to_vector<std::int32_t>(), (std::vector<std::int32_t>{1, 65535}));
  EXPECT_EQ(d["u32"].item<std::int64_t>(), 4294967295);
  EXPECT_EQ(d["u64"].item<std::int64_t>(), std::int64_t{1} << 62);
  EXPECT_EQ(d["e4m3fn"].to_vector<float>(), (Floats{1, -2.25, -0.0f}));
  EXPECT_EQ(d["e5m2"].to_vector<float>(), (Floats{0.5, -2.5, -0.0f}));
  const auto fnuz = d["e4m3fnuz"].to_vector<float>(), wide = d["e5m2fnuz"].to_vector<float>();
  EXPECT_EQ(fnuz[0], 0.5f);
  EXPECT_EQ(fnuz[1], -1.125f);
  EXPECT_EQ(wide[0], 0.25f);
  EXPECT_EQ(wide[1], -1.25f);
  EXPECT_TRUE(std::isnan(fnuz[2]) && std::isnan(wide[2]));
  EXPECT_EQ(d["e8m0fnu"].to_vector<float>(),
            (Floats{std::ldexp(1.f, 0x38 - 127), std::ldexp(1.f, 0xc1 - 127), 2}));
  EXPECT_EQ(d.refused().at("too large"), "is U64 and holds 9223372036854775808, more than i64 can");
  EXPECT_EQ(d.refused().at("bits"), "is bits8, which no dtype of Lilith can hold");
}

TEST_F(TorchTensorKinds, QuantisedOnesAreDequantised) {
  const auto rebuild = [](const std::string& params) {
    return torch::call(torch::global("torch._utils", "_rebuild_qtensor"),
                       {torch::storage("QInt8", "0", 4), torch::integer(0), torch::integers({2, 2}),
                        torch::integers({2, 1}), params, torch::yes(false), torch::ordered({})});
  };
  const TensorDict d = zip(
      torch::dict({{"all", rebuild(torch::tuple({torch::global("torch", "per_tensor_affine"),
                                                 torch::real(0.5), torch::integer(1)}))},
                   {"channels", rebuild(torch::tuple(
                                    {torch::global("torch", "per_channel_affine"),
                                     torch::tensor(torch::storage("Double", "1", 2), 0, {2}, {1}),
                                     torch::tensor(torch::storage("Long", "2", 2), 0, {2}, {1}),
                                     torch::integer(1)}))},
                   {"other", rebuild(torch::tuple({torch::global("torch", "per_moon_phase")}))}}),
      {{"0", "\x01\xff\x03\x7f"},
       {"1", torch::elements<double>({2, 4})},
       {"2", torch::elements<std::int64_t>({0, -1})}});
  EXPECT_EQ(d["all"].to_vector<float>(), (Floats{0, -1, 1, 63}));
  EXPECT_EQ(d["channels"].to_vector<float>(), (Floats{2, 0, 6, 512}));
  EXPECT_EQ(d.refused().at("other"),
            "is quantised by torch.per_moon_phase, which Lilith does not know");
}

TEST_F(TorchTensorKinds, SubclassesParametersAndArrays) {
  const std::string plain = torch::floats("0", 6);
  const std::string f8 = torch::call(torch::global("numpy", "dtype"),
                                     {torch::text("i2"), torch::yes(false), torch::yes()}) +
                         torch::tuple({torch::integer(3), torch::text(">"), torch::none()}) + 'b';
  const std::string array =
      torch::call(torch::global("numpy._core.multiarray", "_reconstruct"),
                  {torch::global("numpy", "ndarray"), torch::integers({0}), torch::none()}) +
      torch::tuple({torch::integer(1), torch::integers({2, 2}), f8, torch::yes(),
                    torch::call(torch::global("_codecs", "encode"),
                                {torch::text("\x00\x01\x00\x02\x00\xc3\xbf\x01\x00"s),
                                 torch::text("latin1")})}) +
      'b';
  const std::string number =
      torch::call(torch::global("numpy.core.multiarray", "scalar"), {f8, "C\x02\x01\x02"s});
  const TensorDict d = zip(
      torch::dict(
          {{"state", torch::call(torch::global("torch._utils", "_rebuild_parameter_with_state"),
                                 {plain, torch::yes(), torch::ordered({}),
                                  torch::dict({{"note", torch::text("hi")}})})},
           {"buffer", torch::call(torch::global("torch._tensor", "_rebuild_from_type_v2"),
                                  {torch::global("torch._utils", "_rebuild_tensor_v2"),
                                   torch::global("torch.nn", "Buffer"),
                                   torch::tuple({torch::storage("Float", "0", 6), torch::integer(4),
                                                 torch::integers({2}), torch::integers({1}),
                                                 torch::yes(), torch::ordered({})}),
                                   torch::dict({{"extra", plain}})})},
           {"variable", torch::call(torch::global("torch.autograd.variable", "Variable"),
                                    {plain, torch::yes()})},
           {"array", array},
           {"number", number},
           {"storage", torch::storage("Float", "0", 6)}}),
      {{"0", six}});
  EXPECT_EQ(d["state"].to_vector<float>(), (Floats{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(d.metadata.at("state.note"), "hi");
  EXPECT_EQ(d["buffer"].to_vector<float>(), (Floats{4, 5}));
  EXPECT_EQ(d["buffer.extra"].numel(), 6);
  EXPECT_EQ(d["variable"].numel(), 6);
  EXPECT_EQ(d["storage"].shape(), (Shape{6}));
  EXPECT_EQ(d["array"].to_vector<std::int16_t>(), (std::vector<std::int16_t>{1, 255, 2, 256}));
  EXPECT_EQ(d.metadata.at("number"), "258");
}

TEST_F(TorchTensorKinds, WhatCannotBeHeldIsNamedAndTheRestIsRead) {
  const std::string plain = torch::floats("0", 6);
  const auto utility = [&](const std::string& name, const std::vector<std::string>& args) {
    return torch::call(torch::global("torch._utils", name), args);
  };
  const TensorDict d =
      zip(torch::dict(
              {{"ok", plain},
               {"complex", torch::tensor(torch::storage("ComplexFloat", "0", 3), 0, {3}, {1})},
               {"sparse", utility("_rebuild_sparse_tensor",
                                  {torch::call(torch::global("torch.serialization", "_get_layout"),
                                               {torch::text("torch.sparse_coo")}),
                                   torch::tuple({plain, plain, torch::integers({3, 3})})})},
               {"nested", utility("_rebuild_nested_tensor", {plain, plain, plain, plain})},
               {"meta", utility("_rebuild_meta_tensor_no_storage",
                                {torch::global("torch", "float32"), torch::integers({3})})},
               {"wrapper", utility("_rebuild_wrapper_subclass", {torch::global("torchao", "Q")})},
               {"rank 9", torch::tensor(torch::storage("Float", "0", 6), 0,
                                        {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1})},
               {"lazy", torch::call(torch::global("torch.nn.parameter", "UninitializedParameter"),
                                    {torch::yes()})},
               {"unknown", utility("_rebuild_of_tomorrow", {plain})}}),
          {{"0", six}});
  EXPECT_EQ(d["ok"].to_vector<float>()[5], 5);
  EXPECT_EQ(d.size() + d.refused().size(), 9u);
  EXPECT_ERROR_HERE(d["complex"],
                    "TensorDict: 'complex' is complex64, which no dtype of Lilith can hold.");
  EXPECT_EQ(d.refused().at("sparse"),
            "is sparse (torch.sparse_coo), which Lilith does not hold; save it with .to_dense()");
  EXPECT_EQ(d.refused().at("meta"),
            "is on the meta device: the file holds its shape and no elements");
  EXPECT_NE(d.refused().at("wrapper").find("torchao.Q"), std::string::npos);
  EXPECT_NE(d.refused().at("unknown").find("torch._utils._rebuild_of_tomorrow"), std::string::npos);
  struct Net {
    Tensor complex = zeros({3});
  } net;
  EXPECT_NE(error_text([&] { load(net, dir.file("x.pt")); }).find("'complex' is complex64"),
            std::string::npos);
}

}  // namespace
}  // namespace lilith
