#include "train/checkpoint.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "lilith/checkpoint.h"
#include "lilith/io.h"

namespace lilith::train {
namespace {

using Json = nlohmann::json;

constexpr const char* kKey = "lilith.checkpoint";
constexpr const char* kPart = "fit";
constexpr int kVersion = 2;
// Files of the first version: a format of their own.
constexpr const char* kFirstKey = "lilith.fit";

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

Json state_json(const RunState& s) {
  Json memory = Json::object();
  for (const auto& [name, value] : s.memory) memory[name] = json_number(value);
  return {{"first_epoch", s.first_epoch},
          {"epoch", s.epoch},
          {"batch", s.batch},
          {"step", s.step},
          {"loss_sum", s.loss_sum},
          {"metric_sum", json_number(s.metric_sum)},
          {"seconds", s.seconds},
          {"samples", s.samples},
          {"memory", memory},
          {"stopped", s.stopped},
          {"history", history_json(s.history)}};
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
  if (j.contains("memory"))
    for (const auto& [name, value] : j.at("memory").items()) s.memory[name] = number(value);
  s.stopped = j.value("stopped", false);
  s.history = parse_history(j.at("history"));
  return s;
}

std::string name_of(SchedulerRef& scheduler) {
  if (const LRScheduler* s = scheduler.schedule()) return s->name();
  return scheduler.plateau() ? "ReduceLROnPlateau" : "";
}

void check_scheduler(const std::string& path, const std::string& saved, const std::string& now) {
  const auto named = [](const std::string& name) { return name.empty() ? "none" : name; };
  LILITH_CHECK(saved == now, "fit: cannot resume from {}: the scheduler was {}, now it is {}", path,
               named(saved), named(now));
}

// The part of a checkpoint that fit adds: all of it is text.
detail::CheckpointPart part_of(const std::string& path, const RunParts& parts, RunState& state) {
  return {kPart,
          [&] {
            const Json j = {{"version", kVersion},
                            {"optimizer", parts.optimizer.name()},
                            {"scheduler", name_of(parts.scheduler)},
                            {"shape", shape_json(parts.shape)},
                            {"state", state_json(state)}};
            return detail::CheckpointEntry{{}, j.dump()};
          },
          [&](const detail::CheckpointEntry& entry, const std::string&) -> std::function<void()> {
            const Json j = Json::parse(entry.note);
            LILITH_CHECK(j.at("version") == kVersion,
                         "fit: {} is a checkpoint of version {}; this Lilith reads {}", path,
                         j.at("version").dump(), kVersion);
            check_shape(path, j.at("shape"), parts.shape);
            const auto optimizer = j.at("optimizer").get<std::string>();
            LILITH_CHECK(optimizer == parts.optimizer.name(),
                         "fit: cannot resume from {}: the optimiser was {}, now it is {}", path,
                         optimizer, parts.optimizer.name());
            check_scheduler(path, j.at("scheduler").get<std::string>(), name_of(parts.scheduler));
            return [&state, loaded = parse_state(j.at("state"))] { state = loaded; };
          }};
}

// Fit's own first: what it refuses is said in the words of options.
std::vector<detail::CheckpointPart> all_parts(const std::string& path, const RunParts& parts,
                                              RunState& state) {
  std::vector<detail::CheckpointPart> all = {part_of(path, parts, state),
                                             detail::part_of_model(parts.model),
                                             detail::part_of(parts.optimizer)};
  if (LRScheduler* s = parts.scheduler.schedule()) all.push_back(detail::part_of(*s));
  if (ReduceLROnPlateau* p = parts.scheduler.plateau()) all.push_back(detail::part_of(*p));
  return all;
}

StateDict with_prefix(const TensorDict& dict, const std::string& prefix) {
  StateDict out;
  for (const auto& [name, tensor] : dict) {
    if (name.starts_with(prefix)) out.emplace(name.substr(prefix.size()), tensor);
  }
  return out;
}

// Files of the first version: hyper-parameters and the scheduler's place are in the text.
RunState load_first(const std::string& path, const TensorDict& dict, const RunParts& parts) {
  const Json j = Json::parse(dict.metadata.at(kFirstKey));
  LILITH_CHECK(j.at("version") == 1, "fit: {} is a checkpoint of version {}; this Lilith reads {}",
               path, j.at("version").dump(), kVersion);
  check_shape(path, j.at("shape"), parts.shape);
  Optimizer& optimizer = parts.optimizer;
  LILITH_CHECK(j.at("optimizer") == optimizer.name(),
               "fit: cannot resume from {}: the optimiser was {}, now it is {}", path,
               j.at("optimizer").get<std::string>(), optimizer.name());
  const auto bases = j.at("base_lrs").get<std::vector<double>>();
  LRScheduler* scheduler = parts.scheduler.schedule();
  LILITH_CHECK((scheduler != nullptr) == !bases.empty() && !parts.scheduler.plateau(),
               "fit: cannot resume from {}: it was made {} a schedule", path,
               bases.empty() ? "without" : "with");
  RunState state = parse_state(j);
  load_state_dict(parts.model, with_prefix(dict, "model."), {.source = path});
  load_state_dict(optimizer, with_prefix(dict, "optimizer."), {.source = path});
  if (scheduler) {
    scheduler->set_base_lrs(bases);
    scheduler->set_last_epoch(j.at("scheduler_epoch").get<std::int64_t>());
  }
  for_each_hyper(optimizer, [&](const std::string& name, Hyper& h) {
    if (j.at("hyper").contains(name)) h = number(j.at("hyper").at(name));
  });
  set_rng_state({j.at("rng").at("seed").get<std::uint64_t>(),
                 j.at("rng").at("counter").get<std::uint64_t>()});
  return state;
}

}  // namespace

void save_run(const std::string& path, const RunParts& parts, const RunState& state) {
  RunState copy = state;
  detail::save_checkpoint({path, SourceLocation()}, all_parts(path, parts, copy));
}

RunState load_run(const std::string& path, const RunParts& parts) {
  const TensorDict dict = load_tensors(path);
  try {
    if (dict.metadata.count(kFirstKey)) return load_first(path, dict, parts);
    const auto text = dict.metadata.find(kKey);
    LILITH_CHECK(
        text != dict.metadata.end() && Json::parse(text->second).at("notes").contains(kPart),
        "fit: {} is no checkpoint of fit{}", path,
        text == dict.metadata.end() ? "" : ", but one of save_checkpoint");
    RunState state;
    detail::load_checkpoint({path, SourceLocation()}, all_parts(path, parts, state));
    return state;
  } catch (const Json::exception& e) {
    fail("fit: {} is a broken checkpoint: {}", path, e.what());
  }
}

}  // namespace lilith::train
