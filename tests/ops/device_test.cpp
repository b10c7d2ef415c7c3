#include <gtest/gtest.h>

#include <cmath>

#include "eval/canonical.h"
#include "eval/program.h"
#include "ir/host.h"
#include "ir/node.h"
#include "lilith/graph_names.h"
#include "lilith/op_def.h"
#include "ops/check.h"
#include "passes/pipeline.h"
#include "runtime/device_memory.h"
#include "support/fake_cuda.h"
#include "support/opencl.h"
#include "support/to_storage.h"

// Every row of the table, value and gradient, on an OpenCL device and on a fake CUDA device against
// the interpreter; many rows a program, since building one costs more than running it.
namespace lilith::testing {
namespace {

constexpr std::size_t kRowsAProgram = 20;

/// One row: its parameters lie on the device.
struct Row {
  std::string name;
  std::vector<RefTensor> x;
  std::vector<Tensor> params, outputs;
};

Row row_of(const Case& c, DType dtype, Device device) {
  const Case typed = with_dtype(c, dtype);
  Row row{c.op, draw_f32(typed, 3), {}, {}};
  for (RefTensor& t : row.x) t.aval.device = device;
  row.params = parameters(row.x);
  try {
    row.outputs = value_and_gradients(typed, row.params);
  } catch (const Error& e) {
    ADD_FAILURE() << c.op << ": " << e.what();
  }
  return row;
}

void expect_close(const RefTensor& want, const StoragePtr& got, DType dtype,
                  const std::string& what) {
  const StoragePtr host = runtime::on_host(got);
  for (std::int64_t k = 0; k < want.aval.numel(); ++k) {
    const double a = ir::read_f64(host->data(), want.aval.dtype, k), b = want.get(k);
    ASSERT_TRUE(is_close(a, b, dtype))
        << what << ", element " << k << ": " << a << ", should be " << b;
  }
}

void check_program(const std::vector<Row>& rows, DType dtype) {
  std::vector<ir::NodeImpl*> roots;
  for (const Row& row : rows)
    for (const Tensor& t : row.outputs) roots.push_back(t.node());
  const driver::Canonical canonical = driver::canonicalise(roots);
  std::vector<StoragePtr> in;
  for (const std::uint32_t item : canonical.inputs) {
    const ir::NodeImpl* node = canonical.items[item].node;
    in.push_back(node->storage());
    for (const Row& row : rows)
      for (std::size_t k = 0; k < row.params.size(); ++k)
        if (row.params[k].node() == node)
          in.back() = runtime::copied_to(*to_storage(row.x[k]), node->aval.device);
  }
  std::vector<StoragePtr> got(roots.size());
  Program::compile(run_passes(driver::build_graph(canonical)))->run(in, {}, got);
  std::size_t next = 0;
  for (const Row& row : rows) {
    const auto want = ir::interpret(Graph(row.params, row.outputs), row.x);
    for (std::size_t o = 0; o < want.size(); ++o)
      expect_close(want[o], got[next++], dtype, fmt::format("{}, output {}", row.name, o));
  }
}

// Calls run on the host wherever their operands lie; one with several results shows how they come
// and go.
bool is_of_the_host(const Case& c) {
  const OpDef* op = find_op(c.op);
  return op && op->cls == OpClass::Call && c.op != "slogdet";
}

void check_table(DType dtype, Device device) {
  std::vector<Row> rows;
  for (const Case& c : cases()) {
    if (is_of_the_host(c)) continue;
    rows.push_back(row_of(c, dtype, device));
    if (rows.size() < kRowsAProgram) continue;
    check_program(rows, dtype);
    rows.clear();
  }
  if (!rows.empty()) check_program(rows, dtype);
}

class DeviceTable : public ::testing::TestWithParam<DType> {};

TEST_P(DeviceTable, AgreesWithTheInterpreter) {
  NEEDS_OPENCL;
  check_table(GetParam(), opencl(0));
}

TEST_P(DeviceTable, AgreesWithTheInterpreterOnCuda) {
  const Precision before = precision();
  set_precision(Precision::highest);  // products of f32 are f32's
  check_table(GetParam(), cuda(0));
  set_precision(before);
}

INSTANTIATE_TEST_SUITE_P(Dtypes, DeviceTable,
                         ::testing::Values(kFloat64, kFloat32, kFloat16, kBFloat16),
                         [](const auto& info) { return std::string(name(info.param)); });

}  // namespace
}  // namespace lilith::testing
