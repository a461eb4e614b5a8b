#include "memory/budget.h"

#include <algorithm>

#include "base/file.h"

namespace jaju {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr int64_t kMostMargin = 512 * kMiB;
constexpr int64_t kMarginShare = 32;

// What it says is never less than `bytes`.
std::string at_least(int64_t bytes) {
  int64_t unit = 1;
  while (bytes / unit >= 1000) unit *= 10;
  return human_bytes(static_cast<double>((bytes + unit - 1) / unit * unit));
}

std::string text(int64_t bytes) {
  return human_bytes(static_cast<double>(bytes));
}

int64_t without_experts(const ModelSizes& model, const RunSizes& run) {
  return model.resident_bytes() + run.kv_bytes + run.buffer_bytes + run.program_bytes;
}

// The least `memory` with memory - program_margin(memory) >= bytes. The margin grows in steps of 32 bytes of
// memory, so the first guess is at most one step away.
int64_t with_margin(int64_t bytes) {
  if (bytes + kMostMargin > kMostMargin * kMarginShare) return bytes + kMostMargin;
  int64_t memory = bytes + bytes / (kMarginShare - 1);
  while (memory - program_margin(memory) < bytes) ++memory;
  while (memory > 0 && memory - 1 - program_margin(memory - 1) >= bytes) --memory;
  return memory;
}

}  // namespace

int64_t ModelSizes::resident_bytes() const {
  int64_t sum = 0;
  for (const NamedBytes& part : resident) sum += part.bytes;
  return sum;
}

int64_t program_margin(int64_t memory) {
  return std::clamp<int64_t>(memory / kMarginShare, 0, kMostMargin);
}

int64_t default_memory(int64_t free_bytes) {
  const int64_t kept = std::clamp(free_bytes / 16, 256 * kMiB, 4096 * kMiB);
  return std::max<int64_t>(free_bytes - std::min(kept, free_bytes / 2), 0);
}

int64_t least_slots(const ModelSizes& model) {
  return std::min(model.experts(), 2 * model.experts_per_token);
}

int64_t least_memory(const ModelSizes& model, const RunSizes& run) {
  return with_margin(without_experts(model, run) + least_slots(model) * model.slot_bytes);
}

int64_t full_memory(const ModelSizes& model, const RunSizes& run) {
  return with_margin(without_experts(model, run) + model.expert_bytes());
}

Result<MemoryBudget> divide_memory(const ModelSizes& model, const RunSizes& run, int64_t memory,
                                   int64_t pins_wanted) {
  MemoryBudget b;
  b.memory = memory;
  b.resident = model.resident_bytes();
  b.kv = run.kv_bytes;
  b.buffers = run.buffer_bytes;
  b.margin = program_margin(memory) + run.program_bytes;
  b.slot_bytes = model.slot_bytes;
  if (memory < least_memory(model, run)) {
    return error(
        "{} of memory do not hold what must always be there: {} of weights, {} of KV cache, {} of buffers, "
        "{} of the program and {} experts; give at least {}, or a shorter context or a smaller batch",
        text(memory), text(b.resident), text(b.kv), text(b.buffers), text(b.margin), least_slots(model),
        at_least(least_memory(model, run)));
  }
  if (model.slot_bytes == 0 || model.experts() == 0) {
    b.all_resident = true;
    return b;
  }
  const int64_t room = memory - without_experts(model, run) - program_margin(memory);
  const int64_t slots = std::min(model.experts(), room / model.slot_bytes);
  b.all_resident = slots == model.experts();
  if (!b.all_resident) b.pinned_slots = std::clamp<int64_t>(pins_wanted, 0, slots / 4);
  b.cache_slots = slots - b.pinned_slots;
  return b;
}

}  // namespace jaju
