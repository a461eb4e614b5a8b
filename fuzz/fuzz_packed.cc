// Feeds arbitrary JSON to the reader of packed.json; an accepted one must survive being written and read
// again, and name files in its own directory only.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "model/packed_manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto manifest = jaju::parse_packed_manifest({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!manifest.ok()) {
    JAJU_CHECK(manifest.message().starts_with("fuzz") && manifest.message().find('\n') == std::string::npos);
    return 0;
  }
  for (const jaju::PackedShardSums& shard : manifest->shards) {
    JAJU_CHECK(!shard.file.empty() && shard.file.find('/') == std::string::npos && shard.file != "..");
  }
  const std::string text = to_json(*manifest);
  const auto again = jaju::parse_packed_manifest(text, "again");
  JAJU_CHECK(again.ok() && to_json(*again) == text);
  return 0;
}
