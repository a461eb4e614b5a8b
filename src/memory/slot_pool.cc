#include "memory/slot_pool.h"

#include "base/check.h"
#include "base/file.h"
#include "memory/extent.h"

namespace jaju {

Result<SlotPool> SlotPool::map(int64_t slot_bytes, int64_t count) {
  JAJU_CHECK(slot_bytes > 0 && slot_bytes % kIoAlignment == 0 && count > 0);
  if (count > INT64_MAX / 2 / slot_bytes)
    return error("{} slots of {} bytes: no machine has that", count, slot_bytes);
  SlotPool pool;
  pool.memory_ = HugePageMemory(static_cast<size_t>(slot_bytes * count));
  if (pool.memory_.data() == nullptr) {
    return error("the system does not give {} for experts: use a smaller --memory",
                 human_bytes(static_cast<double>(slot_bytes * count)));
  }
  pool.slot_bytes_ = slot_bytes;
  pool.count_ = count;
  return pool;
}

}  // namespace jaju
