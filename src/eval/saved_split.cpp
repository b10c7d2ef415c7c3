#include "eval/saved_split.h"

#include "eval/saved_plan.h"
#include "ir/node.h"

namespace lilith {
namespace {

void write(ByteWriter& out, const std::vector<std::size_t>& list) {
  out.count(list.size());
  for (const std::size_t x : list) out.count(x);
}
std::vector<std::size_t> read_list(ByteReader& in) {
  std::vector<std::size_t> list(in.count());
  for (std::size_t& x : list) x = static_cast<std::size_t>(in.number());
  return list;
}

Device read_device(ByteReader& in, bool* found) {
  const std::optional<Device> device = read_device(in);
  *found = *found && device;
  return device.value_or(cpu());
}

void write(ByteWriter& out, const Aval& aval) {
  out.number(static_cast<std::int64_t>(aval.dtype));
  write(out, aval.device);
  out.count(static_cast<std::size_t>(aval.shape.rank()));
  for (const std::int64_t d : aval.shape) out.number(d);
}
Aval read_aval(ByteReader& in, bool* found) {
  Aval aval;
  aval.dtype = static_cast<DType>(in.number());
  aval.device = read_device(in, found);
  std::vector<std::int64_t> dims(in.count());
  for (std::int64_t& d : dims) d = in.number();
  aval.shape = Shape(dims);
  return aval;
}

bool write(ByteWriter& out, const Split::Constant& c) {
  const Attr* value = c.leaf.node()->attrs.find("value");
  if (c.leaf.node()->op != &ir::constant_op() || !value) return false;
  out.count(c.value);
  write(out, c.leaf.aval());
  const double* real = std::get_if<double>(value);
  const std::int64_t* integer = std::get_if<std::int64_t>(value);
  if (!real && !integer) return false;
  out.number(real != nullptr);
  real ? out.real(*real) : out.number(*integer);
  return true;
}

Split::Constant read_constant(ByteReader& in, bool* found) {
  const auto value = static_cast<std::size_t>(in.number());
  const Aval aval = read_aval(in, found);
  const bool is_real = in.number() != 0;
  const Scalar number = is_real ? Scalar{Scalar::Kind::Float, 0, in.real()}
                                : Scalar{Scalar::Kind::Int, in.number(), 0};
  if (!in.ok()) return {};
  return {value, ir::make_constant(number, aval)};
}

}  // namespace

bool write(ByteWriter& out, const Split& split) {
  const auto& [parts, constants, outputs, num_values] = split;
  out.count(parts.size());
  for (const auto& [moves, graph, device, ins, outs] : parts) {
    out.count(moves.size());
    for (const Split::Move& m : moves) {
      out.count(m.from);
      out.count(m.to);
      write(out, m.from_device);
      write(out, m.aval);
    }
    write(out, device);
    write(out, ins);
    write(out, outs);
  }
  out.count(constants.size());
  for (const Split::Constant& c : constants)
    if (!write(out, c)) return false;
  write(out, outputs);
  out.count(num_values);
  return true;
}

std::optional<Split> read_split(ByteReader& in) {
  Split split;
  bool found = true;
  split.parts.resize(in.count());
  for (Split::Part& part : split.parts) {
    part.moves.resize(in.count());
    for (Split::Move& m : part.moves) {
      m.from = static_cast<std::size_t>(in.number());
      m.to = static_cast<std::size_t>(in.number());
      m.from_device = read_device(in, &found);
      m.aval = read_aval(in, &found);
    }
    part.device = read_device(in, &found);
    part.inputs = read_list(in);
    part.outputs = read_list(in);
  }
  const std::size_t constants = in.count();
  for (std::size_t k = 0; k < constants && in.ok(); ++k)
    split.constants.push_back(read_constant(in, &found));
  split.outputs = read_list(in);
  split.num_values = static_cast<std::size_t>(in.number());
  if (!in.ok() || !found) return std::nullopt;
  return split;
}

}  // namespace lilith
