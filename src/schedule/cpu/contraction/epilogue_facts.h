#pragma once
#include <functional>

#include "schedule/kernel/contraction_spec.h"

// What follows a product in its kernel, looked at before any of it is written.
namespace lilith::schedule {

/// Every node between the product and what is stored, and what they load, each once. `made_here`:
/// this kernel stores it.
void visit_epilogue(const Builder& b, const Product& g,
                    const std::function<void(const ir::NodeImpl*, bool made_here)>& visit);

/// Counts for every axis the arrays that the epilogue reads or writes with a stride when it lies in
/// the lanes: outputs are row-major whatever runs there, what is loaded lies as it was stored, and
/// who reads a result by way of a view walks along one of its dimensions.
/// Says whether all results are.
void mark_strided(const Builder& b, const Product& g, ContractionSpec* spec);

/// Work of the epilogue for one element.
int epilogue_cost(const Builder& b, const Product& g);

}  // namespace lilith::schedule
