#include "lilith/detail/tie.h"

namespace lilith::detail {
namespace {

/// Numbers of one sequence, taken in blocks by each thread.
class Numbers {
 public:
  explicit Numbers(std::atomic<std::uint32_t>& all) : all_(all) {}
  std::uint32_t next() {
    if (at_ == end_) {
      at_ = all_.fetch_add(kBlock, std::memory_order_relaxed);
      end_ = at_ + kBlock;
    }
    const std::uint32_t n = at_++;
    return n == 0 ? next() : n;
  }

 private:
  static constexpr std::uint32_t kBlock = 1024;
  std::atomic<std::uint32_t>& all_;
  std::uint32_t at_ = 0, end_ = 0;
};

std::atomic<std::uint32_t> all_families{0}, all_members{0}, all_stamps{0};
thread_local Numbers families{all_families}, members{all_members}, stamps{all_stamps};

std::uint16_t next_member() {
  const auto n = static_cast<std::uint16_t>(members.next());
  return n == 0 ? next_member() : n;
}

}  // namespace

void TieTag::follow(TieTag& source) noexcept {
  if (this == &source) return;
  std::uint32_t family = source.family();
  if (family == 0) {
    const std::uint32_t mine = families.next();
    // Another thread may tag the same source now.
    if (source.family_.compare_exchange_strong(family, mine, std::memory_order_relaxed))
      family = mine;
  }
  const std::uint16_t root = source.follows_ ? source.root_ : source.member_;
  // What it was before, given back.
  const bool own = this->family() == family &&
                   (member_ == source.member_ || (source.follows_ && member_ == root));
  fresh_ = source.fresh_;
  if (own) return;
  family_.store(family, std::memory_order_relaxed);
  stamp_ = source.stamp_;
  parent_ = source.member_;
  root_ = root;
  member_ = next_member();
  follows_ = true;
}

void TieTag::copy(const TieTag& other) noexcept {
  if (this == &other) return;
  family_.store(other.family(), std::memory_order_relaxed);
  stamp_ = other.tagged() ? stamps.next() : 0;
  member_ = other.member_;
  parent_ = other.parent_;
  root_ = other.root_;
  follows_ = other.follows_;
  fresh_ = other.fresh_;
}

void TieTag::move(TieTag& other) noexcept {
  if (this == &other) return;
  copy(other);
  stamp_ = other.stamp_;
  other.family_.store(0, std::memory_order_relaxed);
  other.stamp_ = 0;
  other.member_ = other.parent_ = other.root_ = 0;
  other.follows_ = other.fresh_ = false;
}

}  // namespace lilith::detail
