#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "io/torch_file.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

constexpr std::uint64_t kAlignment = 64;  // as PyTorch's own writer

const char* storage_name(DType dtype) {
  switch (dtype) {
    case DType::Bool:
      return "BoolStorage";
    case DType::U8:
      return "ByteStorage";
    case DType::I8:
      return "CharStorage";
    case DType::I16:
      return "ShortStorage";
    case DType::I32:
      return "IntStorage";
    case DType::I64:
      return "LongStorage";
    case DType::F16:
      return "HalfStorage";
    case DType::BF16:
      return "BFloat16Storage";
    case DType::F32:
      return "FloatStorage";
    case DType::F64:
      return "DoubleStorage";
    default:
      fail("save: {} tensors are not written.", name(dtype));
  }
}

// Writes a pickle of protocol 2. What is named again and again is remembered and referred to.
class PickleWriter {
 public:
  PickleWriter() { out_ = "\x80\x02"; }

  std::string take() {
    out_ += '.';
    return std::move(out_);
  }
  void op(char code) { out_ += code; }
  void text(const std::string& s) {
    out_ += 'X';
    little(s.size(), 4);
    out_ += s;
  }
  void integer(std::int64_t v) {
    if (v >= 0 && v < 256) {
      out_ += 'K';
      little(static_cast<std::uint64_t>(v), 1);
    } else if (v >= INT32_MIN && v <= INT32_MAX) {
      out_ += 'J';
      little(static_cast<std::uint64_t>(v), 4);
    } else {
      out_ += "\x8a\x08";
      little(static_cast<std::uint64_t>(v), 8);
    }
  }
  // "module\nname"
  void global(const std::string& name) { remembered('c' + name + '\n'); }
  void word(const std::string& s) {
    if (recall('X' + s)) return;
    text(s);
    remember('X' + s);
  }
  void integers(const std::vector<std::int64_t>& values) {
    out_ += '(';
    for (const std::int64_t v : values) integer(v);
    out_ += 't';
  }

 private:
  void little(std::uint64_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(v >> (8 * i) & 0xff);
  }
  bool recall(const std::string& key) {
    const auto it = memo_.find(key);
    if (it == memo_.end()) return false;
    out_ += 'h';
    little(it->second, 1);
    return true;
  }
  void remember(const std::string& key) {
    const std::uint64_t index = memo_.size();
    memo_.emplace(key, index);
    out_ += 'q';
    little(index, 1);
  }
  void remembered(const std::string& code) {
    if (recall(code)) return;
    out_ += code;
    remember(code);
  }

  std::string out_;
  std::map<std::string, std::uint64_t> memo_;  // a dozen names: their numbers fit in a byte
};

struct Storages {
  std::vector<const Tensor*> owners;
  std::map<std::tuple<const void*, std::size_t, DType>, std::size_t> by_place;

  // The number of a tensor's storage; handles of one tensor have the same.
  std::size_t number(const Tensor& t) {
    if (t.numel() > 0) {
      const auto [it, fresh] =
          by_place.emplace(std::tuple(t.raw_data(), t.aval().bytes(), t.dtype()), owners.size());
      if (!fresh) return it->second;
    }
    owners.push_back(&t);
    return owners.size() - 1;
  }
};

void put_tensor(PickleWriter& p, const Tensor& t, std::size_t storage) {
  p.global("torch._utils\n_rebuild_tensor_v2");
  p.op('(');
  p.op('(');
  p.word("storage");
  p.global(fmt::format("torch\n{}", storage_name(t.dtype())));
  p.text(std::to_string(storage));
  p.word("cpu");
  p.integer(t.numel());
  p.op('t');
  p.op('Q');
  p.integer(0);
  std::vector<std::int64_t> sizes(t.shape().begin(), t.shape().end()), strides(sizes.size());
  std::int64_t step = 1;
  for (std::size_t d = sizes.size(); d-- > 0; step *= std::max<std::int64_t>(sizes[d], 1))
    strides[d] = step;
  p.integers(sizes);
  p.integers(strides);
  p.op('\x89');  // requires_grad = False
  p.global("collections\nOrderedDict");
  p.op(')');
  p.op('R');  // no hooks
  p.op('t');
  p.op('R');
}

std::string pickle_of(const TensorDict& tensors, Storages& storages) {
  PickleWriter p;
  p.global("collections\nOrderedDict");
  p.op(')');
  p.op('R');
  p.op('(');
  for (const auto& [key, value] : tensors) {
    p.text(key);
    put_tensor(p, value, storages.number(value));
  }
  p.op('u');
  return p.take();
}

// Error where a text is not UTF-8, which neither JSON nor Python's text may hold.
std::string json_text(const nlohmann::json& value) {
  try {
    return value.dump();
  } catch (const nlohmann::json::exception& e) {
    fail("save: a name or the metadata is not UTF-8: {}.", e.what());
  }
}

// "dir/net.pt" -> "net": the folder of all members.
std::string stem(const std::string& path) {
  std::string name = path.substr(path.find_last_of('/') + 1);
  name.erase(std::min(name.find('.', 1), name.size()));
  return name.empty() ? "archive" : name;
}

}  // namespace

void save_torch(const TensorDict& tensors, const std::string& path) {
  for (const auto& [key, value] : tensors) {
    LILITH_CHECK(value.defined(), "save: '{}' is an undefined tensor.", key);
    storage_name(value.dtype());
    json_text(key);
  }
  Storages storages;
  const std::string object = pickle_of(tensors, storages), folder = stem(path) + '/';
  const std::string metadata = tensors.metadata.empty() ? "" : json_text(tensors.metadata);
  write_atomically(path, "save", [&](std::FILE* file) {
    ZipWriter zip(file);
    zip.add(folder + "data.pkl", object);
    zip.add(folder + "byteorder", "little");
    if (!metadata.empty()) zip.add(folder + "lilith_metadata.json", metadata);
    for (std::size_t i = 0; i < storages.owners.size(); ++i) {
      const Tensor& t = *storages.owners[i];
      const auto* data = static_cast<const std::uint8_t*>(t.numel() > 0 ? t.raw_data() : nullptr);
      zip.add(fmt::format("{}data/{}", folder, i), {data, t.aval().bytes()}, kAlignment);
    }
    zip.add(folder + "version", "3\n");
    zip.finish();
  });
}

}  // namespace lilith::io
