#include <cmath>
#include <fstream>

#include "lilith/ops.h"
#include "lilith/train.h"
#include "ops/operand.h"
#include "train/history.h"

namespace lilith {

std::string History::csv() const {
  const bool has_metric = !metric_name.empty();
  std::string out = "epoch,loss,val_loss," +
                    (has_metric ? metric_name + ",val_" + metric_name + "," : "") + "lr,seconds\n";
  const auto field = [](double v, bool measured) {
    return std::isnan(v) && !measured ? std::string() : fmt::format("{:.9g}", v);
  };
  for (const EpochRow& row : rows) {
    out += fmt::format("{},{},{},", row.epoch, field(row.loss, true),
                       field(row.val_loss, row.validated));
    if (has_metric)
      out += fmt::format("{},{},", field(row.metric, true), field(row.val_metric, row.validated));
    out += fmt::format("{},{:.3f}\n", field(row.lr, true), row.seconds);
  }
  return out;
}

void History::save_csv(const std::string& path, SourceLocation loc) const {
  const LocScope scope(loc, nullptr);
  std::ofstream out(path);
  LILITH_CHECK(out.is_open(), "save_csv: cannot write {}", path);
  out << csv();
  out.close();
  LILITH_CHECK(!out.fail(), "save_csv: cannot write {}", path);
}

Metric Metric::accuracy(SourceLocation loc) {
  return {
      "accuracy", [loc](const Tensor& output, const Tensor& target) {
        LocScope scope(loc, "accuracy");
        LILITH_CHECK(
            output.ndim() == 2 && target.ndim() == 1 && is_integral(target.dtype()),
            "accuracy: output is {}, target is {}; need scores [N, C] and integer classes [N]{}",
            output.aval().str(), target.aval().str(),
            output.ndim() == 2 ? ops::class_cure(output.shape(), target.aval()) : "");
        LILITH_CHECK(output.size(1) > 1, "accuracy: output is {}: {}", output.aval().str(),
                     ops::kOneClass);
        LILITH_CHECK(output.size(0) == target.size(0),
                     "accuracy: output is {}, target is {}; need as many rows", output.aval().str(),
                     target.aval().str());
        return mean(eq(argmax(output, 1), target.to(kInt64)).to(kFloat32));
      }};
}

Metric Metric::mae(SourceLocation loc) {
  return {"mae", [loc](const Tensor& output, const Tensor& target) {
            LocScope scope(loc, "mae");
            ops::check_one_shape("mae", "output", output, "target", target);
            return mean(abs(output - target));
          }};
}

void EarlyStopping::operator()(FitState& state) const {
  // A function of the history alone, so that a resumed run stops where the whole one would.
  double best = INFINITY;
  int since = 0;
  for (const EpochRow& row : state.history.rows) {
    if (train::watched_loss(row) < best - min_delta) {
      best = train::watched_loss(row);
      since = 0;
    } else {
      ++since;
    }
  }
  if (since >= patience) state.stop();
}

namespace {

// The path with the epoch's number for each "{epoch}". Error for another word in braces.
std::string with_epoch(const std::string& path, std::int64_t epoch) {
  std::string out;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = path[at] == '{' ? path.find('}', at) : path.npos;
    if (end == path.npos) {
      out += path[at++];
      continue;
    }
    const std::string word = path.substr(at, end + 1 - at);
    LILITH_CHECK(word == "{epoch}", "CheckpointCallback: '{}' in path '{}'; need '{{epoch}}'", word,
                 path);
    out += std::to_string(epoch);
    at = end + 1;
  }
  return out;
}

}  // namespace

void CheckpointCallback::operator()(FitState& state) const {
  const auto& rows = state.history.rows;
  LILITH_CHECK(every >= 1, "CheckpointCallback: every is {}; need at least 1", every);
  if (rows.back().epoch % every != 0) return;
  if (best_only) {
    if (std::isnan(train::watched_loss(rows.back()))) return;
    for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
      if (train::watched_loss(rows[i]) <= train::watched_loss(rows.back())) return;
    }
  }
  state.save_checkpoint(with_epoch(path, rows.back().epoch));
}

namespace detail {

TestModeScope::TestModeScope(ConstModelRef model) {
  auto collect = [this](const std::string& path, bool& flag) {
    const auto dot = path.rfind('.');
    if (path.substr(dot == path.npos ? 0 : dot + 1) == "training") flags_.emplace_back(&flag, flag);
  };
  reflect::FieldVisitor<decltype(collect), false> v(collect);
  model.visit(v);
  for (auto& [flag, value] : flags_) *flag = false;
}

TestModeScope::~TestModeScope() {
  for (auto& [flag, value] : flags_) *flag = value;
}

}  // namespace detail
}  // namespace lilith
