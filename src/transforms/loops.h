#pragma once
#include <vector>

#include "ir/node.h"
#include "lilith/graph_names.h"

// Loops in the graph: nodes that own bodies, and their results.
//   %s = scan(%c, %x, %w) {body=@… carries=1 length=8 reverse=false xs=1}
//   %h: f32[4] = get(%s) {index=0 …}     the carry after the last step
//   %y: f32[8,4] = get(%s) {index=1 …}   what all steps gave
namespace lilith::ir {

/// "scan" (carries…, xs…, others…): body (carries…, a row of each x…, others…) -> (carries…, a row
/// of each y…), `length` times. `reverse`: from the last row to the first.
const OpDef& scan_op();
/// "while_loop" (carries…, others…): body (carries…, others…) -> (carries…) as long as condition of
/// the same is true.
const OpDef& while_op();
/// "cond" (predicate, operands…): then (operands…) where it is true, else otherwise (operands…).
const OpDef& cond_op();
/// "get" (loop): its result `index`.
const OpDef& get_op();

/// What a scan's attributes say.
struct ScanAttrs {
  explicit ScanAttrs(const Attrs& attrs);
  Attrs attrs() const;
  BodyPtr body;
  std::size_t carries, xs;
  std::int64_t length;
  bool reverse;
};

/// A node of a Loop, and a "get" for each of its results.
std::vector<Tensor> apply_loop(const OpDef& op, std::vector<Tensor> inputs, Attrs attrs);
/// The avals of a Loop's results.
std::vector<Aval> result_avals(const NodeImpl& loop);
/// A "get".
Tensor make_get(const Tensor& loop, std::size_t index, const Aval& aval);

/// A function of `parameters`, in which whatever the outputs need beside them and constants is an
/// input too: those follow the parameters, and their values are `captured`. What depends on none of
/// the parameters is computed outside, but for views.
struct Closure {
  BodyPtr body;
  std::vector<Tensor> captured;
};
Closure close_over(const std::vector<Tensor>& parameters, const std::vector<Tensor>& outputs);

/// Those of a, then those of b.
inline std::vector<Tensor> joined(std::vector<Tensor> a, const std::vector<Tensor>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Fresh parameters with these avals.
std::vector<Tensor> fresh_parameters(const std::vector<Aval>& avals);
/// A body that takes more than it reads: values like `before` in front of input `own`, values like
/// `after` behind all.
BodyPtr with_inputs(const BodyPtr& body, const std::vector<Tensor>& before,
                    const std::vector<Tensor>& after, std::size_t own);
/// The attributes with a new body for each one.
template <class F>
Attrs map_bodies(const Attrs& attrs, F&& f) {
  Attrs out = attrs;
  for (const auto& [name, attr] : attrs.items())
    if (const BodyPtr* body = std::get_if<BodyPtr>(&attr)) out.set(name, f(*body));
  return out;
}
/// The same without the marks of transforms (markers.h): what a program contains.
Attrs without_markers(const Attrs& attrs);

/// The rules of scan and cond.
std::vector<Tensor> scan_vjp(const VjpCtx& c);
std::vector<Tensor> cond_vjp(const VjpCtx& c);

}  // namespace lilith::ir
