#include "train/checkpoint.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "lilith/io.h"
#include "lilith/ops/random.h"

namespace lilith::train {
namespace {

using Json = nlohmann::json;

constexpr const char* kKey = "lilith.fit";
constexpr int kVersion = 1;

// JSON knows neither NaN nor infinities: null and texts stand for them.
Json json_number(double v) {
  if (std::isinf(v)) return v > 0 ? "inf" : "-inf";
  return v;
}
double number(const Json& j) {
  if (j.is_null()) return NAN;
  if (j.is_string()) return j == "-inf" ? -INFINITY : INFINITY;
  return j.get<double>();
}

Json history_json(const History& history) {
  Json rows = Json::array();
  for (const EpochRow& r : history.rows) {
    rows.push_back({{"epoch", r.epoch},
                    {"loss", json_number(r.loss)},
                    {"metric", json_number(r.metric)},
                    {"val_loss", json_number(r.val_loss)},
                    {"val_metric", json_number(r.val_metric)},
                    {"lr", json_number(r.lr)},
                    {"seconds", r.seconds},
                    {"validated", r.validated}});
  }
  return {{"metric_name", history.metric_name}, {"rows", rows}};
}

History parse_history(const Json& j) {
  History history;
  history.metric_name = j.at("metric_name").get<std::string>();
  for (const Json& r : j.at("rows")) {
    EpochRow row{r.at("epoch").get<std::int64_t>(),
                 number(r.at("loss")),
                 number(r.at("metric")),
                 number(r.at("val_loss")),
                 number(r.at("val_metric")),
                 number(r.at("lr")),
                 number(r.at("seconds"))};
    row.validated = r.value("validated", !std::isnan(row.val_loss));
    history.rows.push_back(row);
  }
  return history;
}

Json shape_json(const RunShape& s) {
  return {{"rows", s.rows},
          {"batch_size", s.batch_size},
          {"seed", s.seed},
          {"shuffle", s.shuffle},
          {"drop_last", s.drop_last}};
}

void check_shape(const std::string& path, const Json& saved, const RunShape& shape) {
  const Json now = shape_json(shape);
  for (const auto& [key, value] : now.items()) {
    LILITH_CHECK(saved.at(key) == value, "fit: cannot resume from {}: {} was {}, now it is {}",
                 path, key, saved.at(key).dump(), value.dump());
  }
}

StateDict with_prefix(const TensorDict& dict, const std::string& prefix) {
  StateDict out;
  for (const auto& [name, tensor] : dict) {
    if (name.starts_with(prefix)) out.emplace(name.substr(prefix.size()), tensor);
  }
  return out;
}

RunState parse_state(const Json& j) {
  RunState s;
  s.first_epoch = j.value("first_epoch", std::int64_t{0});
  s.epoch = j.at("epoch").get<std::int64_t>();
  s.batch = j.at("batch").get<std::int64_t>();
  s.step = j.at("step").get<std::int64_t>();
  s.loss_sum = number(j.at("loss_sum"));
  s.metric_sum = number(j.at("metric_sum"));
  s.seconds = number(j.at("seconds"));
  s.samples = j.at("samples").get<std::int64_t>();
  s.base_lrs = j.at("base_lrs").get<std::vector<double>>();
  s.scheduler_epoch = j.at("scheduler_epoch").get<std::int64_t>();
  if (j.contains("memory"))
    for (const auto& [name, value] : j.at("memory").items()) s.memory[name] = number(value);
  s.stopped = j.value("stopped", false);
  s.history = parse_history(j.at("history"));
  return s;
}

}  // namespace

void save_checkpoint(const std::string& path, ModelRef model, Optimizer& optimizer,
                     const RunState& state, const RunShape& shape) {
  TensorDict dict;
  for (const auto& [name, tensor] : state_dict(model)) dict.add("model." + name, tensor);
  for (const auto& [name, tensor] : state_dict(optimizer)) dict.add("optimizer." + name, tensor);
  Json hypers = Json::object();
  for_each_hyper(optimizer, [&](const std::string& name, Hyper& h) { hypers[name] = h.value(); });
  Json memory = Json::object();
  for (const auto& [name, value] : state.memory) memory[name] = json_number(value);
  const RngState rng = rng_state();
  const Json j = {{"version", kVersion},
                  {"optimizer", optimizer.name()},
                  {"hyper", hypers},
                  {"rng", {{"seed", rng.seed}, {"counter", rng.counter}}},
                  {"shape", shape_json(shape)},
                  {"first_epoch", state.first_epoch},
                  {"epoch", state.epoch},
                  {"batch", state.batch},
                  {"step", state.step},
                  {"loss_sum", state.loss_sum},
                  {"metric_sum", json_number(state.metric_sum)},
                  {"seconds", state.seconds},
                  {"samples", state.samples},
                  {"base_lrs", state.base_lrs},
                  {"scheduler_epoch", state.scheduler_epoch},
                  {"memory", memory},
                  {"stopped", state.stopped},
                  {"history", history_json(state.history)}};
  dict.metadata[kKey] = j.dump();
  save_tensors(dict, path);
}

RunState load_checkpoint(const std::string& path, ModelRef model, Optimizer& optimizer,
                         const RunShape& shape) {
  const TensorDict dict = load_tensors(path);
  const auto it = dict.metadata.find(kKey);
  LILITH_CHECK(it != dict.metadata.end(),
               "fit: {} is no checkpoint of fit: its metadata has no '{}'", path, kKey);
  try {
    const Json j = Json::parse(it->second);
    LILITH_CHECK(j.at("version") == kVersion,
                 "fit: {} is a checkpoint of version {}; this Lilith reads {}", path,
                 j.at("version").dump(), kVersion);
    check_shape(path, j.at("shape"), shape);
    LILITH_CHECK(j.at("optimizer") == optimizer.name(),
                 "fit: cannot resume from {}: the optimiser was {}, now it is {}", path,
                 j.at("optimizer").get<std::string>(), optimizer.name());
    RunState state = parse_state(j);
    load_state_dict(model, with_prefix(dict, "model."), {.source = path});
    load_state_dict(optimizer, with_prefix(dict, "optimizer."), {.source = path});
    for_each_hyper(optimizer, [&](const std::string& name, Hyper& h) {
      if (j.at("hyper").contains(name)) h = number(j.at("hyper").at(name));
    });
    set_rng_state({j.at("rng").at("seed").get<std::uint64_t>(),
                   j.at("rng").at("counter").get<std::uint64_t>()});
    return state;
  } catch (const Json::exception& e) {
    fail("fit: {} is a broken checkpoint: {}", path, e.what());
  }
}

}  // namespace lilith::train
