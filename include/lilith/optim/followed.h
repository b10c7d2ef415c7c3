#pragma once
#include <memory>
#include <utility>
#include <vector>

namespace lilith::optim {

/// An object that schedules point to. The pointer goes along where the object is moved (returned by
/// a function, put into a struct), and tells when it is gone. A copy is another object.
class Followed {
 public:
  Followed() = default;
  Followed(const Followed&) {}
  Followed(Followed&& from) noexcept { take(from); }
  Followed& operator=(const Followed&) { return *this; }
  Followed& operator=(Followed&& from) noexcept {
    if (this != &from) take(from);
    return *this;
  }
  ~Followed() {
    for (const auto& place : places_) *place = nullptr;
  }

 private:
  friend class OptimizerPointer;
  void take(Followed& from) {
    for (auto& place : from.places_) {
      *place = this;
      places_.push_back(std::move(place));
    }
    from.places_.clear();
  }

  // What its schedules share; one more of each object that was moved into it with schedules.
  std::vector<std::shared_ptr<Followed*>> places_;
};

}  // namespace lilith::optim
