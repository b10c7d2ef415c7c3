#include "lilith/ops/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <mutex>
#include <numbers>
#include <random>

#include "core/dtype_limits.h"
#include "ir/node.h"
#include "ir/one_device.h"
#include "lilith/ops/activation.h"
#include "lilith/ops/create.h"
#include "lilith/ops/elementwise.h"
#include "lilith/ops/index.h"
#include "lilith/ops/reduce.h"
#include "lilith/ops/shape.h"
#include "ops/batch.h"
#include "ops/define.h"
#include "ops/factory.h"
#include "ops/half.h"
#include "ops/operand.h"
#include "ops/primitives.h"
#include "ops/random_key.h"
#include "ops/sort.h"
#include "runtime/fork.h"

// Random numbers: Philox bits under a key that is a run-time input. Salmon et al., "Parallel random
// numbers: as easy as 1, 2, 3" (SC 2011).
namespace lilith {

struct RandomGenerator::Stream {
  RngState state;
};

namespace ops {
namespace {

using I = std::int64_t;
using U32 = std::uint32_t;
using U64 = std::uint64_t;

// Philox4x32-10: the block at a counter under a key.
std::array<U32, 4> philox(U64 key, U64 counter) {
  std::array<U32, 4> c{static_cast<U32>(counter), static_cast<U32>(counter >> 32), 0, 0};
  U32 k0 = static_cast<U32>(key), k1 = static_cast<U32>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const U64 p0 = U64{0xD2511F53u} * c[0], p1 = U64{0xCD9E8D57u} * c[2];
    c = {static_cast<U32>(p1 >> 32) ^ c[1] ^ k0, static_cast<U32>(p1),
         static_cast<U32>(p0 >> 32) ^ c[3] ^ k1, static_cast<U32>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

const OpDef& random_bits_op = register_builtin(
    {.name = "random_bits",
     .cls = OpClass::View,
     .infer =
         [](const InferCtx& c) {
           const Ints &shape = c.attrs.ints("shape"), keys = c.in[0].shape.vec();
           for (I size : shape)
             LILITH_CHECK(size >= 0, "random_bits: a size is {}; need sizes >= 0", size);
           LILITH_CHECK(
               c.in[0].dtype == DType::I64 && std::ranges::mismatch(keys, shape).in1 == keys.end(),
               "random_bits: the key is {}; need i64[], or of the first dimensions of {}",
               c.in[0].str(), Shape(shape).str());
           return Aval{.shape = shape, .dtype = DType::I32, .device = c.in[0].device};
         },
     .no_vjp_reason = "bits do not depend on anything differentiable",
     .lower =
         [](LowerCtx& c) {
           kir::Expr linear = c.integer(0);
           const auto first = c.index.begin(), rest = first + c.in[0].shape.rank();
           for (auto i = rest; i != c.index.end(); ++i)
             linear = linear * c.integer(c.out.shape[static_cast<int>(i - first)]) + *i;
           return kir::philox(c.element(0, {first, rest}), kir::floor_div(linear, 4),
                              kir::floor_mod(linear, 4));
         },
     .reference =
         [](RefCtx& c) {
           const I keys = std::ssize(c.in[0]->i), draws = c.out.aval.numel() / std::max<I>(keys, 1);
           for (I k = 0; k < c.out.aval.numel(); ++k) {
             const auto key = static_cast<U64>(c.in[0]->i[static_cast<std::size_t>(k / draws)]);
             const auto at = static_cast<U64>(k % draws);
             c.out.set_int(k, static_cast<std::int32_t>(philox(key, at / 4)[at % 4]));
           }
         },
     .cost = 60,
     .batch = batch_by_dims({.each = {"shape"}})});

// Of all generators: a draw is short, and one mutex can be held over a fork.
std::mutex& streams() {
  static std::mutex* m = new std::mutex;
  return *m;
}
const RandomGenerator& process_generator() {
  static RandomGenerator* g = new RandomGenerator(0);
  return *g;
}
// Made at load: a fork while another thread makes it would leave it half made in the child.
[[maybe_unused]] const RandomGenerator& made_at_load = process_generator();
[[maybe_unused]] const bool fork_hooks = runtime::at_fork(
    runtime::LockOrder::Inner,
    {[] { streams().lock(); }, [] { streams().unlock(); }, [] { streams().unlock(); }});
thread_local KeyScope* current_scope = nullptr;
thread_local const RandomGenerator* chosen = nullptr;

Tensor key_leaf(I key) {
  const Aval aval{.shape = {}, .dtype = DType::I64};
  StoragePtr storage = Storage::allocate(aval.bytes());
  *static_cast<I*>(storage->data()) = key;
  return ir::make_data(aval, std::move(storage));
}

// Uniform in [0, 1): the high bits as a multiple of 2^-24 (f32) or, from two words, 2^-53 (f64).
// Halves take as many bits as they hold, 11 or 8: more would round up to 1.
Tensor uniform(const Shape& shape, DType dtype, Device device) {
  const Tensor key = ir::on_device(next_key(), device);
  const auto bits = [&](const Tensor& k) {
    const Tensor words =
        make_cast(apply(random_bits_op, {k}, {{"shape", shape.vec()}}), DType::I64);
    return apply("and", {words, full_as(words, 4294967295.0)});
  };
  if (dtype != DType::F64) {
    const int digits = dtype == DType::F16 ? 11 : dtype == DType::BF16 ? 8 : 24;
    const Tensor high =
        apply("shr", {bits(key), make_full(shape, 32.0 - digits, DType::I64, device)});
    return scale(make_cast(high, DType::F32), std::ldexp(1, -digits));
  }
  const Tensor high = apply("shr", {bits(key), make_full(shape, 5, DType::I64, device)});
  const Tensor low = apply("shr", {bits(fold_in(key, 1)), make_full(shape, 6, DType::I64, device)});
  return scale(add(scale(make_cast(high, DType::F64), 67108864.0), make_cast(low, DType::F64)),
               0x1p-53);
}

void check(const char* op, const Shape& shape, const TensorOptions& options) {
  LILITH_CHECK(is_floating(options.dtype), "{}: dtype {}; need a floating dtype", op,
               name(options.dtype));
  check_factory(op, shape, options);
}

// sqrt(2) erfinv(2 u - 1), u at the middle of its cell: never 0 or 1.
Tensor gaussian(const Shape& shape, DType dtype, Device device) {
  const DType work = work_type(dtype);
  const double half_cell = work == DType::F64 ? 0x1p-54 : 0x1p-25;
  const Tensor u = uniform(shape, work, device);
  // 2 u - 1 is exact in u's cells; the half cell is added after, where it still counts.
  const Tensor centred = shift(shift(scale(u, 2), -1), 2 * half_cell);
  return scale(erfinv(centred), std::numbers::sqrt2);
}

I draw_key(const RandomGenerator& g) {
  RandomGenerator::Stream& s = *g.stream();
  std::lock_guard lock(streams());
  return fold_in(static_cast<I>(s.state.seed), static_cast<I>(s.state.counter++));
}

Tensor make_integer(const Shape& shape, I value, Device device) {
  return ir::make_constant({Scalar::Kind::Int, value, 0},
                           {.shape = shape, .dtype = DType::I64, .device = device});
}

// A whole number in [0, range): the high word of the product of 64 random bits and the range
// (Lemire, "Fast random integer generation in an interval", 2019, without the rejection: the bias
// is below 2^-10 of a value's probability for ranges up to 2^54, and the result is in its range).
Tensor wide_below(const Shape& shape, U64 range, Device device) {
  const Tensor key = ir::on_device(next_key(), device),
               low_word = make_integer(shape, 0xFFFFFFFF, device);
  const auto words = [&](const Tensor& k) {
    const Tensor bits = make_cast(apply(random_bits_op, {k}, {{"shape", shape.vec()}}), DType::I64);
    return apply("and", {bits, low_word});
  };
  const auto high_half = [&](const Tensor& x) {
    return apply("and", {apply("shr", {x, make_integer(shape, 32, device)}), low_word});
  };
  const auto low_half = [&](const Tensor& x) { return apply("and", {x, low_word}); };
  const Tensor x1 = words(key), x0 = words(fold_in(key, 1));
  const Tensor r1 = make_integer(shape, static_cast<I>(range >> 32), device),
               r0 = make_integer(shape, static_cast<I>(range & 0xFFFFFFFF), device);
  // Schoolbook multiplication in halves; products of 32 bits wrap into the sign and back.
  const Tensor low = mul(x0, r0), cross = mul(x1, r0), other = mul(x0, r1);
  const Tensor carry = add(add(high_half(low), low_half(cross)), low_half(other));
  return add(add(mul(x1, r1), high_half(cross)), add(high_half(other), high_half(carry)));
}

// What a dtype holds of the numbers low to high - 1, which a conversion would wrap or cut.
void check_held(I low, I high, DType dtype) {
  const bool held = is_floating(dtype)
                        ? std::max(-static_cast<double>(low), static_cast<double>(high - 1)) <=
                              largest_finite(dtype)
                        : low >= least_integer(dtype) && high - 1 <= largest_integer(dtype);
  LILITH_CHECK(held, "randint: [{}, {}) of {}; need numbers that it holds", low, high, name(dtype));
}

std::vector<I> host_ranks(I key, I n) {
  std::vector<std::int32_t> words(static_cast<std::size_t>(n));
  for (I k = 0; k < n; ++k) {
    words[static_cast<std::size_t>(k)] = static_cast<std::int32_t>(
        philox(static_cast<U64>(key), static_cast<U64>(k / 4))[static_cast<std::size_t>(k % 4)]);
  }
  Ints order = range(n), rank(order.size());
  std::stable_sort(order.begin(), order.end(), [&](I a, I b) {
    return words[static_cast<std::size_t>(a)] < words[static_cast<std::size_t>(b)];
  });
  for (I i = 0; i < n; ++i) rank[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = i;
  return rank;
}
bool traced_keys() { return current_scope != nullptr; }

}  // namespace

Tensor coin(const Shape& shape, const Tensor& p) {
  const DType work = work_type(p.dtype());
  return lt(uniform(shape, work, p.device()), make_cast(p, work));
}

KeyScope::KeyScope(KeyProvider provider) : provider_(std::move(provider)), outer_(current_scope) {
  current_scope = this;
}
KeyScope::~KeyScope() { current_scope = outer_; }

I fold_in(I key, I data) {
  const auto block = philox(static_cast<U64>(key), static_cast<U64>(data));
  return static_cast<I>(U64{block[0]} | U64{block[1]} << 32);
}

Tensor fold_in(const Tensor& key, const Tensor& data) {
  // The first words of the block under a key made of both.
  const Tensor mixed =
      apply("xor", {key, apply("mul", {make_cast(data, DType::I64), full_as(key, 2654435769.0)})});
  const Tensor words = make_cast(apply(random_bits_op, {mixed}, {{"shape", Ints{2}}}), DType::I64);
  const Tensor low = make_reshape(slice_dim(words, 0, 0, 1), {}),
               high = make_reshape(slice_dim(words, 0, 1, 2), {});
  const Tensor low_bits = apply("and", {low, full_as(low, 4294967295.0)});
  return apply("or", {low_bits, apply("shl", {high, full_as(high, 32)})});
}
Tensor fold_in(const Tensor& key, I data) {
  return fold_in(key, full_as(key, static_cast<double>(data + 1)));
}

GeneratorScope::GeneratorScope(const std::optional<RandomGenerator>& generator) : outer_(chosen) {
  if (generator) chosen = &*generator;
}
GeneratorScope::~GeneratorScope() { chosen = outer_; }
const RandomGenerator* current_generator() { return chosen; }

I take_host_key(const std::optional<RandomGenerator>& generator) {
  if (generator) return draw_key(*generator);
  return draw_key(chosen ? *chosen : process_generator());
}

Tensor next_key() {
  if (KeyScope* scope = current_scope) return scope->provider_(scope->draws_++);
  return key_leaf(take_host_key());
}

}  // namespace ops

using namespace ops;

void manual_seed(std::uint64_t seed) { set_rng_state({seed, 0}); }
RngState get_rng_state() { return rng_state(); }
std::uint64_t initial_seed() { return rng_state().seed; }
std::uint64_t pytorch::seed() {
  std::random_device chance;
  const std::uint64_t chosen = (std::uint64_t{chance()} << 32) | chance();
  manual_seed(chosen);
  return chosen;
}
RngState rng_state() { return process_generator().get_state(); }
void set_rng_state(const RngState& state) {
  RandomGenerator g = process_generator();
  g.set_state(state);
}

RandomGenerator::RandomGenerator(std::uint64_t seed)
    : stream_(std::make_shared<Stream>(Stream{{seed, 0}})) {}
RandomGenerator& RandomGenerator::manual_seed(std::uint64_t seed) {
  set_state({seed, 0});
  return *this;
}
std::uint64_t RandomGenerator::initial_seed() const { return get_state().seed; }
RngState RandomGenerator::get_state() const {
  std::lock_guard lock(streams());
  return stream_->state;
}
void RandomGenerator::set_state(const RngState& state) {
  std::lock_guard lock(streams());
  stream_->state = state;
}

Tensor rand(const Shape& shape, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  check("rand", shape, options);
  const GeneratorScope chosen_here(options.generator);
  return make_cast(uniform(shape, options.dtype, options.device), options.dtype);
}
Tensor randn(const Shape& shape, const TensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  check("randn", shape, options);
  const GeneratorScope chosen_here(options.generator);
  return make_cast(gaussian(shape, options.dtype, options.device), options.dtype);
}
Tensor randint(Int low, Int high, const Shape& shape, const IntTensorOptions& options,
               SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(low < high, "randint: [{}, {}); need low < high", low, high);
  check_factory("randint", shape, {.dtype = options.dtype, .device = options.device});
  check_held(low, high, options.dtype);
  const GeneratorScope chosen_here(options.generator);
  const U64 range = static_cast<U64>(high) - static_cast<U64>(low);
  const Tensor first = make_integer(shape, low, options.device);
  if (range > U64{1} << 53)
    return make_cast(add(first, wide_below(shape, range, options.device)), options.dtype);
  // 53 bits of a uniform number: exact for every range that fits them.
  const Tensor u =
      floor(scale(uniform(shape, DType::F64, options.device), static_cast<double>(range)));
  return make_cast(add(first, make_cast(u, DType::I64)), options.dtype);
}
Tensor randint(Int high, const Shape& shape, const IntTensorOptions& options, SourceLocation loc) {
  return randint(0, high, shape, options, loc);
}
Tensor randint_like(const Arg& x, Int low, Int high) {
  LocScope scope(x.loc());
  LILITH_CHECK(low < high, "randint_like: [{}, {}); need low < high", low, high);
  const Tensor t = x.tensor();
  return randint(low, high, t.shape(), {.dtype = t.dtype(), .device = t.device()});
}
Tensor randint_like(const Arg& x, Int high) {
  LocScope scope(x.loc());
  return randint_like(x, 0, high);
}
// The ranks of random numbers are a random order: sorted at once where the key is known, in the
// graph where it is not. Both give the same order for a key.
Tensor randperm(Int n, const IntTensorOptions& options, SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(n >= 0, "randperm: n is {}; need n >= 0", n);
  check_factory("randperm", {n}, {.dtype = options.dtype, .device = options.device});
  const GeneratorScope chosen_here(options.generator);
  if (!traced_keys()) {
    const std::vector<I> order = host_ranks(take_host_key(), n);
    const Tensor ranks = detail::copy_from(order.data(), {n}, DType::I64, options.device, {});
    return make_cast(ranks, options.dtype);
  }
  const Tensor key = ir::on_device(next_key(), options.device);
  const Tensor words = apply(random_bits_op, {key}, {{"shape", Ints{n}}});
  return make_cast(make_argsort(make_argsort(words, 0, n, false), 0, n, false), options.dtype);
}
Tensor rand_like(const Arg& x, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Aval& a = x.tensor().aval();
  return rand(a.shape, {.dtype = dtype.value_or(a.dtype), .device = a.device});
}
Tensor randn_like(const Arg& x, std::optional<DType> dtype) {
  LocScope scope(x.loc());
  const Aval& a = x.tensor().aval();
  return randn(a.shape, {.dtype = dtype.value_or(a.dtype), .device = a.device});
}
Tensor bernoulli(const Arg& p, const std::optional<RandomGenerator>& generator) {
  LocScope scope(p.loc());
  const GeneratorScope chosen_here(generator);
  const Tensor t = floating(p);
  return make_cast(coin(t.shape(), t), t.dtype());
}
Tensor bernoulli(const Arg& x, Real p, const std::optional<RandomGenerator>& generator) {
  LocScope scope(x.loc());
  LILITH_CHECK(p >= 0 && p <= 1, "bernoulli: p is {}; need 0 <= p <= 1", p);
  const GeneratorScope chosen_here(generator);
  const Tensor t = x.tensor();
  const DType work = work_type(t.dtype());
  return make_cast(coin(t.shape(), make_full(t.shape(), p, work, t.device())), t.dtype());
}
Tensor normal(const Arg& mean) {
  LocScope scope(mean.loc());
  return normal(mean, 1.0);
}
Tensor normal(const Arg& mean, const Arg& std, const std::optional<RandomGenerator>& generator) {
  LocScope scope(mean.loc());
  const GeneratorScope chosen_here(generator);
  const Operands o =
      broadcast_operands("normal", mean, std, floating_type(ops::result_type({&mean, &std})));
  const Tensor z =
      make_cast(gaussian(o.a.shape(), o.a.dtype(), o.a.device()), compute_dtype(o.a.dtype()));
  return narrowed(add(widened(o.a), mul(widened(o.b), z)), o.a.dtype());
}

Tensor normal(Real mean, Real std, const Shape& size, const TensorOptions& options,
              SourceLocation loc) {
  LocScope scope(loc);
  LILITH_CHECK(std >= 0, "normal: std is {}; need std >= 0", std);
  return shift(scale(randn(size, options), std), mean);
}

Tensor rrelu(const Arg& x, Real lower, Real upper, bool training) {
  LocScope scope(x.loc());
  LILITH_CHECK(lower <= upper, "rrelu: slopes from {} to {}; need lower <= upper", lower, upper);
  const Tensor given = x.tensor();
  LILITH_CHECK(is_floating(given.dtype()), "rrelu: got {}; need a floating dtype",
               given.aval().str());
  if (!training) return leaky_relu(given, (lower + upper) / 2);
  return rounded_once(given, [&](const Tensor& t) {
    const Tensor slope = shift(scale(rand_like(t), upper - lower), lower);
    return make_select(compare("gt", t, 0), t, mul(t, slope));
  });
}

Tensor gumbel_softmax(const Arg& logits, Real tau, bool hard, Dim dim) {
  LocScope scope(logits.loc());
  LILITH_CHECK(tau > 0, "gumbel_softmax: tau is {}; need tau > 0", tau);
  const Tensor t = floating(logits);
  const Tensor soft = rounded_once(t, [&](const Tensor& wide) {
    // -log(-log(1 - u)), u in [0, 1) kept from 0.
    const Tensor u = clamp_min(rand_like(wide), 1e-20);
    const Tensor noise = neg(log(neg(log1p(neg(u)))));
    return softmax(scale(add(wide, noise), 1 / tau), dim);
  });
  if (!hard) return soft;
  const int d = wrap_dim("gumbel_softmax", dim, t.ndim());
  const Tensor best = argmax(soft, d, true);
  const Tensor place = make_iota(t.shape(), d, DType::I64, t.device());
  const Tensor one = make_cast(eq(place, best), t.dtype());
  return add(sub(one, stop_gradient(soft)), soft);
}

}  // namespace lilith
