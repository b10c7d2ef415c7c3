// PyTorch itself, where LILITH_PYTHON names one: it reads what is written, and what it writes is
// read as it would be.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "lilith/io.h"
#include "lilith/nn.h"
#include "lilith/ops.h"
#include "support/python.h"
#include "support/temp_dir.h"

namespace lilith {
namespace {

using testing::TempDir;

constexpr const char* kReads = R"(
import sys, torch
for options in ({}, {'mmap': True}):
    d = torch.load(sys.argv[1], weights_only=True, **options)
    assert list(d) == ['w', 'tied', 'h', 'bf', 'mask', 'bytes', 'empty', 'scalar', '\u91cd.\u307f'], list(d)
    assert torch.equal(d['w'], torch.arange(6.).reshape(2, 3))
    assert d['w'].data_ptr() == d['tied'].data_ptr() and d['w'].data_ptr() % 64 == 0
    assert torch.equal(d['h'], torch.full((2,), .5, dtype=torch.float16))
    assert torch.equal(d['bf'], torch.full((2,), -2, dtype=torch.bfloat16))
    assert torch.equal(d['mask'], torch.tensor([True]))
    assert torch.equal(d['bytes'], torch.full((3,), 200, dtype=torch.uint8))
    assert d['empty'].shape == (0, 3) and d['empty'].dtype == torch.float64
    assert torch.equal(d['scalar'], torch.tensor(-2**40))
m = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
m.load_state_dict(torch.load(sys.argv[2], weights_only=True))
)";

TEST(TorchPython, ReadsWhatIsWritten) {
  LILITH_PYTHON_OR_SKIP("torch");
  const TempDir dir;
  const Tensor w = arange(0, 6).reshape({2, 3}).to(kFloat32);
  save_tensors({{"w", w},
                {"tied", w},
                {"h", full({2}, 0.5, {.dtype = kFloat16})},
                {"bf", full({2}, -2, {.dtype = kBFloat16})},
                {"mask", full({1}, true, {.dtype = kBool})},
                {"bytes", full({3}, 200, {.dtype = kUInt8})},
                {"empty", zeros({0, 3}, {.dtype = kFloat64})},
                {"scalar", full({}, -(std::int64_t{1} << 40), {.dtype = kInt64})},
                {"\u91cd.\u307f", w}},
               dir.file("x.pt"));
  struct Net {
    Linear linear{3, 2};
    BatchNorm1d norm{2};
  } net;
  TensorDict renamed;
  for (const auto& [key, value] : state_dict(net))
    renamed.add((key.starts_with("linear") ? "0" : "1") + key.substr(key.find('.')), value);
  save_tensors(renamed, dir.file("net.pt"));
  EXPECT_EQ(testing::python_failure(kReads, dir.file("x.pt") + ' ' + dir.file("net.pt")), "");
}

// Writes FOLDER/NAME.pt and what it holds, as lines "name, dtype, shape, bytes".
constexpr const char* kWrites = R"(
import sys, collections, numpy as np, torch, warnings
warnings.filterwarnings('ignore')
folder, T = sys.argv[1], torch.randn
wider = {torch.uint16: torch.int32, torch.uint32: torch.int64, torch.uint64: torch.int64}
short = {torch.float32: 'f32', torch.float64: 'f64', torch.float16: 'f16', torch.bfloat16: 'bf16',
         torch.int64: 'i64', torch.int32: 'i32', torch.int16: 'i16', torch.int8: 'i8',
         torch.uint8: 'u8', torch.bool: 'bool'}
def flat(name, o, out):
    if isinstance(o, torch.nn.Module): o = o.state_dict()
    if isinstance(o, (torch.Tensor, np.ndarray)): out[name] = o
    elif isinstance(o, dict): [flat(f'{name}.{k}' if name else str(k), v, out) for k, v in o.items()]
    elif isinstance(o, (list, tuple, collections.deque)):
        [flat(f'{name}.{i}' if name else str(i), v, out) for i, v in enumerate(o)]
    return out
def write(name, o, **options):
    torch.save(o, f'{folder}/{name}.pt', **options)
    expect(name, flat('', o, {}))
def expect(name, tensors):
    with open(f'{folder}/{name}.expected', 'w') as f:
        for key, t in tensors.items():
            t = torch.as_tensor(t).detach().clone()
            t = t.dequantize() if t.is_quantized else t.resolve_neg()
            if 'float8' in str(t.dtype): t = t.float()
            t = t.to(wider.get(t.dtype, t.dtype)).contiguous()
            data = t.reshape(-1).view(torch.uint8).numpy().tobytes().hex()
            print(key, short[t.dtype], ','.join(map(str, t.shape)), data, sep='\t', file=f)
old = {'_use_new_zipfile_serialization': False}
types = [getattr(torch, n) for n in ['float32', 'float64', 'float16', 'bfloat16', 'int64',
         'int32', 'int16', 'int8', 'uint8', 'bool', 'uint16', 'uint32', 'uint64', 'float8_e4m3fn',
         'float8_e5m2', 'float8_e4m3fnuz', 'float8_e5m2fnuz', 'float8_e8m0fnu']]
base = torch.arange(60.).reshape(3, 4, 5)
views = {'t': base.permute(2, 0, 1), 's': base[1:, ::2, 3], 'e': base[:, :1].expand(3, 4, 5),
         'd': base[0].diagonal(), 'z': base[0:0], 'u': torch.arange(9.).unfold(0, 3, 1), '0': base[1, 1, 1],
         'cl': T(2, 3, 4, 5).contiguous(memory_format=torch.channels_last), 'neg': torch._neg_view(base[0].t()),
         'im': torch.randn(3, dtype=torch.complex64).conj().imag}
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.emb, self.out = torch.nn.LSTM(3, 4, 2), torch.nn.Embedding(5, 3), torch.nn.Linear(3, 5)
        self.out.weight = self.emb.weight
        self.register_buffer('mask', torch.ones(3))
        self.register_buffer('scratch', torch.zeros(2), persistent=False)
        self.attention, self.twice = torch.nn.MultiheadAttention(4, 2), self.out
        self.list = torch.nn.ParameterList([T(1), T(2)])
        self.norm = torch.nn.BatchNorm2d(2)
write('types', {str(d): torch.arange(6.).reshape(2, 3).to(d) for d in types})
write('views', views)
write('views_old', views, **old)
write('tuple', (T(2), [T(3), {'x': T(1)}], collections.deque([T(1)])))
write('tensor', {'tensor': T(2, 2)})
quantised = {'a': torch.quantize_per_tensor(T(2, 3), .1, 3, torch.quint8),
             'c': torch.quantize_per_channel(T(2, 3, 4), torch.rand(3) + .1, torch.tensor([1, 2, 3]), 1, torch.qint8)}
write('quantised', quantised)
write('quantised_old', quantised, **old)
state = collections.OrderedDict((f'module.{k}', v) for k, v in Net().state_dict().items())
write('th', {'state_dict': state, 'best_prec1': 91.5}, **old)
for protocol in (1, 2, 3, 4, 5):
    write(f'net{protocol}', {'model': Net(), 'epoch': 3}, pickle_protocol=protocol)
    write(f'net{protocol}_old', Net(), pickle_protocol=protocol, **old)
    arrays = {'a': np.arange(6.).reshape(2, 3), 'f': np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
              'u': np.arange(3, dtype=np.uint16), 'b': np.array([True, False]), '0': np.array(3.5)}
    write(f'numpy{protocol}', arrays, pickle_protocol=protocol)
model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).eval()
torch.jit.script(model).save(f'{folder}/script.pt')
expect('script', model.state_dict())
)";

struct Expected {
  std::string dtype, shape, bytes;
};

std::map<std::string, Expected> read_expected(const std::string& path) {
  std::map<std::string, Expected> out;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string name;
    Expected e;
    std::getline(fields, name, '\t');
    std::getline(fields, e.dtype, '\t');
    std::getline(fields, e.shape, '\t');
    std::getline(fields, e.bytes, '\t');
    out.emplace(name, e);
  }
  return out;
}

std::string hex(const Tensor& t) {
  std::string out;
  const auto* p = static_cast<const std::uint8_t*>(t.raw_data());
  for (std::size_t i = 0; i < t.aval().bytes(); ++i) out += fmt::format("{:02x}", p[i]);
  return out;
}

TEST(TorchPython, WhatItWritesIsReadAsItReadsIt) {
  LILITH_PYTHON_OR_SKIP("torch, numpy");
  const TempDir dir;
  ASSERT_EQ(testing::python_failure(kWrites, dir.path().string()), "");
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(dir.path())) {
    if (file.path().extension() != ".pt") continue;
    ++files;
    SCOPED_TRACE(file.path().filename().string());
    const TensorDict d = load_tensors(file.path().string());
    const auto expected =
        read_expected(std::filesystem::path(file.path()).replace_extension(".expected").string());
    EXPECT_EQ(d.size(), expected.size());
    EXPECT_TRUE(d.refused().empty());
    for (const auto& [key, e] : expected) {
      ASSERT_TRUE(d.contains(key)) << key;
      const Tensor& t = d[key];
      EXPECT_EQ(name(t.dtype()), e.dtype) << key;
      EXPECT_EQ(t.shape().str(), '[' + e.shape + ']') << key;
      EXPECT_EQ(hex(t), e.bytes) << key;
    }
  }
  EXPECT_GT(files, 20);
}

}  // namespace
}  // namespace lilith
