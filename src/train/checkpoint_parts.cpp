// Checkpoints of loops that the user writes.
#include <algorithm>
#include <bit>
#include <memory>
#include <nlohmann/json.hpp>

#include "lilith/checkpoint.h"
#include "lilith/io.h"
#include "lilith/ops/create.h"
#include "optim/access.h"

namespace lilith::detail {
namespace {

using Json = nlohmann::json;

constexpr const char* kKey = "lilith.checkpoint";
constexpr int kVersion = 1;

Tensor integer(std::int64_t value) { return from_data(&value, {}); }
Tensor real(double value) { return from_data(&value, {}); }

const Tensor& entry_tensor(const CheckpointEntry& e, const std::string& key, DType dtype,
                           const std::string& file) {
  const auto at = e.tensors.find(key);
  LILITH_CHECK(at != e.tensors.end() && at->second.numel() == 1 && at->second.dtype() == dtype,
               "load_checkpoint: {} is broken: there is no number '{}'.", file, key);
  return at->second;
}
std::int64_t integer_of(const CheckpointEntry& e, const std::string& key, const std::string& file) {
  return entry_tensor(e, key, DType::I64, file).item<std::int64_t>();
}
double real_of(const CheckpointEntry& e, const std::string& key, const std::string& file) {
  return entry_tensor(e, key, DType::F64, file).item<double>();
}

CheckpointEntry entry_of(const RngState& s) {
  return {{{"seed", integer(std::bit_cast<std::int64_t>(s.seed))},
           {"counter", integer(std::bit_cast<std::int64_t>(s.counter))}},
          ""};
}
RngState rng_of(const CheckpointEntry& e, const std::string& file) {
  return {std::bit_cast<std::uint64_t>(integer_of(e, "seed", file)),
          std::bit_cast<std::uint64_t>(integer_of(e, "counter", file))};
}

// "model", "model1", "model2": keys begin with it and a dot.
class Names {
 public:
  std::string next(const std::string& kind) {
    const int n = count_[kind]++;
    return n == 0 ? kind : kind + std::to_string(n);
  }

 private:
  std::map<std::string, int> count_;
};

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "'" : ", '") + name + "'";
  return out;
}

CheckpointEntry entry_at(const TensorDict& dict, const std::string& name, const Json& notes) {
  CheckpointEntry e;
  const std::string prefix = name + ".";
  for (const auto& [key, t] : dict)
    if (key.starts_with(prefix)) e.tensors.emplace(key.substr(prefix.size()), t);
  e.note = notes.value(name, "");
  return e;
}

template <class Scheduler>
CheckpointPart part_of_scheduler(Scheduler& s, const std::string& name) {
  return {"scheduler", [&s, name] { return CheckpointEntry{s.state_dict(), name}; },
          [&s, name](const CheckpointEntry& e, const std::string& file) -> std::function<void()> {
            LILITH_CHECK(e.note == name, "load_checkpoint: the scheduler in {} is {}; this is {}.",
                         file, e.note, name);
            auto loaded = std::make_shared<Scheduler>(s);
            loaded->load_state_dict(e.tensors, SourceLocation());
            return [&s, loaded] { s = *loaded; };
          }};
}

}  // namespace

CheckpointPart part_of_model(ModelRef model) {
  return {"model", [model] { return CheckpointEntry{state_dict(model), ""}; },
          [model](const CheckpointEntry& e, const std::string& file) -> std::function<void()> {
            std::vector<Tensor*> slots;
            for_each_slot(model, [&](Tensor& t, bool) { slots.push_back(&t); });
            std::vector<Tensor> before, after;
            for (const Tensor* t : slots) before.push_back(*t);
            load_state_dict(model, e.tensors, {.source = file});
            for (std::size_t i = 0; i < slots.size(); ++i) {
              after.push_back(*slots[i]);
              *slots[i] = before[i];
            }
            return [slots, after] {
              for (std::size_t i = 0; i < slots.size(); ++i) *slots[i] = after[i];
            };
          }};
}

CheckpointPart part_of(Optimizer& opt) {
  return {"optimizer", [&opt] { return CheckpointEntry{state_dict(opt), optim::describe(opt)}; },
          [&opt](const CheckpointEntry& e, const std::string& file) -> std::function<void()> {
            auto loaded = std::make_shared<Optimizer>(opt);
            optim::load_described(*loaded, e.tensors, e.note, {.source = file});
            return [&opt, loaded] { opt = *loaded; };
          }};
}

CheckpointPart part_of(LRScheduler& s) { return part_of_scheduler(s, s.name()); }
CheckpointPart part_of(ReduceLROnPlateau& s) { return part_of_scheduler(s, "ReduceLROnPlateau"); }

CheckpointPart part_of(TrainState& s) {
  return {"state",
          [&s] {
            CheckpointEntry e{{{"epoch", integer(s.epoch)}, {"step", integer(s.step)}}, ""};
            for (const auto& [name, value] : s.values)
              e.tensors.emplace("values." + name, real(value));
            e.note = Json(s.texts).dump();
            return e;
          },
          [&s](const CheckpointEntry& e, const std::string& file) -> std::function<void()> {
            TrainState loaded;
            loaded.epoch = integer_of(e, "epoch", file);
            loaded.step = integer_of(e, "step", file);
            const std::string prefix = "values.";
            for (const auto& [key, t] : e.tensors)
              if (key.starts_with(prefix))
                loaded.values[key.substr(prefix.size())] = real_of(e, key, file);
            loaded.texts = Json::parse(e.note).get<std::map<std::string, std::string>>();
            return [&s, loaded] { s = loaded; };
          }};
}

CheckpointPart part_of(RngState& s) {
  return {"rng_state", [&s] { return entry_of(s); },
          [&s](const CheckpointEntry& e, const std::string& file) -> std::function<void()> {
            return [&s, loaded = rng_of(e, file)] { s = loaded; };
          }};
}

CheckpointPart part_of(RandomGenerator& g) {
  return {"generator", [&g] { return entry_of(g.get_state()); },
          [&g](const CheckpointEntry& e, const std::string& file) -> std::function<void()> {
            return [&g, loaded = rng_of(e, file)] { g.set_state(loaded); };
          }};
}

CheckpointPart part_of_loader(
    std::function<DataLoaderState()> get,
    std::function<std::function<void()>(const DataLoaderState&)> checked_set) {
  return {"loader",
          [get] {
            const DataLoaderState s = get();
            CheckpointEntry e{{{"epoch", integer(s.epoch)},
                               {"batch", integer(s.batch)},
                               {"keeps_seed", integer(s.keeps_seed)},
                               {"next_epoch", integer(s.next_epoch)},
                               {"rows", integer(s.rows)},
                               {"batch_size", integer(s.batch_size)},
                               {"shuffle", integer(s.shuffle)},
                               {"drop_last", integer(s.drop_last)}},
                              ""};
            if (s.seed) e.tensors.emplace("seed", integer(std::bit_cast<std::int64_t>(*s.seed)));
            return e;
          },
          [checked_set](const CheckpointEntry& e, const std::string& file) {
            const auto at = [&](const char* key) { return integer_of(e, key, file); };
            DataLoaderState s;
            s.epoch = at("epoch");
            s.batch = at("batch");
            if (e.tensors.count("seed") != 0) s.seed = std::bit_cast<std::uint64_t>(at("seed"));
            s.keeps_seed = at("keeps_seed") != 0;
            s.next_epoch = at("next_epoch");
            s.rows = at("rows");
            s.batch_size = at("batch_size");
            s.shuffle = at("shuffle") != 0;
            s.drop_last = at("drop_last") != 0;
            return checked_set(s);
          }};
}

CheckpointPart part_of_integer(std::int64_t value, std::function<void(std::int64_t)> set) {
  return {"integer", [value] { return CheckpointEntry{{{"value", integer(value)}}, ""}; },
          [set](const CheckpointEntry& e, const std::string& file) -> std::function<void()> {
            return [set, v = integer_of(e, "value", file)] { set(v); };
          }};
}

CheckpointPart part_of_real(double value, std::function<void(double)> set) {
  return {"number", [value] { return CheckpointEntry{{{"value", real(value)}}, ""}; },
          [set](const CheckpointEntry& e, const std::string& file) -> std::function<void()> {
            return [set, v = real_of(e, "value", file)] { set(v); };
          }};
}

void save_checkpoint(const CheckpointPath& path, const std::vector<CheckpointPart>& parts) {
  LocScope scope(path.loc, nullptr);
  TensorDict dict;
  Json names = Json::array(), notes = Json::object();
  Names number;
  const auto add = [&](const std::string& name, const CheckpointEntry& e) {
    for (const auto& [key, t] : e.tensors) dict.add(name + "." + key, t);
    names.push_back(name);
    if (!e.note.empty()) notes[name] = e.note;
  };
  for (const CheckpointPart& part : parts) add(number.next(part.kind), part.save());
  add("rng", entry_of(rng_state()));
  dict.metadata[kKey] = Json{{"version", kVersion}, {"parts", names}, {"notes", notes}}.dump();
  save_tensors(dict, path.path, path.loc);
}

void load_checkpoint(const CheckpointPath& path, const std::vector<CheckpointPart>& parts) {
  LocScope scope(path.loc, nullptr);
  const TensorDict dict = load_tensors(path.path, path.loc);
  const std::string file = path.path.substr(path.path.find_last_of('/') + 1);
  const auto it = dict.metadata.find(kKey);
  LILITH_CHECK(it != dict.metadata.end(),
               "load_checkpoint: {} is no checkpoint: its metadata has no '{}'.", path.path, kKey);
  try {
    const Json j = Json::parse(it->second);
    LILITH_CHECK(j.at("version") == kVersion,
                 "load_checkpoint: {} is of version {}; this Lilith reads {}.", path.path,
                 j.at("version").dump(), kVersion);
    const auto names = j.at("parts").get<std::vector<std::string>>();
    const auto entry = [&](const std::string& name) {
      LILITH_CHECK(std::find(names.begin(), names.end(), name) != names.end(),
                   "load_checkpoint: {} holds no '{}'; it has {}.", path.path, name, listed(names));
      return entry_at(dict, name, j.at("notes"));
    };
    std::vector<std::function<void()>> commits;
    Names number;
    for (const CheckpointPart& part : parts)
      commits.push_back(part.load(entry(number.next(part.kind)), file));
    const RngState rng = rng_of(entry("rng"), file);
    for (const auto& commit : commits) commit();
    set_rng_state(rng);
  } catch (const Json::exception& e) {
    fail("load_checkpoint: {} is broken: {}", path.path, e.what());
  }
}

}  // namespace lilith::detail
