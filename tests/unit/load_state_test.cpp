// Loading into a model: what is reported, chosen, renamed and refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/quote.h"
#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::error_text;
using testing::TempDir;
using Keys = std::vector<std::string>;

struct Net {
  Linear a{3, 2}, b{2, 2};
};
struct Wrapper {
  Net net;
};
struct Normed {
  BatchNorm1d norm{2};
};
struct Tied {
  Shared<Linear> in = Linear(2, 2);
  Shared<Linear> out = in;
};

StateDict filled(ModelRef m, double value) {
  StateDict out;
  for (const auto& [key, t] : state_dict(m)) out[key] = full(t.shape(), value).to(t.dtype());
  return out;
}
StateDict under(const StateDict& dict, const std::string& prefix) {
  StateDict out;
  for (const auto& [key, t] : dict) out[prefix + key] = t;
  return out;
}
float first(const Tensor& t) { return t.to_vector<float>()[0]; }
void expect_has(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks: " << part;
}

TEST(LoadState, ReportsWhatWasLoaded) {
  Net net;
  const LoadReport report = load_state_dict(net, filled(net, 2));
  EXPECT_EQ(report.loaded, (Keys{"a.weight", "a.bias", "b.weight", "b.bias"}));
  EXPECT_TRUE(report.complete());
  EXPECT_TRUE(report.sources.empty());
  EXPECT_EQ(report.str(), "4 loaded");
  EXPECT_EQ(first(net.b.bias), 2);
}

TEST(LoadState, WithoutStrictTheReportSaysWhatStayed) {
  Net net;
  const Tensor bias = net.a.bias;
  StateDict dict = filled(net, 3);
  dict.erase("a.bias");
  dict["head.weight"] = ones({1});
  const LoadReport report = load_state_dict(net, dict, {.strict = false});
  EXPECT_EQ(report.loaded.size(), 3u);
  EXPECT_EQ(report.missing, (Keys{"a.bias"}));
  EXPECT_EQ(report.unexpected, (Keys{"head.weight"}));
  EXPECT_FALSE(report.complete());
  EXPECT_EQ(fmt::format("{}", report), "3 loaded; 1 missing: a.bias; 1 unexpected: head.weight");
  EXPECT_EQ(net.a.bias.node(), bias.node());
  EXPECT_EQ(first(net.a.weight), 3);
}

TEST(LoadState, NothingLoadedIsAnErrorInAnyCase) {
  Net net;
  const std::string text = error_text(
      [&] { load_state_dict(net, under(filled(net, 1), "module."), {.strict = false}); });
  expect_has(text,
             "nothing is loaded: none of its 4 keys (module.a.bias, module.a.weight, "
             "module.b.bias, …) is one of the model's 4 (a.weight, a.bias, b.weight, …).");
  expect_has(text, "With {.prefix = \"module.\"} all 4 tensors of the model fit.");
  expect_has(error_text([&] { load_state_dict(net, {}, {.strict = false}); }), "nothing is loaded");
}

TEST(LoadState, ShapesMayDifferWhereThatIsAsked) {
  Net net;
  StateDict dict = filled(net, 4);
  dict["b.weight"] = ones({5, 2});
  expect_has(error_text([&] { load_state_dict(net, dict, {.strict = false}); }),
             "b.weight  f32[2,2]  f32[5,2]  misshapen");
  EXPECT_NE(first(net.a.weight), 4) << "an Error leaves the model as it was";
  const LoadReport report = load_state_dict(net, dict, {.ignore_misshapen = true});
  EXPECT_EQ(report.misshapen, (Keys{"b.weight"}));
  EXPECT_EQ(report.loaded.size(), 3u);
  EXPECT_NE(first(net.b.weight), 1);
  for (auto& [key, t] : dict) t = ones({7});
  expect_has(error_text([&] { load_state_dict(net, dict, {.ignore_misshapen = true}); }),
             "nothing is loaded: all 4 tensors of the model have other shapes here (a.weight, "
             "a.bias, b.weight, …).");
}

TEST(LoadState, PrefixTakesAPart) {
  Net net;
  StateDict dict = under(filled(net, 5), "state_dict.module.");
  dict["optimizer.step"] = ones({1});
  const LoadReport report = load_state_dict(net, dict, {.prefix = "state_dict.module"});
  EXPECT_TRUE(report.complete()) << report.str();
  EXPECT_EQ(report.sources.at("a.bias"), "state_dict.module.a.bias");
  EXPECT_EQ(first(net.a.bias), 5);
  expect_has(error_text([&] { load_state_dict(net, dict, {.prefix = "state_dikt."}); }),
             "load_state_dict: no key is under the prefix 'state_dikt.'; they begin with: "
             "optimizer, state_dict.");
  // The hint is tried on top of what was given.
  expect_has(error_text([&] { load_state_dict(net, dict, {.prefix = "state_dict"}); }),
             "With {.prefix = \"state_dict.module.\"} all 4 tensors of the model fit.");
}

TEST(LoadState, StripTakesPrefixesOffWhereTheyAre) {
  Net net;
  const StateDict plain = filled(net, 6);
  for (const char* prefix : {"", "module.", "_orig_mod.module.", "module._orig_mod."}) {
    net = Net();
    load_state_dict(net, under(plain, prefix), {.strip = {"module", "_orig_mod."}});
    EXPECT_EQ(first(net.b.weight), 6) << prefix;
  }
  StateDict part = plain;
  part.erase("a.bias");
  expect_has(
      error_text([&] { load_state_dict(net, part, {.strict = false, .strip = {"wrong."}}); }),
      "no key has 'wrong.', which .strip takes off");
}

TEST(LoadState, RenameByPairsAndByAFunction) {
  Net net;
  StateDict dict = {{"enc.0.gamma", full({2, 3}, 7)},
                    {"enc.0.beta", ones({2})},
                    {"enc.1.gamma", ones({2, 2})},
                    {"enc.1.beta", ones({2})},
                    {"encoder.x", ones({1})}};
  const LoadReport report = load_state_dict(
      net, dict,
      {.strict = false,
       .rename = {{"enc.0", "a"}, {"enc.1", "b"}, {"gamma", "weight"}, {".beta", ".bias"}}});
  EXPECT_EQ(report.loaded.size(), 4u);
  EXPECT_EQ(report.sources.at("a.weight"), "enc.0.gamma");
  EXPECT_EQ(report.unexpected, (Keys{"encoder.x"})) << "whole components alone are renamed";
  EXPECT_EQ(first(net.a.weight), 7);
  const auto by_function = [](const std::string& key) -> std::string {
    return key == "encoder.x" ? ""
                              : (key[4] == '0' ? "a." : "b.") +
                                    std::string(key.ends_with("gamma") ? "weight" : "bias");
  };
  EXPECT_TRUE(load_state_dict(net, dict, {.rename = by_function}).complete());
  expect_has(error_text([&] { load_state_dict(net, dict, {.rename = {{"dec", "a"}}}); }),
             "no key has 'dec', which .rename changes");
  expect_has(
      error_text([&] { load_state_dict(net, dict, {.rename = {{"enc.0", "a"}, {"enc.1", "a"}}}); }),
      "'enc.0.beta' and 'enc.1.beta' both become 'a.beta'");
}

TEST(LoadState, TheHintIsTriedAndMessagesAreBounded) {
  std::vector<Linear> layers(100, Linear(1, 1));
  StateDict dict = under(filled(layers, 1), "model.");
  const std::string text = error_text([&] { load_state_dict(layers, dict); });
  expect_has(text, "load_state_dict: 400 keys do not fit the model:");
  expect_has(text, "… 190 more missing, 190 more unexpected");
  expect_has(text, "With {.prefix = \"model.\"} all 200 tensors of the model fit.");
  EXPECT_LT(text.size(), 2500u);
  // Of the right names, with the wrong shapes: no option would help.
  for (auto& [key, t] : dict) t = ones({9});
  EXPECT_EQ(error_text([&] { load_state_dict(layers, dict); }).find("With {"), std::string::npos);
  Net net;
  const std::string whole =
      error_text([&] { load_state_dict(net, {{std::string(70000, 'x'), ones({1})}}); });
  EXPECT_LT(whole.size(), 2500u);
  Wrapper wrapper;
  expect_has(error_text([&] { load_state_dict(wrapper, filled(net, 1)); }),
             "The keys fit what the model holds under 'net': load that part of it.");
}

TEST(LoadState, FilesOfBefore041LackACounter) {
  Normed m;
  m.norm.num_batches_tracked = full({}, 9).to(kInt64);
  StateDict dict = filled(m, 1);
  dict.erase("norm.num_batches_tracked");
  const LoadReport report = load_state_dict(m, dict);
  EXPECT_EQ(report.filled, (Keys{"norm.num_batches_tracked"}));
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(m.norm.num_batches_tracked.item<int>(), 0);
  dict.erase("norm.running_mean");
  expect_has(error_text([&] { load_state_dict(m, dict); }), "2 keys do not fit the model");
}

TEST(LoadState, ATieNeedsOneOfItsNames) {
  Tied m;
  const StateDict both = filled(m, 8);
  ASSERT_EQ(both.size(), 4u);
  StateDict one = both;
  one.erase("out.weight");
  one.erase("in.bias");
  const LoadReport report = load_state_dict(m, one);
  EXPECT_TRUE(report.complete()) << report.str();
  EXPECT_EQ(report.loaded.size(), 4u);
  EXPECT_EQ(report.sources.at("out.weight"), "in.weight");
  EXPECT_EQ(first(m.in->weight), 8);
  EXPECT_TRUE(load_state_dict(m, both).complete());
  StateDict torn = both;
  torn["out.weight"] = zeros({2, 2});
  expect_has(error_text([&] { load_state_dict(m, torn); }),
             "load_state_dict: 'in.weight' and 'out.weight' are one tensor in the model, and two "
             "different ones here.");
}

TEST(LoadState, AFileIsReportedByItsName) {
  const TempDir dir;
  Net net;
  for (const char* name : {"x.safetensors", "x.pt", "x.npz", "x.gguf", "x"}) {
    SCOPED_TRACE(name);
    Net other;
    save(net, dir.file(name));
    const LoadReport report = load(other, dir.file(name));
    EXPECT_TRUE(report.complete()) << report.str();
    EXPECT_EQ(other.a.weight.to_vector<float>(), net.a.weight.to_vector<float>());
  }
  Wrapper wrapper;
  const std::string text = error_text([&] { load(wrapper, dir.file("x.pt")); });
  expect_has(text, "load: x.pt: 8 keys do not fit the model:");
  expect_has(text, "load that part of it");
  EXPECT_TRUE(load(wrapper.net, dir.file("x.pt")).complete());
}

TEST(Escaped, ControlBytesAndBrokenTextAreShown) {
  EXPECT_EQ(escaped("plain"), "plain");
  EXPECT_EQ(escaped("a\x1b[31m\n\t\\"), "a\\x1b[31m\\n\\t\\\\");
  EXPECT_EQ(escaped("重み"), "重み");
  EXPECT_EQ(escaped("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(escaped("\xc2\x9b"), "\\xc2\\x9b") << "a control character beyond ASCII";
  EXPECT_EQ(escaped(std::string(100, 'x'), 10), "xxxxxxxxxx…");
}

}  // namespace
}  // namespace lilith
