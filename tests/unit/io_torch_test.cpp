// Files of torch.save, of every layout that it had, and what stands in them beside plain tensors.
#include "io/torch_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

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

using TorchLayouts = testing::TorchFileTest;
using TorchModules = testing::TorchFileTest;
using TorchValues = testing::TorchFileTest;
using TorchSave = testing::TorchFileTest;

TEST_F(TorchLayouts, Before16) {
  // As Python 2 and CUDA wrote it: an OrderedDict of pairs, storages of torch.cuda, a view of a
  // storage in the persistent id.
  const std::string view = torch::tuple({torch::text("v"), torch::integer(2), torch::integer(3)});
  const std::string object = torch::call(
      torch::global("collections", "OrderedDict"),
      {torch::list(
          {torch::list({"U\x01"
                        "a",
                        torch::tensor(torch::storage("Float", "7", 6, torch::none(), "torch.cuda"),
                                      1, {2, 2}, {1, 3}, {}, "_rebuild_tensor")}),
           torch::list({torch::text("b"),
                        torch::tensor(torch::storage("Float", "7", 6, view), 1, {2}, {1})}),
           torch::list(
               {torch::text("c"), torch::tensor(torch::storage("Half", "1", 1), 0, {}, {})})})});
  const std::string file =
      torch::legacy(object, {{"1", 1, torch::elements<std::uint16_t>({0x3c00})}, {"7", 6, six}});
  const TensorDict d = bytes(file);
  EXPECT_EQ(d["a"].shape(), (Shape{2, 2}));
  EXPECT_EQ(d["a"].to_vector<float>(), (Floats{1, 4, 2, 5}));
  EXPECT_EQ(d["b"].to_vector<float>(), (Floats{3, 4}));
  EXPECT_EQ(d["c"].dtype(), DType::F16);
  EXPECT_EQ(d["c"].item<float>(), 1);
  EXPECT_NE(error_text([&] {
              bytes(file.substr(0, file.size() - 1));
            }).find("is truncated or damaged: the storage 7 needs 24 bytes"),
            std::string::npos);
  EXPECT_NE(error_text([&] {
              bytes(torch::legacy(torch::dict({{"a", torch::floats("7", 6)}}), {{"7", -1, six}}));
            }).find("the storage 7 has -1 elements"),
            std::string::npos);
}

TEST_F(TorchLayouts, TarOfVersion01) {
  const auto record = [](const std::vector<std::string>& items) {
    return torch::pickle(torch::tuple(items));
  };
  const auto number = [](std::int64_t v) { return torch::little(v); };
  const std::string storages =
      torch::pickle(torch::integer(1)) +
      record({torch::text("11"), torch::text("cpu"), torch::global("torch", "FloatStorage")}) +
      number(6) + six +
      torch::pickle(torch::list({torch::tuple(
          {torch::text("12"), torch::text("11"), torch::integer(3), torch::integer(3)})}));
  const auto matrix = number(2) + number(2) + number(3) + number(1) + number(2) + number(0);
  const std::string tensors =
      torch::pickle(torch::integer(2)) +
      record({torch::text("21"), torch::text("11"), torch::global("torch", "FloatTensor")}) +
      matrix +
      record({torch::text("22"), torch::text("12"), torch::global("torch", "FloatTensor")}) +
      number(1) + number(2) + number(1) + number(1);
  const auto id = [](const std::string& key) { return torch::text(key) + 'Q'; };
  // A module's class is a persistent id too; a Parameter keeps its tensor in its state.
  const std::string linear = torch::tuple({torch::global("torch.nn.modules.linear", "Linear"),
                                           torch::none(), torch::none()}) +
                             'Q';
  const std::string weight = torch::object(torch::global("torch.nn.parameter", "Parameter"),
                                           torch::tuple({id("22"), torch::yes()}));
  const std::string module =
      torch::object(linear, torch::dict({{"_parameters", torch::ordered({{"weight", weight}})},
                                         {"_buffers", torch::ordered({})},
                                         {"_modules", torch::ordered({})}}));
  const TensorDict d =
      bytes(torch::tar({{"sys_info", torch::pickle(torch::dict({}))},
                        {"pickle", torch::pickle(torch::dict({{"m", id("21")}, {"fc", module}}))},
                        {"storages", storages},
                        {"tensors", tensors}}));
  EXPECT_EQ(d["m"].shape(), (Shape{2, 3}));
  EXPECT_EQ(d["m"].to_vector<float>(), (Floats{0, 2, 4, 1, 3, 5}));
  EXPECT_EQ(d["fc.weight"].to_vector<float>(), (Floats{4, 5}));
  EXPECT_EQ(d.metadata.at("fc.__class__"), "torch.nn.modules.linear.Linear");
  EXPECT_NE(error_text([&] {
              bytes(torch::tar({{"readme", "hello"}}));
            }).find("is a tar archive, but not torch.save's"),
            std::string::npos);
}

TEST_F(TorchLayouts, BigEndianAndLargeFiles) {
  const std::string object =
      torch::dict({{"a", torch::tensor(torch::storage("Float", "0", 1), 0, {1}, {1})},
                   {"b", torch::tensor(torch::storage("Byte", "1", 2), 0, {2}, {1})}});
  const std::vector<torch::Member> storages = {{"0", "\x3f\xc0\x00\x00"s}, {"1", "\x01\x02"s}};
  const TensorDict d = zip(object, storages, {{"byteorder", "big"}});
  EXPECT_EQ(d["a"].item<float>(), 1.5f);
  EXPECT_EQ(d["b"].to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{1, 2}));
  // Large enough to be mapped: tensors lie in the file's memory, views of it too.
  std::string large(std::size_t{17} << 20, '\0');
  large.replace(40, six.size(), six);
  const auto count = static_cast<std::int32_t>(large.size() / 4);
  const TensorDict m =
      zip(torch::dict({{"all", torch::floats("0", count)},
                       {"part", torch::tensor(torch::storage("Float", "0", count), 10, {6}, {1})}}),
          {{"0", large}});
  EXPECT_EQ(m["part"].to_vector<float>(), (Floats{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(static_cast<const char*>(m["part"].raw_data()),
            static_cast<const char*>(m["all"].raw_data()) + 40);
}

TEST_F(TorchModules, HaveTheNamesOfTheirStateDict) {
  const auto module = [](const std::string& type, const std::string& parameters,
                         const std::string& buffers, const std::string& modules,
                         std::vector<std::pair<std::string, std::string>> more) {
    more.insert(more.begin(), {{"training", torch::yes()},
                               {"_parameters", parameters},
                               {"_buffers", buffers},
                               {"_backward_hooks", torch::ordered({})},
                               {"_modules", modules}});
    return torch::object(torch::global("torch.nn.modules", type), torch::dict(more));
  };
  const std::string weight = torch::parameter(torch::floats("0", 6));
  const std::string inner = module(
      "Norm", torch::dict({{"weight", weight}, {"bias", torch::none()}}),
      torch::dict({{"mean", torch::floats("1", 1)}, {"cache", torch::floats("2", 1)}}),
      torch::dict({}),
      {{"_non_persistent_buffers_set",
        torch::call(torch::global("__builtin__", "set"), {torch::list({torch::text("cache")})})},
       {"eps", torch::real(0.5)}});
  const std::string outer =
      module("Net", torch::dict({}), torch::dict({}), torch::ordered({{"norm", inner}}),
             {{"plain", torch::floats("3", 1)},
              {"all_weights", torch::list({weight, torch::floats("2", 1)})}});
  const TensorDict d = zip(torch::dict({{"model", outer}, {"epoch", torch::integer(3)}}),
                           {{"0", six},
                            {"1", torch::elements<float>({7})},
                            {"2", torch::elements<float>({8})},
                            {"3", torch::elements<float>({9})}});
  std::vector<std::string> names;
  for (const auto& [name, t] : d) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"model.norm.weight", "model.norm.mean", "model.plain",
                                             "model.all_weights.1"}));
  EXPECT_EQ(d["model.norm.weight"].to_vector<float>(), (Floats{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(d["model.plain"].item<float>(), 9);
  EXPECT_EQ(d.metadata.at("model.__class__"), "torch.nn.modules.Net");
  EXPECT_EQ(d.metadata.at("model.norm.eps"), "0.5");
  EXPECT_EQ(d.metadata.at("epoch"), "3");
}

TEST_F(TorchModules, TorchScriptIsReadByAttributes) {
  const auto script = [](const std::string& type, const std::string& state) {
    return torch::object(torch::global("__torch__." + type, "M"), state);
  };
  const std::string net =
      script("a", torch::dict({{"training", torch::yes(false)},
                               {"fc", script("b", torch::dict({{"w", torch::floats("0", 6)}}))},
                               {"_flat", torch::list({torch::floats("0", 6)})}}));
  const std::vector<torch::Member> code = {{"code/__torch__.py", "class M: pass"},
                                           {"constants.pkl", torch::pickle(")")}};
  const TensorDict d = zip(net, {{"0", six}}, code);
  EXPECT_EQ(d.size(), 1u);
  EXPECT_EQ(d["fc.w"].to_vector<float>(), (Floats{0, 1, 2, 3, 4, 5}));
  // A frozen module's weights are constants of its code.
  const TensorDict frozen =
      zip(script("a", torch::dict({{"training", torch::yes(false)}})), {},
          {{"constants.pkl", torch::pickle(torch::tuple({torch::floats("0", 6)}))},
           {"constants/0", six}});
  EXPECT_EQ(frozen["CONSTANTS.c0"].to_vector<float>(), (Floats{0, 1, 2, 3, 4, 5}));
}

TEST_F(TorchModules, TorchScriptBefore14) {
  const std::string model = R"({"mainModule": {"name": "", "parameters": [],
    "submodules": [{"name": "fc", "parameters": [
      {"isBuffer": false, "tensorId": "0", "name": "weight"},
      {"isBuffer": true, "tensorId": "1", "name": "count"}]}]},
    "tensors": [
      {"dims": ["2", "2"], "offset": "1", "strides": ["1", "2"], "dataType": "FLOAT",
       "data": {"key": "tensors/0"}},
      {"dims": [], "offset": "0", "strides": [], "dataType": "INT64",
       "data": {"key": "tensors/1"}}]})";
  const std::vector<torch::Member> data = {{"tensors/0", six},
                                           {"tensors/1", torch::elements<std::int64_t>({7})}};
  const auto load_json = [&](const std::string& json) {
    std::vector<torch::Member> members = data;
    members.push_back({"model.json", json});
    return zip("", {}, members);
  };
  const TensorDict d = load_json(model);
  EXPECT_EQ(d["fc.weight"].to_vector<float>(), (Floats{1, 3, 2, 4}));
  EXPECT_EQ(d["fc.count"].item<std::int64_t>(), 7);
  EXPECT_NE(error_text([&] { load_json("{\"a\": 1}"); }).find("its model.json is broken"),
            std::string::npos);
}

TEST_F(TorchValues, KeysAndOddValues) {
  const std::string a = torch::floats("0", 6);
  const std::string big = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
  const std::string object =
      "}"s +
      torch::pairs({{torch::tuple({torch::text("a"), torch::integer(1)}), a},
                    {torch::none(), a},
                    {torch::yes(), a},
                    {torch::real(0.5), a},
                    {"C\x01w"s, a},
                    {big, a},
                    {torch::integer(-3), a},
                    {torch::integer(1), a},
                    {torch::text("1"), a},
                    {torch::text("x.y"), a},
                    {torch::text("x"), torch::dict({{"y", a}})},
                    {torch::text("big"), big},
                    {torch::text("bytes"), "C\x02\x00z"s},
                    {torch::text("set"), "\x8f(K\x01\x90"s},
                    {torch::text("complex"), torch::call(torch::global("__builtin__", "complex"),
                                                         {torch::real(1), torch::real(-2)})},
                    {torch::text("device"), torch::call(torch::global("torch", "device"),
                                                        {torch::text("cuda"), torch::integer(1)})},
                    {torch::text("dtype"), torch::global("torch", "float32")}});
  const TensorDict d = zip(object, {{"0", six}});
  for (const char* name :
       {"('a', 1)", "None", "True", "0.5", "b'w'", "119547037146038801333356", "-3"})
    EXPECT_TRUE(d.contains(name)) << name;
  for (const char* name : {"1", "x.y"})
    EXPECT_NE(error_text([&] { d[name]; }).find("is the name of 2 tensors"), std::string::npos);
  EXPECT_EQ(d.size(), 7u);
  EXPECT_EQ(d.metadata.at("big"), "119547037146038801333356");
  EXPECT_EQ(d.metadata.at("bytes"), "b'\\x00z'");
  EXPECT_EQ(d.metadata.at("set.0"), "1");
  EXPECT_EQ(d.metadata.at("complex"), "(1-2j)");
  EXPECT_EQ(d.metadata.at("device"), "cuda:1");
  EXPECT_EQ(d.metadata.at("dtype"), "torch.float32");
}

TEST_F(TorchValues, CyclesDepthAndSharing) {
  // d = {"self": d, "t": …}
  const TensorDict cycle = zip(
      "}q\x01("s + torch::text("self") + "h\x01" + torch::text("t") + torch::floats("0", 6) + 'u',
      {{"0", six}});
  EXPECT_EQ(cycle.size(), 1u);
  std::string deep = torch::floats("0", 6);
  for (int i = 0; i < 300; ++i) deep = torch::dict({{"k", deep}});
  EXPECT_EQ(zip(deep, {{"0", six}}).size(), 1u);
  // Lists of two that share their items: 2^40 names.
  std::string doubled =
      "]q\x01K\x01"
      "a";
  for (int i = 0; i < 40; ++i)
    doubled += "]q"s + static_cast<char>(i + 2) + "(h" + static_cast<char>(i + 1) + "h" +
               static_cast<char>(i + 1) + 'e';
  EXPECT_NE(error_text([&] { zip(doubled, {}); }).find("its values nest without end"),
            std::string::npos);
  // Quantised by itself, and a parameter of itself: references where no pickler makes them.
  const std::string loop =
      "]q\x01"s + torch::call(torch::global("torch._utils", "_rebuild_qtensor"), {"h\x01"s}) + "a";
  EXPECT_EQ(zip(loop, {}).size(), 0u);
}

TEST_F(TorchValues, OldTextProtocols) {
  const std::string pickle =
      "(dp0\nS'it\\'s\\n'\np1\nI-5\nsVA\\u00e9\np2\nF1.5\nsS'l'\n("
      "lp3\nI01\naL12345678901234567890L\n"
      "asS't'\n(I1\nI2\ntp4\nsS'g'\ng1\ns.";
  const io::Pickle p =
      io::parse_pickle({reinterpret_cast<const std::uint8_t*>(pickle.data()), pickle.size()}, "x");
  EXPECT_EQ(io::pickle_repr(*p.root),
            "{'it\\'s\\n': -5, 'A\u00e9': 1.5, 'l': [True, 12345678901234567890], 't': (1, 2), "
            "'g': 'it\\'s\\n'}");
  EXPECT_EQ(p.bytes, pickle.size());
}

TEST_F(TorchValues, MessagesSayWhatTheFileIs) {
  const auto message = [&](const std::string& all) { return error_text([&] { bytes(all); }); };
  EXPECT_NE(message(torch::pickle(torch::object(torch::global("sklearn.svm", "SVC"), "}")))
                .find("is a Python pickle of sklearn.svm.SVC, which torch.save did not write"),
            std::string::npos);
  EXPECT_NE(error_text([&] {
              torch::write_zip(dir.file("x.pt2"), "", {}, {{"archive_format", "pt2"}});
              load_tensors(dir.file("x.pt2"));
            }).find("is a program that torch.export or torch.jit wrote (.pt2)"),
            std::string::npos);
}

TEST_F(TorchSave, IsReadBack) {
  const Tensor w = arange(0, 6).reshape({2, 3}).to(kFloat32);
  TensorDict d{{"w", w},
               {"tied", w},
               {"h", ones({2}, {.dtype = kFloat16})},
               {"b", full({1}, true, {.dtype = kBool})},
               {"empty", zeros({0, 3})},
               {"scalar", full({}, 7, {.dtype = kInt64})}};
  d.metadata["note"] = "a\n\u00e9";
  for (const char* name : {"x.pt", "x.pth", "x.pth.tar", "x.th"}) {
    const std::string path = dir.file(name);
    save_tensors(d, path);
    EXPECT_EQ(torch::read_file(path).substr(0, 4), "PK\x03\x04") << name;
    const TensorDict back = load_tensors(path);
    ASSERT_EQ(back.size(), d.size());
    for (const auto& [key, t] : d) {
      EXPECT_EQ(back[key].shape(), t.shape()) << key;
      EXPECT_EQ(back[key].dtype(), t.dtype()) << key;
      EXPECT_EQ(std::memcmp(back[key].raw_data(), t.raw_data(), t.aval().bytes()), 0) << key;
    }
    EXPECT_EQ(back.metadata, d.metadata);
  }
  // One storage for both names, each at a multiple of 64.
  const io::ZipFile archive(dir.file("x.pt"));
  int storages = 0;
  for (const std::string& name : archive.names()) {
    if (name.find("/data/") == name.npos) continue;
    ++storages;
    EXPECT_EQ(archive.place(name)->offset % 64, 0u) << name;
  }
  EXPECT_EQ(storages, 5);
  EXPECT_NE(error_text([&] { save_tensors({{"\xff", w}}, dir.file("y.pt")); }).find("not UTF-8"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(dir.file("y.pt")));
}

TEST_F(TorchSave, AModelComesBack) {
  Linear a(3, 2), b(3, 2);
  save(a, dir.file("net.pt"));
  load(b, dir.file("net.pt"));
  EXPECT_EQ(a.weight.to_vector<float>(), b.weight.to_vector<float>());
  EXPECT_EQ(a.bias.to_vector<float>(), b.bias.to_vector<float>());
}

}  // namespace
}  // namespace lilith
