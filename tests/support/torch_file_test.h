#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lilith/io.h"
#include "support/temp_dir.h"
#include "support/torch_bytes.h"

namespace lilith::testing {

/// Writes files of torch.save and loads them.
class TorchFileTest : public ::testing::Test {
 protected:
  using Floats = std::vector<float>;

  TensorDict zip(const std::string& object, const std::vector<torch::Member>& storages,
                 const std::vector<torch::Member>& others = {}) {
    torch::write_zip(dir.file("x.pt"), object, storages, others);
    return load_tensors(dir.file("x.pt"));
  }
  TensorDict bytes(const std::string& all) {
    torch::write_file(dir.file("x.pt"), all);
    return load_tensors(dir.file("x.pt"));
  }
  TempDir dir;
  // Storage "0" of the archives below: 0 … 5.
  const std::string six = torch::elements<float>({0, 1, 2, 3, 4, 5});
};

}  // namespace lilith::testing

namespace lilith {
namespace torch = testing::torch;
}
