// A packed model whose routed experts stay on the disk: the catalogue of where they lie, and everything else
// brought into memory.
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>

#include "base/check.h"
#include "base/file.h"
#include "base/huge_pages.h"
#include "base/utf8.h"
#include "formats/safetensors.h"
#include "model/packed_manifest.h"
#include "model/packed_names.h"
#include "model/weights.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

Result<std::map<std::string, uint64_t, std::less<>>> checksums(const fs::path& dir) {
  const fs::path file = dir / kPackedManifestFile;
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    return error(
        "{} is missing, and with it the checksums of what is read from the disk: copy it from where the "
        "model "
        "came, or pack the checkpoint again",
        file.string());
  }
  JAJU_ASSIGN(const std::string text, read_file(file, kMaxPackedManifest));
  JAJU_ASSIGN(const PackedManifest manifest, parse_packed_manifest(text, file.string()));
  std::map<std::string, uint64_t, std::less<>> sums;
  for (const PackedShardSums& shard : manifest.shards) {
    for (const auto& [name, sum] : shard.tensors) sums.emplace(name, sum);
  }
  return sums;
}

// Every matrix of a layer but its routed experts.
void add_matrices(LayerWeights& w, std::vector<Matrix*>& to) {
  AttentionWeights& a = w.attention;
  for (Matrix* m : {&a.q, &a.q_a, &a.q_b, &a.kv_a, &a.kv_b, &a.k_b, &a.o, &w.dense.gate, &w.dense.up,
                    &w.dense.down, &w.moe.shared.gate, &w.moe.shared.up, &w.moe.shared.down}) {
    if (!m->empty()) to.push_back(m);
  }
}

}  // namespace

Result<ExpertCatalog> Weights::expert_catalog(const fs::path& dir) const {
  std::vector<std::pair<int64_t, const MoeWeights*>> moes;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].is_moe) moes.emplace_back(static_cast<int64_t>(i), &layers[i].moe);
  }
  if (moes.empty()) return error("{} has no routed experts that could stay on the disk", dir.string());
  const bool all_packed = std::all_of(moes.begin(), moes.end(), [](const auto& m) {
    return m.second->experts[0].gate.scheme != Scheme::none;
  });
  if (checkpoint_ == nullptr || !all_packed) {
    return error(
        "{} does not fit in the memory given, and only a packed model can be read from the disk as it runs: "
        "pack it "
        "first, `jaju pack {} --to DIR`",
        dir.string(), dir.string());
  }
  JAJU_ASSIGN(const auto sums, checksums(dir));
  ExpertCatalog catalog;
  for (int f = 0; f < checkpoint_->file_count(); ++f) catalog.files.push_back(checkpoint_->file_name(f));
  catalog.n_experts = static_cast<int64_t>(moes[0].second->experts.size());
  for (const auto& [layer, moe] : moes) {
    catalog.layer_numbers.push_back(layer);
    for (size_t e = 0; e < moe->experts.size(); ++e) {
      const std::string name =
          packed_name(fmt::format("model.layers.{}.mlp.experts.{}", layer, e), moe->experts[e].gate.scheme);
      const StoredTensor* t = checkpoint_->find(name);
      const auto sum = sums.find(name);
      if (t == nullptr || sum == sums.end()) {
        return error("{}: {} has no checksum of '{}': pack the model again", dir.string(),
                     kPackedManifestFile, name);
      }
      if (t->info.begin % kExtentBytes != 0 || t->info.bytes % kExtentBytes != 0) {
        return error("{}: '{}' does not lie in whole blocks of {} bytes: pack the model again",
                     checkpoint_->file_name(t->file), name, kExtentBytes);
      }
      catalog.extents.push_back({t->file, t->info.begin, t->info.bytes, sum->second});
    }
  }
  return catalog;
}

Status Weights::stream(const fs::path& dir, const LoaderOptions& options, bool verify, ThreadTeam& team) {
  JAJU_ASSIGN(const auto sums, checksums(dir));
  std::vector<Matrix*> matrices;
  for (LayerWeights& layer : layers) add_matrices(layer, matrices);
  if (!head.empty()) matrices.push_back(&head);
  if (head.data == embed.data) matrices.push_back(&embed);  // one matrix under two names
  if (mtp) {
    matrices.push_back(&mtp->projection);
    matrices.push_back(&mtp->head);
    add_matrices(mtp->layer, matrices);
    for (MlpWeights& e : mtp->layer.moe.experts) matrices.push_back(&e.gate);  // guesses must be cheap
  }
  std::map<const void*, const StoredTensor*> stored;
  for (const StoredTensor& t : checkpoint_->tensors()) stored.emplace(t.data, &t);

  // A tensor's place keeps its distance from a block's start: blocks are read as they are, and what was
  // aligned in the file is aligned in memory.
  struct Place {
    const StoredTensor* tensor;
    Extent extent;
    int64_t at;  // of the extent in the memory
    int64_t skip() const { return tensor->info.begin - extent.offset; }
  };
  std::vector<Place> places;
  std::map<const void*, size_t> place_of;
  int64_t bytes = 0;
  for (const Matrix* m : matrices) {
    if (place_of.contains(m->data)) continue;
    const auto found = stored.find(m->data);
    JAJU_CHECK(found != stored.end());
    const StoredTensor* t = found->second;
    const int64_t begin = t->info.begin / kIoAlignment * kIoAlignment;
    place_of.emplace(m->data, places.size());
    places.push_back({t, {t->file, begin, t->info.begin + t->info.bytes - begin, 0}, bytes});
    bytes += align_up(places.back().extent.bytes, kIoAlignment);
  }
  JAJU_ASSIGN(residents_, SlotPool::map(std::max<int64_t>(bytes, kIoAlignment), 1));

  std::vector<std::vector<DirectFile>> drives(1);
  for (int f = 0; f < checkpoint_->file_count(); ++f) {
    JAJU_ASSIGN(DirectFile file, DirectFile::open(checkpoint_->file_name(f), options.direct));
    drives[0].push_back(std::move(file));
  }
  std::byte* const memory = residents_.slot(0);
  {
    const std::jthread taker = take_pages(memory, static_cast<size_t>(bytes));
    ExtentLoader loader(std::move(drives), options, static_cast<int64_t>(places.size()));
    JAJU_ASSIGN(std::unique_ptr<ExtentReader> reader,
                open_extent_reader(options.reader, loader.max_in_flight(), {}));
    JAJU_RETURN_IF_ERROR(loader.start(std::move(reader)));
    for (size_t i = 0; i < places.size(); ++i) {
      loader.submit({static_cast<int32_t>(i), places[i].extent, memory + places[i].at, Urgency::demand,
                     /*verify=*/false});
    }
    for (size_t i = 0; i < places.size(); ++i) {
      LoadResult result;
      loader.reap({&result, 1}, true);
      if (result.kind == LoadResult::Kind::whole) continue;
      const StoredTensor& t = *places[static_cast<size_t>(result.id)].tensor;
      return error(
          "{}: '{}' cannot be read: {}; check the disk, or copy the file again",
          checkpoint_->file_name(t.file), t.info.name,
          result.kind == LoadResult::Kind::failed ? std::strerror(result.error) : "the file was cut");
    }
  }
  std::atomic<size_t> damaged{places.size()};
  if (verify) {
    team.parallel_for(static_cast<int64_t>(places.size()), [&](int64_t i, int) {
      const Place& p = places[static_cast<size_t>(i)];
      const auto sum = sums.find(p.tensor->info.name);
      const uint64_t found = XXH3_64bits(memory + p.at + p.skip(), static_cast<size_t>(p.tensor->info.bytes));
      if (sum == sums.end() || sum->second != found) damaged = static_cast<size_t>(i);
    });
  }
  if (damaged < places.size()) {
    const StoredTensor& t = *places[damaged].tensor;
    return error(
        "{}: '{}' is not what was packed, its checksum differs: copy the file again (`jaju pack --verify` "
        "names "
        "everything that is damaged)",
        checkpoint_->file_name(t.file), printable(t.info.name));
  }
  for (Matrix* m : matrices) {
    const Place& p = places[place_of.at(m->data)];
    m->data = memory + p.at + p.skip();
  }
  if (mtp) {
    for (MlpWeights& e : mtp->layer.moe.experts) e.place(static_cast<const std::byte*>(e.gate.data));
  }
  for (LayerWeights& layer : layers) {
    for (MlpWeights& e : layer.moe.experts) e.gate.data = e.up.data = e.down.data = nullptr;
  }
  streamed = true;
  checkpoint_->forget_pages();
  return {};
}

}  // namespace jaju
