#include <fmt/format.h>

#include "codegen/c/grid_printer.h"
#include "codegen/c/spelling.h"
#include "kernel_ir/grid.h"

// A warp's product: the device's instruction, or a loop in which each thread computes its own
// elements.
namespace lilith::codegen::c {

using kir::MmaOperand;
using kir::MmaShape;

void GridPrinter::mma(const kir::Mma& s) {
  out_.open();
  expressions_.push_block();
  expressions_.begin({s.a.index, s.b.index});
  const std::string a = bare(expressions_.print(s.a.index)),
                    b = bare(expressions_.print(s.b.index));
  if (dialect_.head_mma == nullptr) {
    mma_loop(s, a, b);
  } else {
    const DType dtype = kernel_.buffers[static_cast<std::size_t>(s.a.buffer)].dtype;
    const bool pairs = dtype != DType::F32;
    const auto operand = [&](const MmaOperand& of, const std::string& at) {
      return fmt::format("{}({} + {}), {}, {}", pairs ? "(const u32*)" : "", buffer_name(of.buffer),
                         at, of.across / (pairs ? 2 : 1), of.along);
    };
    out_.add(fmt::format("mma_{}({}, {}, {});", pairs ? name(dtype) : "tf32", reg_name(s.acc),
                         operand(s.a, a), operand(s.b, b)));
  }
  expressions_.end();
  expressions_.pop_block();
  out_.close();
}

void GridPrinter::mma_loop(const kir::Mma& s, const std::string& a, const std::string& b) {
  const MmaShape shape = kir::mma_shape(kernel_, s);
  const DType dtype = kernel_.buffers[static_cast<std::size_t>(s.a.buffer)].dtype;
  const auto element = [&](const MmaOperand& of, const char* base, const char* line) {
    const std::string at = fmt::format("{}[{} + {} * {} + k * {}]", buffer_name(of.buffer), base,
                                       line, of.across, of.along);
    return dtype == DType::F32 ? "f32_bits(" + at + " & 0xffffe000u)" : value_of(dtype, at);
  };
  const std::string acc = reg_name(s.acc) + "[i][j][r]";
  out_.add("const i32 a = " + a + ", b = " + b + ";");
  out_.open(for_line("i32", "i", shape.mi));
  out_.open(for_line("i32", "j", shape.ni));
  out_.open(for_line("i32", "r", 4));
  out_.add(fmt::format("const i32 row = {} * i + thread % 32 / 4 + 8 * (r / 2);", MmaShape::kRows));
  out_.add(
      fmt::format("const i32 column = {} * j + 2 * (thread % 4) + r % 2;", MmaShape::kColumns));
  out_.add(for_line("i32", "k", shape.k));
  out_.add(fmt::format("  {} = fma_f32({}, {}, {});", acc, element(s.a, "a", "row"),
                       element(s.b, "b", "column"), acc));
  for (int n = 0; n < 3; ++n) out_.close();
}

}  // namespace lilith::codegen::c
