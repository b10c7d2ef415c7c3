#pragma once
#include <atomic>
#include <cstdint>
#include <utility>

namespace lilith::detail {

/// What a Tensor knows of the assignments between named tensors (`dec.weight = enc.weight`): where
/// both are fields of one model they are one parameter. Copies carry it, so that the ties of a
/// struct hold in its copy; the stamp of the copy tells several copies in one model apart. Setting
/// a new value clears it.
class TieTag {
 public:
  TieTag() = default;
  TieTag(const TieTag& other) noexcept {
    if (other.tagged()) copy(other);
  }
  TieTag(TieTag&& other) noexcept {
    if (other.tagged()) move(other);
  }
  TieTag& operator=(const TieTag& other) noexcept {
    if (tagged() || other.tagged()) copy(other);
    return *this;
  }
  TieTag& operator=(TieTag&& other) noexcept {
    if (tagged() || other.tagged()) move(other);
    return *this;
  }

  bool tagged() const { return family_.load(std::memory_order_relaxed) != 0; }
  /// Becomes another name of the tensor that `source` belongs to. The source may be read, and be
  /// the source of other threads, meanwhile.
  void follow(TieTag& source) noexcept;

  std::uint32_t family() const { return family_.load(std::memory_order_relaxed); }
  std::uint32_t stamp() const { return stamp_; }
  std::uint16_t member() const { return member_; }
  /// One of the two was assigned from the other, directly or through tensors outside of the model.
  bool linked(const TieTag& other) const {
    return (follows_ && (parent_ == other.member_ || root_ == other.member_)) ||
           (other.follows_ && (other.parent_ == member_ || other.root_ == member_));
  }
  /// Its value was replaced in place (init::normal_), for all that it is tied to.
  bool fresh() const { return fresh_; }
  void set_fresh(bool fresh) { fresh_ = fresh; }

 private:
  friend class KeepTie;
  void copy(const TieTag& other) noexcept;
  void move(TieTag& other) noexcept;

  std::atomic<std::uint32_t> family_{0};  // 0: neither source nor target of an assignment
  std::uint32_t stamp_ = 0;               // of the copy; 0: the tensor that was assigned itself
  std::uint16_t member_ = 0;              // which of its family; 0: the first source
  std::uint16_t parent_ = 0, root_ = 0;   // members that it was assigned from
  bool follows_ = false, fresh_ = false;
};

/// Keeps the tag of a tensor while it is assigned.
class KeepTie {
 public:
  explicit KeepTie(TieTag& tag) : tag_(tag), stamp_(tag.stamp_), kept_(tag) {}
  KeepTie(const KeepTie&) = delete;
  ~KeepTie() {
    tag_ = std::move(kept_);
    tag_.stamp_ = stamp_;
  }

 private:
  TieTag& tag_;
  std::uint32_t stamp_;
  TieTag kept_;
};

}  // namespace lilith::detail
