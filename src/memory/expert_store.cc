#include "memory/expert_store.h"

#include <fmt/ranges.h>
#include <xxhash.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/check.h"

namespace jaju {
namespace {

Result<std::vector<DirectFile>> open_files(const std::vector<std::string>& paths,
                                           const ExpertCatalog& catalog, bool direct) {
  std::vector<DirectFile> files;
  files.reserve(paths.size());
  for (const std::string& path : paths) {
    JAJU_ASSIGN(DirectFile file, DirectFile::open(path, direct));
    files.push_back(std::move(file));
  }
  for (const Extent& e : catalog.extents) {
    const DirectFile& file = files[static_cast<size_t>(e.file)];
    if (e.offset + e.bytes > file.size()) {
      return error("{} is too short for the experts it should hold: copy it again", file.path());
    }
  }
  return files;
}

}  // namespace

ExpertStore::ExpertStore(ExpertCatalog catalog, const StoreOptions& options)
    : catalog_(std::move(catalog)),
      options_(options),
      use_(catalog_.n_layers(), catalog_.n_experts),
      gate_(options.prefetch && catalog_.n_layers() > 1),
      slot_of_(catalog_.extents.size(), -1),
      verified_(catalog_.extents.size(), false),
      want_of_(static_cast<size_t>(catalog_.n_experts), -1) {
  const auto n_experts = static_cast<size_t>(catalog_.n_experts);
  wants_.reserve(n_experts);
  taken_.reserve(n_experts);
  announced_.reserve(n_experts);
  guesses_.reserve(kAheads * n_experts);
}

Result<std::unique_ptr<ExpertStore>> ExpertStore::open(ExpertCatalog catalog, const StoreOptions& options) {
  JAJU_CHECK(static_cast<int64_t>(catalog.extents.size()) == catalog.n_layers() * catalog.n_experts);
  JAJU_CHECK(options.slots >= 2 && (options.mirror.empty() || options.mirror.size() == catalog.files.size()));
  std::unique_ptr<ExpertStore> s(new ExpertStore(std::move(catalog), options));
  const ExpertCatalog& c = s->catalog_;
  const int64_t slots = std::min(options.slots, std::max<int64_t>(2, static_cast<int64_t>(c.extents.size())));
  JAJU_ASSIGN(s->pool_, SlotPool::map(align_up(c.largest(), kIoAlignment), slots));
  s->taker_ = take_pages(s->pool_.slot(0),
                         static_cast<size_t>(std::min(options.first_slots, slots) * s->pool_.slot_bytes()));
  s->slots_.resize(static_cast<size_t>(slots));
  s->results_.resize(static_cast<size_t>(slots));
  for (int64_t i = slots; i-- > 0;) s->free_.push_back(static_cast<int32_t>(i));

  std::vector<std::vector<DirectFile>> drives;
  JAJU_ASSIGN(std::vector<DirectFile> files, open_files(c.files, c, options.loader.direct));
  drives.push_back(std::move(files));
  if (!options.mirror.empty()) {
    JAJU_ASSIGN(std::vector<DirectFile> copy, open_files(options.mirror, c, options.loader.direct));
    drives.push_back(std::move(copy));
  }
  s->loader_ = std::make_unique<ExtentLoader>(std::move(drives), options.loader, slots);
  const int depth = s->loader_->max_in_flight();
  const ReadBuffers buffers = s->pool_.buffers();
  JAJU_ASSIGN(std::unique_ptr<ExtentReader> reader,
              options.make_reader ? options.make_reader(depth, buffers)
                                  : open_extent_reader(options.loader.reader, depth, buffers));
  JAJU_RETURN_IF_ERROR(s->loader_->start(std::move(reader)));
  s->publish();
  return s;
}

// ---- A step ----

Status ExpertStore::begin_step(int64_t rows) {
  release(WantState::done);
  wants_.clear();
  std::fill(want_of_.begin(), want_of_.end(), -1);
  n_queued_ = n_open_ = 0;
  failure_ = {};
  failed_expert_ = -1;
  for (int32_t d = 0; d < loader_->n_drives(); ++d) {
    for (size_t f = 0; f < catalog_.files.size(); ++f) {
      DirectFile& file = loader_->file(d, static_cast<int32_t>(f));
      const DirectFile::Change change = file.changed();
      if (change == DirectFile::Change::none) continue;
      if (change == DirectFile::Change::shorter) {
        return error("{} became shorter while in use: restore the file and start again", file.path());
      }
      for (size_t key = 0; key < verified_.size(); ++key) {
        if (catalog_.extents[key].file == static_cast<int32_t>(f)) verified_[key] = false;
      }
    }
  }
  use_.advance(rows);
  gate_.begin_step();
  guesses_.clear();  // of a step that failed before it asked
  return {};
}

void ExpertStore::demand(int64_t layer, std::span<const int32_t> rows) {
  JAJU_CHECK(layer >= 0 && layer < catalog_.n_layers() && rows.size() == want_of_.size());
  release(WantState::done);
  wants_.clear();
  std::fill(want_of_.begin(), want_of_.end(), -1);
  layer_ = layer;
  n_queued_ = n_open_ = 0;
  reap(false);
  judge_prefetches(rows);
  for (size_t e = 0; e < rows.size(); ++e) {
    if (rows[e] == 0) continue;
    const int64_t key = key_of(layer, static_cast<int64_t>(e));
    use_.visit(key, rows[e]);
    Want want{static_cast<int32_t>(e), slot_of_[static_cast<size_t>(key)], WantState::queued};
    if (want.slot < 0) {
      ++counts_.read;
      ++n_queued_;
    } else {
      Slot& slot = slots_[static_cast<size_t>(want.slot)];
      ++(slot.pinned                      ? counts_.pinned
         : slot.prefetched                ? counts_.prefetched
         : slot.state == SlotState::ready ? counts_.cached
                                          : counts_.read);
      if (slot.prefetched) {
        counts_.in_time += slot.state == SlotState::ready ? 1 : 0;
        slot.prefetched = false;
        --n_prefetched_;
      }
      slot.in_use = true;
      want.state = slot.state == SlotState::ready ? WantState::ready : WantState::loading;
      if (want.state == WantState::loading) loader_->promote(want.slot);
    }
    want_of_[e] = static_cast<int32_t>(wants_.size());
    wants_.push_back(want);
  }
  n_open_ = wants_.size();
  cancel_prefetches();
  assign_slots();
  publish();
}

Result<std::span<const LoadedExpert>> ExpertStore::take(bool wait) {
  release(WantState::taken);
  taken_.clear();
  reap(false);
  for (;;) {
    if (!failure_.ok()) return failure_;
    assign_slots();
    issue_prefetches();
    for (Want& want : wants_) {
      if (want.state != WantState::ready) continue;
      want.state = WantState::taken;
      taken_.push_back({want.expert, pool_.slot(want.slot)});
    }
    n_open_ -= taken_.size();
    if (!taken_.empty() || !wait || n_open_ == 0) break;
    reap(true);
  }
  publish();
  return std::span<const LoadedExpert>(taken_);
}

// Slots of wants up to `state` are free to be overwritten again: those that were taken, or all of them.
void ExpertStore::release(WantState state) {
  for (Want& want : wants_) {
    if (want.slot < 0 || (state == WantState::taken && want.state != WantState::taken)) continue;
    slots_[static_cast<size_t>(want.slot)].in_use = false;
    want.slot = -1;
    want.state = WantState::done;
  }
}

// Gives slots to wants that have none, as long as there are any.
void ExpertStore::assign_slots() {
  if (n_queued_ == 0) return;
  for (Want& want : wants_) {
    if (want.state != WantState::queued) continue;
    const int32_t slot = take_slot(victim(false));
    if (slot < 0) return;
    want.slot = slot;
    want.state = WantState::loading;
    slots_[static_cast<size_t>(slot)].in_use = true;
    load(slot, key_of(layer_, want.expert), Urgency::demand);
    --n_queued_;
  }
}

// ---- Slots ----

// A free slot, or the one whose expert is worth least; -1: all are in use or being filled. A prefetch takes
// nothing that the next layer may want.
int32_t ExpertStore::victim(bool for_prefetch) const {
  if (!free_.empty()) return free_.back();
  int32_t best = -1;
  double least = 0;
  bool best_prefetched = false;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& s = slots_[i];
    if (s.state != SlotState::ready || s.in_use || s.pinned) continue;
    if (for_prefetch && (s.prefetched || s.key / catalog_.n_experts == announced_layer_)) continue;
    const double worth = use_.worth(s.key, layer_);
    // What was read ahead goes last: it has no visits to show yet.
    if (best >= 0 && (s.prefetched != best_prefetched ? s.prefetched : worth >= least)) continue;
    best = static_cast<int32_t>(i);
    least = worth;
    best_prefetched = s.prefetched;
  }
  return best;
}

// Empties a slot that victim() chose.
int32_t ExpertStore::take_slot(int32_t slot) {
  if (slot < 0) return slot;
  if (slots_[static_cast<size_t>(slot)].state == SlotState::ready) {
    ++counts_.evictions;
    vacate(slot);
  }
  JAJU_CHECK(free_.back() == slot);
  free_.pop_back();
  return slot;
}

void ExpertStore::vacate(int32_t index) {
  Slot& slot = slots_[static_cast<size_t>(index)];
  slot_of_[static_cast<size_t>(slot.key)] = -1;
  n_prefetched_ -= slot.prefetched ? 1 : 0;
  n_pinned_ -= slot.pinned ? 1 : 0;
  slot = {};
  free_.push_back(index);
}

void ExpertStore::load(int32_t index, int64_t key, Urgency urgency) {
  Slot& slot = slots_[static_cast<size_t>(index)];
  slot.key = key;
  slot.state = SlotState::loading;
  slot_of_[static_cast<size_t>(key)] = index;
  slot.verify = options_.verify == Verify::always ||
                (options_.verify == Verify::first_read && !verified_[static_cast<size_t>(key)]);
  loader_->submit(
      {index, catalog_.extents[static_cast<size_t>(key)], pool_.slot(index), urgency, slot.verify});
}

void ExpertStore::reap(bool wait) {
  const auto start = std::chrono::steady_clock::now();
  const size_t n = loader_->reap(results_, wait);
  if (wait) {
    counts_.wait_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    JAJU_CHECK(n > 0);  // somebody waits although nothing is under way
  }
  for (size_t i = 0; i < n; ++i) loaded(results_[i]);
}

void ExpertStore::loaded(const LoadResult& result) {
  Slot& slot = slots_[static_cast<size_t>(result.id)];
  const int64_t key = slot.key;
  const int32_t index =
      key / catalog_.n_experts == layer_ ? want_of_[static_cast<size_t>(key % catalog_.n_experts)] : -1;
  Want* const want = index >= 0 && wants_[static_cast<size_t>(index)].slot == result.id
                         ? &wants_[static_cast<size_t>(index)]
                         : nullptr;
  if (result.kind == LoadResult::Kind::whole) {
    slot.state = SlotState::ready;
    // A load that did not compare proves nothing: its file may have been written to since it began.
    if (slot.verify) verified_[static_cast<size_t>(key)] = true;
    if (want != nullptr) want->state = WantState::ready;
    return;
  }
  vacate(result.id);
  if (want != nullptr) {
    want->slot = -1;
    want->state = WantState::queued;
    ++n_queued_;
  }
  if (result.kind == LoadResult::Kind::cancelled) return;
  ++counts_.failures;
  if (want == nullptr || !failure_.ok()) return;  // a prefetch that fails is no news until it is wanted
  failure_ = failure_of(result, key);
  failed_expert_ = want->expert;
}

Status ExpertStore::failure_of(const LoadResult& result, int64_t key) {
  const Extent& e = catalog_.extents[static_cast<size_t>(key)];
  const std::string what = fmt::format("expert {} of layer {}", key % catalog_.n_experts,
                                       catalog_.layer_numbers[static_cast<size_t>(key / catalog_.n_experts)]);
  const std::string& file = loader_->file(result.drive, e.file).path();
  switch (result.kind) {
    case LoadResult::Kind::failed:
      return error("{}: {} cannot be read (bytes {} to {}): {}; check the disk, or copy the file again", file,
                   what, e.offset, e.offset + e.bytes, std::strerror(result.error));
    case LoadResult::Kind::too_short:
      return error("{} ends before {} does: the file was cut while in use; restore it", file, what);
    default:
      return error(
          "{}: {} is not what was packed, its checksum differs: copy the file again (`jaju pack --verify` "
          "names "
          "everything that is damaged)",
          loader_->n_drives() > 1 ? damaged_files(e, pool_.slot(result.id)) : file, what);
  }
}

// Pieces of an extent come from all copies: each copy is read whole to see which is damaged. `room`: the slot
// the extent was read into, which is free now. All of them when every copy is whole this time.
std::string ExpertStore::damaged_files(const Extent& e, std::byte* room) {
  std::vector<std::string> damaged, all;
  for (int32_t d = 0; d < loader_->n_drives(); ++d) {
    const DirectFile& file = loader_->file(d, e.file);
    all.push_back(file.path());
    const bool whole =
        file.read(e.offset, e.bytes, room) && XXH3_64bits(room, static_cast<size_t>(e.bytes)) == e.checksum;
    if (!whole) damaged.push_back(file.path());
  }
  return fmt::format("{}", fmt::join(damaged.empty() ? all : damaged, damaged.empty() ? " or " : " and "));
}

// ---- Prefetch ----

void ExpertStore::announce(int64_t layer, std::span<const int32_t> experts, Ahead ahead) {
  JAJU_CHECK(layer >= 0 && layer < catalog_.n_layers());
  if (announced_layer_ == layer) {
    cancel_all_but(experts);
  } else {
    guesses_.clear();
  }
  ++counts_.looks[static_cast<size_t>(ahead)];
  announced_layer_ = layer;
  announced_.clear();
  n_issued_ = 0;
  const auto n = static_cast<int64_t>(experts.size());
  for (int64_t i = 0; i < n; ++i) {
    const int32_t e = experts[static_cast<size_t>(i)];
    if (slot_of_[static_cast<size_t>(key_of(layer, e))] >= 0) continue;
    announced_.push_back({e, PrefetchGate::kind_of(ahead, i, n, catalog_.n_experts)});
  }
  guesses_.insert(guesses_.end(), announced_.begin(), announced_.end());
  issue_prefetches();
}

// Behind every read of the demand, and while they fill less than half of the slots.
void ExpertStore::issue_prefetches() {
  if (n_queued_ > 0 || announced_layer_ < 0) return;
  for (; n_issued_ < announced_.size() && 2 * (n_prefetched_ + 1) <= pool_.count(); ++n_issued_) {
    const Guess& guess = announced_[n_issued_];
    if (!gate_.on(guess.kind)) continue;
    const int32_t slot = take_slot(victim(true));
    if (slot < 0) return;
    slots_[static_cast<size_t>(slot)].prefetched = true;
    ++n_prefetched_;
    ++counts_.prefetches;
    load(slot, key_of(announced_layer_, guess.expert), Urgency::prefetch);
  }
}

// How many of the announced experts this layer asks for.
void ExpertStore::judge_prefetches(std::span<const int32_t> rows) {
  if (announced_layer_ != layer_) return;
  for (const Guess& guess : guesses_) {
    const bool right = rows[static_cast<size_t>(guess.expert)] > 0;
    counts_.predicted += 1;
    counts_.predicted_right += right ? 1 : 0;
    gate_.report(guess.kind, right);
  }
}

// What was announced for this layer, or for another that never came, and nobody asked for: not worth reading
// to its end; what is there already is an expert like any other.
void ExpertStore::cancel_prefetches() {
  announced_layer_ = -1;
  announced_.clear();
  n_issued_ = 0;
  if (n_prefetched_ == 0) return;
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].prefetched) cancel_prefetch(i);
  }
}

void ExpertStore::cancel_prefetch(size_t slot) {
  slots_[slot].prefetched = false;
  --n_prefetched_;
  if (slots_[slot].state == SlotState::loading) loader_->cancel(static_cast<int32_t>(slot));
}

// Those of the announced layer that are on their way and no longer guessed.
void ExpertStore::cancel_all_but(std::span<const int32_t> experts) {
  for (size_t i = 0; i < slots_.size() && n_prefetched_ > 0; ++i) {
    if (!slots_[i].prefetched || slots_[i].state != SlotState::loading) continue;
    const auto named = [&](int32_t e) { return key_of(announced_layer_, e) == slots_[i].key; };
    if (std::none_of(experts.begin(), experts.end(), named)) cancel_prefetch(i);
  }
}

int64_t ExpertStore::pin(std::span<const ExpertName> experts) {
  const int64_t most = pool_.count() / 2;
  for (const ExpertName& name : experts) {
    if (n_pinned_ == most || free_.empty()) break;
    const int64_t key = key_of(name.layer, name.expert);
    if (slot_of_[static_cast<size_t>(key)] >= 0) continue;
    const int32_t slot = take_slot(free_.back());
    slots_[static_cast<size_t>(slot)].pinned = true;
    ++n_pinned_;
    load(slot, key, Urgency::warm_up);
  }
  publish();
  return n_pinned_;
}

// ---- Figures ----

void ExpertStore::publish() {
  counts_.slots = pool_.count();
  counts_.slots_pinned = n_pinned_;
  counts_.slot_bytes = pool_.slot_bytes();
  counts_.prefetch_on = gate_.on();
  const std::lock_guard lock(mutex_);
  published_ = counts_;
}

StoreFigures ExpertStore::figures() const {
  const LoadFigures loads = loader_->figures();
  const std::lock_guard lock(mutex_);
  StoreFigures now = published_;
  now.bytes = loads.bytes;
  now.busy_seconds = loads.busy_seconds;
  return now;
}

}  // namespace jaju
