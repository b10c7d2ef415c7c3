// Writes the seeds of every corpus below a folder: make_corpus DIR. A corpus of files of weights is
// a folder a format; fuzz_file runs on each.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include "lilith/graph_names.h"
#include "lilith/lilith.h"
#include "support/torch_bytes.h"

namespace fs = std::filesystem;
namespace torch = lilith::testing::torch;
using namespace lilith;

namespace {

fs::path root;

std::string place(const std::string& corpus, const std::string& name) {
  fs::create_directories(root / corpus);
  return (root / corpus / name).string();
}

void put(const std::string& corpus, const std::string& name, const std::string& bytes) {
  std::ofstream(place(corpus, name), std::ios::binary) << bytes;
}

TensorDict small_tensors() {
  TensorDict d({{"a.weight", arange(6).to(kFloat32).reshape({2, 3})},
                {"a.bias", full({3}, 0.5, {.dtype = kFloat16})},
                {"n", tensor(7)}});
  d.metadata["format"] = "pt";
  return d;
}

void weights() {
  save_tensors(small_tensors(), place("safetensors", "small.safetensors"));
  save_tensors(small_tensors(), place("zip", "small.pt"));
  save_tensors(small_tensors(), place("zip", "small.npz"));
  put("safetensors", "index.json",
      R"({"metadata":{"total_size":8},"weight_map":{"a":"x-00001-of-00002.safetensors","b":"y"}})");
  TensorDict blocks({{"w", ones({2, 256})}, {"v", arange(32).to(kFloat32)}});
  save_tensors(blocks, place("gguf", "small.gguf"));
  for (const DType dtype : {kFloat32, kInt64, kBool})
    save_tensors(TensorDict({{"x", ones({2, 3}, {.dtype = dtype})}}),
                 place("npy", std::string(name(dtype)) + ".npy"));
  put("npy", "fortran.npy",
      std::string("\x93NUMPY\x01\x00\x3e\x00", 10) +
          "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 1), }   \n" + std::string(8, '\1'));
}

void torch_files() {
  const std::string values = torch::elements<float>({1, 2, 3, 4, 5, 6});
  const std::string object = torch::dict(
      {{"w", torch::tensor(torch::storage("Float", "0", 6), 1, {2, 2}, {2, 1})},
       {"p", torch::parameter(torch::floats("0", 6))},
       {"m",
        torch::object(torch::global("torch.nn.modules.linear", "Linear"),
                      torch::dict({{"_parameters", torch::ordered({{"b", torch::floats("0", 6)}})},
                                   {"_buffers", torch::ordered({})},
                                   {"_modules", torch::ordered({})}}))},
       {"list", torch::list({torch::integer(3), torch::real(0.5), torch::none(), torch::yes()})}});
  torch::write_zip(place("zip", "object.pt"), object, {{"0", values}});
  put("torch_legacy", "object.pth", torch::legacy(object, {{"0", 6, values}}));
  put("torch_legacy", "half.pth",
      torch::legacy(
          torch::dict({{"h", torch::tensor(torch::storage("Half", "1", 2), 0, {2}, {1})}}),
          {{"1", 2, std::string(4, '\x3c')}}));
  put("tar", "old.pth",
      torch::tar({{"sys_info", torch::pickle(torch::dict({{"little_endian", torch::yes()}}))},
                  {"pickle", torch::pickle(object)},
                  {"storages", torch::pickle(torch::integer(0))},
                  {"tensors", torch::pickle(torch::integer(0))}}));
  put("pickle", "object.pkl", torch::pickle(object));
  put("pickle", "protocol4.pkl",
      std::string("\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00", 11) + "}\x94\x8c\x01" +
          "a\x94K\x01s.");
}

void tables() {
  put("csv", "header.csv", std::string(1, '\0') + "a,b,y\n1,2,3\n-4.5e3,0x1p3,\"6\"\n\n");
  put("csv", "semicolons.csv", std::string(1, '\x04') + "1;2\r\n3;4\r\n");
  put("csv", "named.csv", std::string(1, '\x0b') + "y,x\n1,2\n");
  put("idx", "images.idx", std::string("\0\0\x08\x03\0\0\0\1\0\0\0\2\0\0\0\2abcd", 20));
  put("idx", "floats.idx", std::string("\0\0\x0d\x01\0\0\0\1\x3f\x80\0\0", 12));
}

void graphs() {
  struct Net {
    Conv2d conv{1, 2, 3};
    Linear fc{8, 2};
    Tensor operator()(Tensor x) const {
      return log_softmax(fc(max_pool2d(relu(conv(x)), 2).flatten(1)), 1);
    }
  } net;
  const auto loss = [](const Net& m, Tensor x) { return m(x).mean(); };
  const Tensor x = ones({1, 1, 6, 6});
  put("graph_text", "forward.txt", trace(loss, net, x).str());
  put("graph_text", "step.txt",
      trace([&](const Net& m, Tensor x) { return grad(loss, m, x).second; }, net, x).str(false));
  put("graph_text", "random.txt",
      trace([](Tensor x) { return dropout(x, 0.5, true).sum() + randn({3}).max(); }, x).str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_corpus DIR\n");
    return 2;
  }
  root = argv[1];
  weights();
  torch_files();
  tables();
  graphs();
  return 0;
}
