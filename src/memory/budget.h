// The one piece of arithmetic for memory: `jaju plan` prints it, the engine allocates by it.
//
// A model larger than memory keeps its residents (attention, shared experts, dense layers, routers, head,
// embedding), the latent cache and the buffers of a step in memory, always. Of the routed experts, 97.8 % of
// A.X K1, what is left of the budget holds as many as it can, each in a slot; the rest stays on the drive.
//
//   memory = residents + KV + buffers + margin + slots * slot_bytes + a remainder smaller than a slot
//
// Bytes of residents and slots come from the files' headers or the config (model/model_sizes.h), those of KV
// and buffers from the functions that allocate them (runtime/memory_plan.h). Nothing here allocates or reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"

namespace jaju {

struct NamedBytes {
  std::string name;
  int64_t bytes = 0;
};

// What a model is made of, in bytes as they lie in memory.
struct ModelSizes {
  std::vector<NamedBytes> resident;  // "attention", "head", ...: what every token may need
  int64_t slot_bytes = 0;            // one routed expert, whole extents of 4 KiB; 0: the model has none
  int64_t expert_read_bytes = 0;  // what one expert's weights take: what a read fetches and a product reads
  int64_t moe_layers = 0;
  int64_t experts_per_layer = 0;
  int64_t experts_per_token = 0;  // in each of these layers

  int64_t resident_bytes() const;
  int64_t experts() const { return moe_layers * experts_per_layer; }
  int64_t expert_bytes() const { return experts() * slot_bytes; }  // every slot there could be
};

// What running it takes besides.
struct RunSizes {
  int64_t kv_bytes = 0;       // pages of every sequence at its longest
  int64_t buffer_bytes = 0;   // activations, scratch and logits of a step
  int64_t program_bytes = 0;  // of the program itself, beyond program_margin(): of a small budget it is more
};

// What becomes of a budget.
struct MemoryBudget {
  int64_t memory = 0;    // the promise: peak use stays within it
  int64_t resident = 0;  // bytes of each
  int64_t kv = 0;
  int64_t buffers = 0;
  int64_t margin = 0;  // program_margin() and what the program has beyond it
  int64_t slot_bytes = 0;
  int64_t pinned_slots = 0;   // experts that are never evicted
  int64_t cache_slots = 0;    // experts that come and go
  bool all_resident = false;  // every expert has a slot: nothing is read twice

  int64_t slots() const { return pinned_slots + cache_slots; }
  int64_t slot_pool_bytes() const { return slots() * slot_bytes; }
  int64_t used() const { return resident + kv + buffers + margin + slot_pool_bytes(); }
  int64_t unused() const { return memory - used(); }
};

// What the program itself takes out of a budget: code, tokenizer and templates, thread stacks, requests, and
// what an allocator keeps between uses. A 32nd of the budget, at most 512 MiB.
int64_t program_margin(int64_t memory);

// The budget when nobody names one: what is free now less what the system should keep to stay alive: a
// sixteenth, between 256 MiB and 4 GiB, and never more than half.
int64_t default_memory(int64_t free_bytes);

// Slots below which a step cannot go on: one token's experts in a layer, at work, and as many that arrive.
int64_t least_slots(const ModelSizes& model);

// Divides `memory`. `pins_wanted` experts are pinned if at least three quarters of the slots stay free to
// move; fewer otherwise. A model that fits whole gets a slot for every expert and no pins.
// Error: the residents, KV, buffers, margin and least_slots() do not fit; it says how much would.
Result<MemoryBudget> divide_memory(const ModelSizes& model, const RunSizes& run, int64_t memory,
                                   int64_t pins_wanted = 0);

// The least memory with which divide_memory succeeds.
int64_t least_memory(const ModelSizes& model, const RunSizes& run);
// The least memory that holds everything.
int64_t full_memory(const ModelSizes& model, const RunSizes& run);

}  // namespace jaju
