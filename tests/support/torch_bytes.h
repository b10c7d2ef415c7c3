#pragma once
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "io/file.h"
#include "io/zip.h"

/// Files of torch.save, byte by byte: pickles as strings of opcodes, and the three layouts around
/// them.
namespace lilith::testing::torch {

template <class T>
std::string little(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
template <class T>
std::string elements(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

inline std::string text(const std::string& s) {
  return 'X' + little(static_cast<std::uint32_t>(s.size())) + s;
}
inline std::string integer(std::int32_t v) { return 'J' + little(v); }
inline std::string none() { return "N"; }
inline std::string yes(bool v = true) { return v ? "\x88" : "\x89"; }
inline std::string real(double v) {
  std::string bytes = little(v);
  return 'G' + std::string(bytes.rbegin(), bytes.rend());
}
inline std::string global(const std::string& module, const std::string& name) {
  return 'c' + module + '\n' + name + '\n';
}
inline std::string tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const std::string& item : items) out += item;
  return out + 't';
}
inline std::string integers(const std::vector<std::int32_t>& values) {
  std::vector<std::string> items;
  for (const std::int32_t v : values) items.push_back(integer(v));
  return tuple(items);
}
inline std::string list(const std::vector<std::string>& items) {
  std::string out = "](";
  for (const std::string& item : items) out += item;
  return out + 'e';
}
inline std::string pairs(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "(";
  for (const auto& [key, value] : items) out += key + value;
  return out + 'u';
}
/// A dict with keys that are text.
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += text(key) + value;
  return out + 'u';
}
inline std::string call(const std::string& function, const std::vector<std::string>& args) {
  return function + tuple(args) + 'R';
}
inline std::string object(const std::string& type, const std::string& state) {
  return type + ")\x81" + state + 'b';
}
inline std::string ordered(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = call(global("collections", "OrderedDict"), {}) + '(';
  for (const auto& [key, value] : items) out += text(key) + value;
  return out + 'u';
}
inline std::string pickle(const std::string& value) { return "\x80\x02" + value + '.'; }

/// The persistent id of a storage of `kind` ("Float").
inline std::string storage(const std::string& kind, const std::string& key, std::int32_t count,
                           const std::string& view = "", const std::string& module = "torch") {
  std::vector<std::string> id = {text("storage"), global(module, kind + "Storage"), text(key),
                                 text("cpu"), integer(count)};
  if (!view.empty()) id.push_back(view);
  return tuple(id) + 'Q';
}
/// torch._utils._rebuild_tensor_v2; `more` adds arguments.
inline std::string tensor(const std::string& storage, std::int32_t offset,
                          const std::vector<std::int32_t>& sizes,
                          const std::vector<std::int32_t>& strides,
                          const std::vector<std::string>& more = {},
                          const std::string& function = "_rebuild_tensor_v2") {
  std::vector<std::string> args = {storage,         integer(offset),
                                   integers(sizes), integers(strides),
                                   yes(false),      call(global("collections", "OrderedDict"), {})};
  args.insert(args.end(), more.begin(), more.end());
  return call(global("torch._utils", function), args);
}
inline std::string parameter(const std::string& data) {
  return call(global("torch._utils", "_rebuild_parameter"),
              {data, yes(), call(global("collections", "OrderedDict"), {})});
}
/// A dense f32 vector that fills its storage.
inline std::string floats(const std::string& key, std::int32_t count) {
  return tensor(storage("Float", key, count), 0, {count}, {1});
}

struct Member {
  std::string name, bytes;
};
inline std::string read_file(const std::string& path) {
  std::string out;
  if (std::FILE* f = std::fopen(path.c_str(), "rb")) {
    char buffer[4096];
    for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, f)) > 0;) out.append(buffer, n);
    std::fclose(f);
  }
  return out;
}
inline void write_file(const std::string& path, const std::string& bytes) {
  io::write_atomically(path, "test",
                       [&](std::FILE* f) { io::write_bytes(f, bytes.data(), bytes.size()); });
}
/// The layout since PyTorch 1.6: `object` is a value, storages are members "data/KEY".
inline void write_zip(const std::string& path, const std::string& object,
                      const std::vector<Member>& storages, const std::vector<Member>& others = {}) {
  io::write_atomically(path, "test", [&](std::FILE* f) {
    io::ZipWriter zip(f);
    if (!object.empty()) zip.add("net/data.pkl", pickle(object));
    for (const Member& m : others) zip.add("net/" + m.name, m.bytes);
    for (const Member& m : storages)
      zip.add("net/data/" + m.name,
              {reinterpret_cast<const std::uint8_t*>(m.bytes.data()), m.bytes.size()}, 64);
    zip.finish();
  });
}
/// The layout before: a storage is preceded by its number of elements.
struct Counted {
  std::string key;
  std::int64_t count;
  std::string bytes;
};
inline std::string legacy(const std::string& object, const std::vector<Counted>& storages) {
  std::vector<std::string> keys;
  std::string tail;
  for (const Counted& s : storages) {
    keys.push_back(text(s.key));
    tail += little(s.count) + s.bytes;
  }
  return pickle("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + pickle("M\xe9\x03") +
         pickle(dict({{"protocol_version", integer(1001)}, {"little_endian", yes()}})) +
         pickle(object) + pickle(list(keys)) + tail;
}
/// A tar archive of members, as Python's tarfile writes it.
inline std::string tar(const std::vector<Member>& members) {
  std::string out;
  for (const Member& m : members) {
    std::string head(512, '\0');
    head.replace(0, m.name.size(), m.name);
    char size[13];
    std::snprintf(size, sizeof size, "%011zo", m.bytes.size());
    head.replace(124, 11, size);
    head.replace(257, 5, "ustar");
    out += head + m.bytes + std::string((512 - m.bytes.size() % 512) % 512, '\0');
  }
  return out + std::string(1024, '\0');
}

}  // namespace lilith::testing::torch
