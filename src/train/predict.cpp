#include <algorithm>
#include <cstring>
#include <numeric>

#include "ir/host_copy.h"
#include "ir/node.h"
#include "lilith/train.h"
#include "runtime/storage.h"

namespace lilith::detail {

Device device_of(ConstModelRef model) {
  const StateDict fields = state_dict(model);
  const auto first = std::ranges::find_if(fields, [](const auto& f) { return f.second.defined(); });
  if (first == fields.end()) return cpu();
  for (const auto& [path, t] : fields)
    LILITH_CHECK(
        !t.defined() || t.device() == first->second.device(),
        "the model lies on two devices: '{}' is {} on {}, '{}' is {} on {}; move it to one "
        "(net = to(device, net)), or say where with .device",
        first->first, first->second.aval().str(), first->second.device().str(), path,
        t.aval().str(), t.device().str());
  return first->second.device();
}

Tensor run_predict(const DataSourcePtr& data, const std::function<Tensor(const Tensor&)>& f,
                   std::int64_t batch_size, Device device) {
  data::BatchStream stream(data, {.batch_size = batch_size, .device = device}, 1);
  LILITH_CHECK(data->size() > 0, "predict: the dataset is empty");
  StoragePtr storage;
  Aval all;
  char* to = nullptr;
  stream.start(0);
  while (!stream.done()) {
    const Tensor x = stream.next()[0];
    const Tensor out = f(x);
    LILITH_CHECK(out.ndim() >= 1 && out.size(0) == x.size(0),
                 "predict: for {} the model gives {}; the first sizes must agree", x.aval().str(),
                 out.aval().str());
    if (!storage) {
      all = out.aval();
      all.device = {};
      all.shape[0] = data->size();
      storage = Storage::allocate(all.bytes());
      to = static_cast<char*>(storage->data());
    }
    Aval row = out.aval(), expected = all;
    row.device = {};
    expected.shape[0] = row.shape[0];
    LILITH_CHECK(row == expected, "predict: a batch gives {}, those before {}", out.aval().str(),
                 expected.str());
    std::memcpy(to, ir::host_value(out, "predict")->data(), row.bytes());
    to += row.bytes();
  }
  return ir::make_data(all, storage);
}

Tensor all_targets(const DataSourcePtr& data) {
  Aval all = data->columns()[1];
  all.shape.insert(0, data->size());
  const StoragePtr storage = Storage::allocate(all.bytes());
  std::vector<std::int64_t> rows(static_cast<std::size_t>(data->size()));
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<void*> out(data->columns().size(), nullptr);
  out[1] = storage->data();
  data->read(rows.data(), data->size(), out.data());
  return ir::make_data(all, storage);
}

}  // namespace lilith::detail
