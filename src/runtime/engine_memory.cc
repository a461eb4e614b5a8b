#include "runtime/engine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/file.h"
#include "memory/machine_profile.h"
#include "memory/routing_histogram.h"
#include "model/model_sizes.h"
#include "runtime/memory_plan.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kTokensPerSequence = 4096;  // as the scheduler's own default
constexpr int64_t kDraftsPerSequence = 5;     // rows of a sequence that may want logits

std::string text(int64_t bytes) {
  return human_bytes(static_cast<double>(bytes));
}

// Pages that several sequences share: as the caller says, or what they need at an ordinary length but no more
// than an eighth of the memory.
int64_t shared_cache(const StreamOptions& o, int64_t wanted, int64_t memory) {
  return o.kv_bytes > 0 ? o.kv_bytes : std::min(wanted, memory / 8);
}

// program: what this process had in memory before the model. Its code and data are what they are, whatever
// share of a small budget is meant for them.
RunShape run_shape(const EngineOptions& o, const ModelConfig& config, LayerKinds kinds, int64_t memory,
                   int64_t program) {
  RunShape shape;
  shape.context = o.context;
  shape.kv_type = o.kv_type;
  shape.threads = o.threads;
  shape.chunk = o.prefill_chunk;
  shape.program_bytes = std::max<int64_t>(0, program - program_margin(memory));
  if (o.stream.sequences > 0) {
    shape.context = std::min(o.context, kTokensPerSequence);
    shape.sequences = o.stream.sequences;
    shape.logit_rows = o.stream.sequences * kDraftsPerSequence;
    shape.kv_bytes = shared_cache(o.stream, run_sizes(config, kinds, shape).kv_bytes, memory);
  }
  return shape;
}

// How the drive under `dir` is read: as asked, as `jaju tune` measured, or as does well everywhere.
LoaderOptions loader_options(const fs::path& dir, const StreamOptions& o) {
  LoaderOptions loader;
  loader.reader = o.reader;
  const LoadedProfile loaded = load_machine_profile();
  const Result<std::string> device = device_of(dir);
  if (loaded.profile && device.ok()) {
    if (const DriveProfile* drive = loaded.profile->drive(*device)) {
      loader.direct = drive->best.direct;
      if (drive->best.piece_bytes > 0) loader.piece_bytes = align_up(drive->best.piece_bytes, kIoAlignment);
      loader.queue_depth = std::clamp(drive->best.depth, 1, 256);
    }
  }
  if (o.piece_bytes > 0) loader.piece_bytes = align_up(o.piece_bytes, kIoAlignment);
  if (o.queue_depth > 0) loader.queue_depth = o.queue_depth;
  return loader;
}

// The files of the same model in another directory. Errors: it is another one, or packed otherwise.
Result<std::vector<std::string>> mirror_files(const ExpertCatalog& catalog, const fs::path& mirror,
                                              const ModelConfig& config) {
  JAJU_ASSIGN(const std::unique_ptr<Weights> weights, Weights::load(mirror, config));
  JAJU_ASSIGN(const ExpertCatalog other, weights->expert_catalog(mirror));
  const bool same = other.layer_numbers == catalog.layer_numbers && other.n_experts == catalog.n_experts &&
                    std::equal(other.extents.begin(), other.extents.end(), catalog.extents.begin(),
                               catalog.extents.end(), [](const Extent& a, const Extent& b) {
                                 return a.file == b.file && a.offset == b.offset && a.bytes == b.bytes &&
                                        a.checksum == b.checksum;
                               });
  if (same && other.files.size() == catalog.files.size()) return other.files;
  return error("{} is no copy of the model (its checksums differ): copy the directory whole",
               mirror.string());
}

// Experts by how often they were visited, over all layers alike.
Result<std::vector<ExpertName>> by_visits(const fs::path& file, const ExpertCatalog& catalog) {
  JAJU_ASSIGN(const RoutingHistogram histogram, load_routing_histogram(file));
  std::vector<std::pair<double, ExpertName>> ranked;
  for (size_t i = 0; i < histogram.layers.size(); ++i) {
    const RoutingHistogram::Layer& layer = histogram.layers[i];
    const auto at = std::find(catalog.layer_numbers.begin(), catalog.layer_numbers.end(), layer.layer);
    if (at == catalog.layer_numbers.end() || static_cast<int64_t>(layer.visits.size()) != catalog.n_experts) {
      return error("{}: layer {} with {} experts is not one of this model: save its own with --save-routing",
                   file.string(), layer.layer, layer.visits.size());
    }
    const std::vector<double> shares = histogram.shares(i);
    for (size_t e = 0; e < shares.size(); ++e) {
      if (layer.visits[e] > 0)
        ranked.push_back({shares[e], {at - catalog.layer_numbers.begin(), static_cast<int64_t>(e)}});
    }
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<ExpertName> names;
  for (const auto& [share, name] : ranked) names.push_back(name);
  return names;
}

}  // namespace

int64_t resident_set() {
  int64_t pages = 0;
  if (FILE* const file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * ::sysconf(_SC_PAGESIZE);
}

Result<MemoryChoice> choose_memory(const fs::path& dir, const ModelConfig& config, const EngineOptions& o,
                                   int64_t program) {
  MemoryChoice choice;
  // The headers are read a second time here, whatever Weights::load made of them: `jaju plan`, which loads
  // nothing, must come to the same bytes by the same way. It takes milliseconds.
  JAJU_ASSIGN(choice.model, measure_model(dir, config));
  const ModelSizes& sizes = choice.model.sizes;
  const std::optional<int64_t> known = o.memory_bytes == 0 ? free_memory() : std::nullopt;
  const int64_t free = known.value_or(0);
  const int64_t memory = o.memory_bytes > 0 ? o.memory_bytes : known ? default_memory(free) : INT64_MAX / 2;
  choice.budget.memory = memory;
  RunShape shape = run_shape(o, config, choice.model.kinds, memory, program);
  RunSizes run = run_sizes(config, choice.model.kinds, shape);
  choice.kv_bytes = run.kv_bytes;
  choice.chunk = shape.chunk;
  if (o.stream.slots > 0) {
    choice.streamed = true;
    choice.budget.pinned_slots = o.stream.pin.empty() ? 0 : o.stream.slots / 4;
    choice.budget.cache_slots = o.stream.slots - choice.budget.pinned_slots;
    return choice;
  }
  choice.fits = full_memory(sizes, run) <= memory;
  if (choice.fits && !(o.stream.mirror.empty() && o.stream.pin.empty())) {
    choice.notice = "the model fits in memory, so there is nothing to read from a mirror and nothing to pin";
  }
  if (choice.fits) return choice;
  const bool has_experts = sizes.experts() > 0;
  const bool can = choice.model.one_read && has_experts;
  if (!can &&
      o.memory_bytes == 0) {  // as ever: the system reads pages when they are touched, again and again
    choice.notice = fmt::format(
        "the model takes {} with its cache, {} are free: it will be read from the disk again and again{}",
        text(full_memory(sizes, run)), text(free),
        has_experts ? "; a packed model (`jaju pack`) would be read in order, and is smaller" : "");
    return choice;
  }
  if (!can && has_experts) {
    return error(
        "{} takes {}, more than the {} of --memory, and only a packed model can be read from the disk as it "
        "runs: "
        "pack it first, `jaju pack {} --to DIR`",
        dir.string(), text(full_memory(sizes, run)), text(memory), dir.string());
  }
  if (!o.stream.fixed_chunk) {
    shape = fit_shape(config, choice.model, shape, memory);
    run = run_sizes(config, choice.model.kinds, shape);
    choice.chunk = shape.chunk;
  }
  const int64_t pins = o.stream.pin.empty() ? 0 : sizes.experts();
  JAJU_ASSIGN(choice.budget, divide_memory(sizes, run, memory, pins));
  if (choice.budget.all_resident) return choice;
  choice.streamed = true;
  choice.notice = fmt::format(
      "{}{} of {} experts have a place in memory ({}), the others are read when they are needed",
      o.memory_bytes == 0 ? fmt::format("the model does not fit in the {} that are free: ", text(free)) : "",
      choice.budget.slots(), sizes.experts(), text(choice.budget.slot_pool_bytes()));
  return choice;
}

Result<std::unique_ptr<ExpertStore>> open_store(const fs::path& dir, const ModelConfig& config,
                                                const MemoryChoice& choice, const StreamOptions& options,
                                                Weights& weights, ThreadTeam& team) {
  JAJU_ASSIGN(ExpertCatalog catalog, weights.expert_catalog(dir));
  StoreOptions store;
  store.slots = choice.budget.slots();
  const ModelSizes& sizes = choice.model.sizes;
  store.first_slots = sizes.moe_layers * sizes.experts_per_token;  // what one token visits
  store.verify = options.verify;
  store.prefetch = options.prefetch;
  store.loader = loader_options(dir, options);
  store.make_reader = options.make_reader;
  if (!options.mirror.empty()) {
    JAJU_ASSIGN(store.mirror, mirror_files(catalog, options.mirror, config));
  }
  std::vector<ExpertName> pins;
  if (!options.pin.empty()) {
    JAJU_ASSIGN(pins, by_visits(options.pin, catalog));
    pins.resize(std::min(pins.size(), static_cast<size_t>(choice.budget.pinned_slots)));
  }
  JAJU_RETURN_IF_ERROR(weights.stream(dir, store.loader, options.verify != Verify::never, team));
  JAJU_ASSIGN(std::unique_ptr<ExpertStore> opened, ExpertStore::open(std::move(catalog), store));
  opened->pin(pins);
  return opened;
}

}  // namespace jaju
