#include "io/shards.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "core/quote.h"
#include "lilith/error.h"

namespace lilith::io {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

ordered_json parse(const MappedFile& index) {
  const auto all = index.all();
  ordered_json json = ordered_json::parse(all.begin(), all.end(), nullptr, false);
  const bool right =
      json.is_object() && json.contains("weight_map") && json["weight_map"].is_object();
  LILITH_CHECK(right, "load: {}: the index of shards is broken JSON, or has no weight_map.",
               index.path());
  return json;
}

// The path of a shard, which has to lie in the index's folder.
std::string shard_path(const MappedFile& index, const std::string& name) {
  const fs::path given(name);
  const bool inside =
      !name.empty() && given.is_relative() &&
      std::none_of(given.begin(), given.end(), [](const fs::path& part) { return part == ".."; });
  LILITH_CHECK(inside, "load: {}: the shard '{}' lies outside of the index's folder.", index.path(),
               escaped(name));
  return (fs::path(index.path()).parent_path() / given).string();
}

void check_all_there(const MappedFile& index, const std::vector<std::string>& shards) {
  std::vector<std::string> missing;
  std::error_code error;
  for (const std::string& shard : shards)
    if (!fs::exists(shard_path(index, shard), error)) missing.push_back(escaped(shard));
  if (missing.empty()) return;
  const std::size_t n = missing.size();
  if (n > 10) missing.resize(10);
  fail("load: {}: {} of {} shards {} missing: {}{}.", index.path(), n, shards.size(),
       n == 1 ? "is" : "are", fmt::join(missing, ", "), n > 10 ? ", …" : "");
}

}  // namespace

bool is_shard_index(std::span<const std::uint8_t> bytes) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t begin = all.find_first_not_of(" \t\r\n");
  // A safetensors file whose header has 123 bytes begins with '{' too; zeros follow it.
  return begin != all.npos && all[begin] == '{' && all.substr(0, 8).find('\0') == all.npos &&
         all.find("\"weight_map\"") != all.npos;
}

Contents open_shards(const MappedFile& index, const Selection& selection, OpenFile open) {
  const ordered_json json = parse(index);
  Contents out{"shards", {}};
  if (json.contains("metadata") && json["metadata"].is_object())
    for (const auto& [key, value] : json["metadata"].items())
      out.metadata[key] = value.is_string() ? value.get<std::string>() : value.dump();
  std::vector<std::string> shards;
  std::vector<std::string_view> names;
  std::unordered_map<std::string, std::string> where;  // tensor to shard
  for (const auto& [tensor, shard] : json["weight_map"].items()) {
    LILITH_CHECK(shard.is_string(), "load: {}: the shard of '{}' is no text.", index.path(),
                 escaped(tensor));
    const auto name = shard.get<std::string>();
    LILITH_CHECK(where.emplace(tensor, name).second, "load: {}: the index has '{}' twice.",
                 index.path(), escaped(tensor));
    names.push_back(tensor);
    if (selection.wants(tensor) && std::find(shards.begin(), shards.end(), name) == shards.end())
      shards.push_back(name);
  }
  selection.check(names, index.path());
  std::erase_if(where, [&](const auto& item) { return !selection.wants(item.first); });
  check_all_there(index, shards);
  for (const std::string& shard : shards) {
    Contents part = open(shard_path(index, shard));
    for (auto& [key, value] : part.metadata) out.metadata.try_emplace(key, value);
    for (Entry& entry : part.entries) {
      const auto listed = where.find(entry.name);
      if (listed == where.end() || listed->second != shard) continue;
      where.erase(listed);
      out.entries.push_back(std::move(entry));
    }
  }
  if (!where.empty()) {
    const auto& [tensor, shard] = *where.begin();
    fail("load: {}: {} has no '{}', which the index says it has ({} such tensors).", index.path(),
         escaped(shard), escaped(tensor), where.size());
  }
  return out;
}

std::string weights_in_folder(const std::string& folder) {
  std::vector<std::string> indices, weights;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder, error)) {
    const std::string name = file.path().filename().string();
    const auto ends = [&](std::string_view ending) { return name.ends_with(ending); };
    if (ends(".index.json")) indices.push_back(name);
    if (ends(".safetensors") || ends(".gguf") || ends(".pt") || ends(".pth") || ends(".npz") ||
        name == "pytorch_model.bin")
      weights.push_back(name);
  }
  const auto has = [](const std::vector<std::string>& names, const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const auto path = [&](const std::string& name) { return (fs::path(folder) / name).string(); };
  // safetensors before pickles, as Hugging Face's libraries choose.
  for (const char* name : {"model.safetensors.index.json", "pytorch_model.bin.index.json"}) {
    const bool whole = has(weights, "model.safetensors");
    if (has(indices, name) && !whole) return path(name);
    if (whole) return path("model.safetensors");
  }
  if (indices.size() == 1) return path(indices[0]);
  if (indices.empty() && weights.size() == 1) return path(weights[0]);
  std::vector<std::string> all = indices;
  all.insert(all.end(), weights.begin(), weights.end());
  std::sort(all.begin(), all.end());
  const std::size_t n = all.size();
  if (n > 8) all.resize(8);
  LILITH_CHECK(n > 0, "load: {} is a folder, and holds no file of weights.", folder);
  fail("load: {} is a folder with several files of weights; name one: {}{}.", folder,
       fmt::join(all, ", "), n > 8 ? ", …" : "");
}

}  // namespace lilith::io
