// Feeds arbitrary bytes to the parser of prefix-cache files and puts what it accepts into a prefix cache.
//
// The first byte says how to read the rest: 'R' records behind a right header, as they are; 'P' a plan from
// which records with right checksums are made, so that the fuzzer gets to what pages claim about each other;
// anything else a whole file.
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "base/check.h"
#include "runtime/cache_file_format.h"
#include "runtime/prefix_cache.h"

namespace {

using namespace jaju;

constexpr int64_t kLayers = 1, kWidth = 1;

CacheFileKey key() {
  CacheFileKey k;
  k.layers = kLayers;
  k.layout.latent = kWidth;
  k.vocab = 4;
  return k;
}

// Five bytes a record: kind, tenant, parent, tokens, first id. Ids repeat, so that pages are found in each
// other.
std::string planned(const uint8_t* data, size_t size) {
  std::string bytes;
  append_cache_header(key(), bytes);
  for (; size >= 5; data += 5, size -= 5) {
    if (data[0] % 8 == 0) {
      append_tenant_record(std::string(data[1] % 4, 't'), bytes);
    } else if (data[0] % 8 == 7) {
      append_end_record(data[1], bytes);
    } else {
      std::vector<int32_t> ids(data[3] % 66);
      for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i % 7 == 6 ? data[4] % 5 : i % 3);
      const std::string latents(ids.size() * kWidth * sizeof(float), '\1');
      append_page_record(
          data[1] % 4, static_cast<int64_t>(data[2]) - 2, ids, kLayers,
          [&](int64_t) { return std::string_view(latents); }, bytes);
    }
  }
  return bytes;
}

void check(const std::string& bytes) {
  PagePool pool(kLayers, key().layout, 16);
  PrefixCache cache(pool);
  std::map<std::string, PrefixCache::Place, std::less<>> tenants;
  std::vector<PrefixCache::Place> loaded;
  std::vector<std::vector<int32_t>> texts;
  int64_t pages = 0;
  const auto content =
      parse_cache_file(std::as_bytes(std::span(bytes)), key(), "fuzz", [&](const CacheFilePage& p) {
        const auto n = static_cast<int64_t>(p.tokens.size());
        JAJU_CHECK(n >= 1 && n <= 64 && p.parent < pages && p.parent >= -1);
        JAJU_CHECK(static_cast<int64_t>(p.latents.size()) == kLayers * n * key().layout.bytes());
        for (const int32_t id : p.tokens) JAJU_CHECK(id >= 0 && id < key().vocab);
        ++pages;
        CachePage* const page = pool.take();
        if (page == nullptr) return false;
        std::memcpy(pool.layer(*page, 0), p.latents.data(), p.latents.size());
        auto tenant = tenants.find(p.tenant);
        if (tenant == tenants.end())
          tenant = tenants.emplace(std::string(p.tenant), cache.open(p.tenant)).first;
        loaded.push_back(cache.load(p.parent < 0 ? tenant->second : loaded[static_cast<size_t>(p.parent)],
                                    p.tokens, page));
        auto& text = texts.emplace_back();
        if (p.parent >= 0) text = texts[static_cast<size_t>(p.parent)];
        text.insert(text.end(), p.tokens.begin(), p.tokens.end());
        JAJU_CHECK(cache.peek(p.tenant, text, static_cast<int64_t>(text.size())) ==
                   static_cast<int64_t>(text.size()));
        return true;
      });
  if (content.ok()) {
    JAJU_CHECK(content->pages == pages);
  } else {
    JAJU_CHECK(!content.message().empty() && pages == 0);
  }
  for (size_t i = loaded.size(); i-- > 0;) cache.renew(loaded[i]);
  for (auto& [name, place] : tenants) cache.close(place);
  JAJU_CHECK(pool.in_use() == pool.idle() && pool.in_use() == cache.pages());
  cache.clear();
  JAJU_CHECK(pool.in_use() == 0 && cache.pages() == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'P') {
    check(planned(data + 1, size - 1));
  } else if (data[0] == 'R') {
    std::string bytes;
    append_cache_header(key(), bytes);
    check(bytes + rest);
  } else {
    check(rest);
  }
  return 0;
}
