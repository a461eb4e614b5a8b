#include <xxhash.h>

#include <atomic>
#include <mutex>

#include "base/file.h"
#include "base/utf8.h"
#include "formats/safetensors.h"
#include "model/pack.h"
#include "model/packed_manifest.h"

namespace jaju {

Result<VerifyReport> verify_packed(const std::filesystem::path& dir, ThreadTeam& team,
                                   const std::function<void(int64_t done, int64_t total)>& progress) {
  const std::filesystem::path file = dir / kPackedManifestFile;
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    return error("{} is no packed model: it has no {}; `jaju pack` makes one", dir.string(),
                 kPackedManifestFile);
  }
  JAJU_ASSIGN(const std::string text, read_file(file, kMaxPackedManifest));
  JAJU_ASSIGN(const PackedManifest manifest, parse_packed_manifest(text, file.string()));
  JAJU_ASSIGN(const std::unique_ptr<Checkpoint> checkpoint, Checkpoint::open(dir));
  struct Item {
    const StoredTensor* tensor;
    uint64_t sum;
  };
  std::vector<Item> items;
  VerifyReport report;
  for (const PackedShardSums& shard : manifest.shards) {
    for (const auto& [name, sum] : shard.tensors) {
      const StoredTensor* t = checkpoint->find(name);
      if (t == nullptr) {
        return error("{}: tensor '{}' of {} is missing: pack the model again", dir.string(), printable(name),
                     printable(shard.file));
      }
      if (std::filesystem::path(checkpoint->file_name(t->file)).filename() != shard.file) {
        return error("{}: tensor '{}' is in {}, not in {}: pack the model again", dir.string(),
                     printable(name), checkpoint->file_name(t->file), printable(shard.file));
      }
      items.push_back({t, sum});
      report.bytes += t->info.bytes;
    }
  }
  report.tensors = static_cast<int64_t>(items.size());
  if (items.size() != checkpoint->tensors().size()) {
    return error("{}: {} tensors in the files, {} in {}: pack the model again", dir.string(),
                 checkpoint->tensors().size(), items.size(), kPackedManifestFile);
  }
  std::mutex mutex;
  int64_t done = 0;
  int64_t n_bad = 0;
  std::string bad;
  team.parallel_for(report.tensors, [&](int64_t i, int) {
    const Item& item = items[static_cast<size_t>(i)];
    const uint64_t sum = XXH3_64bits(item.tensor->data, static_cast<size_t>(item.tensor->info.bytes));
    const std::lock_guard lock(mutex);
    done += item.tensor->info.bytes;
    if (progress) progress(done, report.bytes);
    constexpr int64_t kShown = 5;
    if (sum == item.sum || ++n_bad > kShown) return;
    bad += fmt::format("{}'{}' in {}", bad.empty() ? "" : ", ", printable(item.tensor->info.name),
                       checkpoint->file_name(item.tensor->file));
  });
  JAJU_RETURN_IF_ERROR(checkpoint->intact());  // zeros that stand for lost bytes are no news of damage
  if (n_bad == 0) return report;
  return error("{} of {} tensors are damaged: {}{}; copy these files again, or pack the model again", n_bad,
               report.tensors, bad, n_bad > 5 ? ", ..." : "");
}

}  // namespace jaju
