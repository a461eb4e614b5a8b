// The memory experts are read into: slots of one size, in one mapping that is taken page by page as slots are
// first used. Huge pages where the system has them: an expert is megabytes, read from end to end.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/huge_pages.h"
#include "base/status.h"
#include "memory/extent_reader.h"

namespace jaju {

class SlotPool {
 public:
  SlotPool() = default;
  // slot_bytes: a multiple of kIoAlignment. Error: the system does not give that much.
  static Result<SlotPool> map(int64_t slot_bytes, int64_t count);

  std::byte* slot(int64_t i) const { return memory_.data() + i * slot_bytes_; }
  int64_t slot_bytes() const { return slot_bytes_; }
  int64_t count() const { return count_; }
  ReadBuffers buffers() const { return {memory_.data(), slot_bytes_, count_}; }

 private:
  HugePageMemory memory_;
  int64_t slot_bytes_ = 0;
  int64_t count_ = 0;
};

}  // namespace jaju
