// The routed experts of a model that does not fit in memory: a pool of slots, filled from the disk.
//
// A step asks for the experts of one layer at a time (demand), computes those that are there (take) while
// the others arrive, and goes on to the next layer. What is not in use stays in its slot until the slot is
// needed for an expert that is worth more (expert_use.h). Between the two, the experts that the next layer
// will probably want may be announced (announce): they are read when the drives have nothing more urgent.
//
// Promises
// - Nothing is allocated after open() (but the text of an error).
// - An expert that take() gave out stays in its slot until the next take(), demand() or begin_step().
// - Bytes are the file's: compared with the checksum when an extent is first read (or always, or never).
// - A read that fails, a file that was cut or damaged fails that step, with a sentence that names file and
//   expert; the next step starts afresh.
//
// One thread, the step's, uses a store; figures() is for any.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "memory/expert_use.h"
#include "memory/extent.h"
#include "memory/extent_loader.h"
#include "memory/prefetch_gate.h"
#include "memory/slot_pool.h"
#include "memory/store_figures.h"

namespace jaju {

enum class Verify : uint8_t { first_read, always, never };

struct StoreOptions {
  int64_t slots = 0;        // at least 2; never more than there are experts
  int64_t first_slots = 0;  // those that will be filled at once: their memory is taken ahead
  Verify verify = Verify::first_read;
  bool prefetch = true;
  LoaderOptions loader{};
  std::vector<std::string> mirror{};  // the same files on another drive, in the catalogue's order
  // Tests put a reader that fails in its place; empty: open_extent_reader.
  std::function<Result<std::unique_ptr<ExtentReader>>(int depth, const ReadBuffers& buffers)> make_reader{};
};

struct LoadedExpert {
  int32_t expert = 0;  // of the layer that was asked for
  const std::byte* data = nullptr;
};

// One expert of a model.
struct ExpertName {
  int64_t layer = 0;  // of the catalogue
  int64_t expert = 0;
};

class ExpertStore {
 public:
  // Errors: a file is missing, or too small for what it should hold; not enough memory; no threads.
  static Result<std::unique_ptr<ExpertStore>> open(ExpertCatalog catalog, const StoreOptions& options);

  // A step of `rows` rows begins; what the last one left undone is forgotten. Error: a file became shorter.
  // A file that was written to is not trusted any more: its extents are verified again.
  Status begin_step(int64_t rows);

  // The experts of `layer` that have rows (n_experts of them, most 0). Reading begins.
  void demand(int64_t layer, std::span<const int32_t> rows);
  // Some experts of the demand, each once; those of the call before may be overwritten now. wait: at least
  // one; none means that all were given out. Error: one of them cannot be had; failed_expert() says which.
  Result<std::span<const LoadedExpert>> take(bool wait);
  int32_t failed_expert() const { return failed_expert_; }

  // Whether a prediction is wanted at present: prefetching is on, or its worth is being looked at.
  bool wants_prediction(Ahead ahead = Ahead::layer) const { return gate_.wants_prediction(ahead); }
  // The experts `layer`, the next one to be demanded, will probably ask for, likeliest first, no one twice.
  // Again for the same layer, from a state nearer to it: replaces what was said before; reads of what is no
  // longer named end. Once from each distance at most.
  void announce(int64_t layer, std::span<const int32_t> experts, Ahead ahead = Ahead::layer);

  // Reads these in idle time and keeps them; at most half of the slots, the rest of the list is ignored.
  // Call once, before the first step. Returns how many.
  int64_t pin(std::span<const ExpertName> experts);

  StoreFigures figures() const;
  const ExpertCatalog& catalog() const { return catalog_; }
  int64_t slots() const { return pool_.count(); }
  int64_t slot_bytes() const { return pool_.slot_bytes(); }
  std::string reader_name() const { return loader_->reader_name(); }

 private:
  enum class SlotState : uint8_t { free, loading, ready };
  struct Slot {
    int64_t key = -1;
    SlotState state = SlotState::free;
    bool in_use = false;  // of the demand at hand
    bool pinned = false;
    bool prefetched = false;  // and not asked for yet
    bool verify = false;      // the load under way compares checksums
  };
  enum class WantState : uint8_t { queued, loading, ready, taken, done };
  struct Want {
    int32_t expert = 0;
    int32_t slot = -1;
    WantState state = WantState::queued;
  };
  struct Guess {
    int32_t expert = 0;
    int64_t kind = 0;  // prefetch_gate.h
  };

  ExpertStore(ExpertCatalog catalog, const StoreOptions& options);
  int64_t key_of(int64_t layer, int64_t expert) const { return layer * catalog_.n_experts + expert; }
  void release(WantState state);
  void judge_prefetches(std::span<const int32_t> rows);
  void cancel_prefetches();
  void cancel_prefetch(size_t slot);
  void cancel_all_but(std::span<const int32_t> experts);
  void assign_slots();
  void issue_prefetches();
  int32_t victim(bool for_prefetch) const;
  void load(int32_t slot, int64_t key, Urgency urgency);
  int32_t take_slot(int32_t slot);
  void vacate(int32_t slot);
  void reap(bool wait);
  void loaded(const LoadResult& result);
  Status failure_of(const LoadResult& result, int64_t key);
  std::string damaged_files(const Extent& extent, std::byte* room);
  void publish();

  ExpertCatalog catalog_;
  const StoreOptions options_;
  SlotPool pool_;       // outlives the loader, whose reads go into it
  std::jthread taker_;  // of its first pages
  std::unique_ptr<ExtentLoader> loader_;

  // The step's thread
  ExpertUse use_;
  PrefetchGate gate_;
  std::vector<int32_t> slot_of_;  // by key; -1: not here
  std::vector<bool> verified_;    // by key
  std::vector<Slot> slots_;
  std::vector<int32_t> free_;
  int64_t n_pinned_ = 0;
  int64_t layer_ = 0;  // of the demand
  std::vector<Want> wants_;
  std::vector<int32_t> want_of_;  // by expert: index into wants_; -1: not asked for
  size_t n_queued_ = 0;           // wants without a slot
  size_t n_open_ = 0;             // wants not taken yet
  std::vector<LoadedExpert> taken_;
  std::vector<LoadResult> results_;
  int64_t announced_layer_ = -1;
  std::vector<Guess> announced_;  // absent when they were announced, the last time
  std::vector<Guess> guesses_;    // those and the ones of earlier times, to be judged
  size_t n_issued_ = 0;           // of announced_, those not worth it included
  int64_t n_prefetched_ = 0;      // slots
  Status failure_;
  int32_t failed_expert_ = -1;
  StoreFigures counts_;

  mutable std::mutex mutex_;
  StoreFigures published_;
};

}  // namespace jaju
