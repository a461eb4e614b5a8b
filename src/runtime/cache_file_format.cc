#include "runtime/cache_file_format.h"

#include <xxhash.h>

#include <bit>
#include <cstring>
#include <type_traits>

namespace jaju {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little endian");

constexpr std::string_view kMagic = "JAJUKV\r\n";
constexpr uint32_t kVersion = 2;  // also to be raised when kernels come to round otherwise
constexpr uint32_t kTenant = 1, kPage = 2, kEnd = 3;
constexpr int64_t kPositions = 64;
constexpr size_t kLongestTenant = 4096;
constexpr int64_t kPageHead = 16;     // of a page's bytes, before the ids
constexpr int64_t kRecordFrame = 16;  // kind, size, checksum

template <typename T>
void append(T value, std::string& out) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Reads from the front; `failed` once there was too little.
struct Reader {
  std::span<const std::byte> rest;
  bool failed = false;

  std::span<const std::byte> bytes(size_t n) {
    if (n > rest.size()) {
      failed = true;
      return {};
    }
    const auto taken = rest.first(n);
    rest = rest.subspan(n);
    return taken;
  }
  template <typename T>
  T value() {
    T v{};
    const auto from = bytes(sizeof v);
    if (!failed) std::memcpy(&v, from.data(), sizeof v);
    return v;
  }
};

uint64_t checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

void begin_record(uint32_t kind, int64_t size, std::string& out) {
  append(kind, out);
  append(static_cast<uint32_t>(size), out);
}

int64_t page_bytes(const CacheFileKey& key, int64_t tokens) {
  return kPageHead + tokens * static_cast<int64_t>(sizeof(int32_t)) +
         key.layers * tokens * key.layout.bytes();
}

struct Parsed {  // what earlier pages promise
  uint32_t tenant;
  bool whole;
};

// One page's bytes against the key and the pages before it.
bool parse_page(std::span<const std::byte> bytes, const CacheFileKey& key, size_t n_tenants,
                const std::vector<Parsed>& before, std::vector<int32_t>& ids, CacheFilePage& page,
                Parsed& parsed) {
  Reader in{bytes};
  parsed.tenant = in.value<uint32_t>();
  const auto n = in.value<uint32_t>();
  page.parent = in.value<int64_t>();
  if (in.failed || parsed.tenant >= n_tenants || n < 1 || n > kPositions) return false;
  if (static_cast<int64_t>(bytes.size()) != page_bytes(key, n)) return false;
  if (page.parent < -1 || page.parent >= static_cast<int64_t>(before.size())) return false;
  if (page.parent >= 0) {
    const Parsed& parent = before[static_cast<size_t>(page.parent)];
    if (parent.tenant != parsed.tenant || !parent.whole) return false;
  }
  ids.resize(n);
  std::memcpy(ids.data(), in.bytes(n * sizeof(int32_t)).data(), n * sizeof(int32_t));
  for (const int32_t id : ids) {
    if (id < 0 || id >= key.vocab) return false;
  }
  parsed.whole = n == kPositions;
  page.tokens = ids;
  page.latents = in.rest;
  return true;
}

}  // namespace

void append_checksum(size_t start, std::string& out) {
  append(checksum(std::as_bytes(std::span(out)).subspan(start)), out);
}

void append_cache_header(const CacheFileKey& key, std::string& out) {
  const size_t start = out.size();
  out += kMagic;
  append(kVersion, out);
  append(static_cast<uint32_t>(key.layout.type), out);
  append(key.model[0], out);
  append(key.model[1], out);
  append(key.maker, out);
  append(static_cast<uint32_t>(key.layers), out);
  append(static_cast<uint32_t>(key.layout.width()), out);
  append(static_cast<uint32_t>(kPositions), out);
  append(static_cast<uint32_t>(key.vocab), out);
  append_checksum(start, out);
}

void append_tenant_record(std::string_view name, std::string& out) {
  const size_t start = out.size();
  begin_record(kTenant, static_cast<int64_t>(name.size()), out);
  out += name;
  append_checksum(start, out);
}

void append_page_record(uint32_t tenant, int64_t parent, std::span<const int32_t> tokens, int64_t layers,
                        const std::function<std::string_view(int64_t)>& layer, std::string& out) {
  const size_t start = out.size();
  begin_record(kPage, 0, out);
  append(tenant, out);
  append(static_cast<uint32_t>(tokens.size()), out);
  append(parent, out);
  out.append(reinterpret_cast<const char*>(tokens.data()), tokens.size_bytes());
  for (int64_t i = 0; i < layers; ++i) out += layer(i);
  const auto size = static_cast<uint32_t>(out.size() - start - 2 * sizeof(uint32_t));
  std::memcpy(out.data() + start + sizeof(uint32_t), &size, sizeof size);
  append_checksum(start, out);
}

void append_end_record(uint64_t pages, std::string& out) {
  const size_t start = out.size();
  begin_record(kEnd, sizeof pages, out);
  append(pages, out);
  append_checksum(start, out);
}

int64_t page_record_bytes(const CacheFileKey& key, int64_t tokens) {
  return kRecordFrame + page_bytes(key, tokens);
}

Result<CacheFileContent> parse_cache_file(std::span<const std::byte> bytes, const CacheFileKey& key,
                                          const std::string& what,
                                          const std::function<bool(const CacheFilePage&)>& visitor) {
  std::string expected;
  append_cache_header(key, expected);
  const auto want = std::as_bytes(std::span(expected));
  if (bytes.size() < want.size() || std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) != 0) {
    return error("{} is not a prefix-cache file", what);
  }
  const size_t checked = want.size() - sizeof(uint64_t);
  Reader sum{bytes.subspan(checked)};
  if (sum.value<uint64_t>() != checksum(bytes.first(checked)))
    return error("{}: its header is damaged", what);
  if (std::memcmp(bytes.data(), want.data(), want.size()) != 0) {
    return error("{} was made with another model, cache type, kernel or version", what);
  }
  CacheFileContent content;
  Reader in{bytes.subspan(want.size())};
  std::vector<std::string_view> tenants;
  std::vector<Parsed> pages;
  std::vector<int32_t> ids;
  content.damaged = true;  // until its end was seen
  for (;;) {
    const auto record = in.rest;
    const auto kind = in.value<uint32_t>();
    const auto size = in.value<uint32_t>();
    const auto payload = in.bytes(size);
    const auto sum_read = in.value<uint64_t>();
    if (in.failed || sum_read != checksum(record.first(2 * sizeof(uint32_t) + size))) return content;
    if (kind == kTenant) {
      if (size > kLongestTenant) return content;
      tenants.emplace_back(reinterpret_cast<const char*>(payload.data()), size);
    } else if (kind == kPage) {
      CacheFilePage page;
      Parsed parsed{};
      if (!parse_page(payload, key, tenants.size(), pages, ids, page, parsed)) return content;
      page.tenant = tenants[parsed.tenant];
      pages.push_back(parsed);
      ++content.pages;
      if (!visitor(page)) {
        content.damaged = false;
        return content;
      }
    } else {
      Reader end{payload};
      content.damaged = kind != kEnd || end.value<uint64_t>() != pages.size() || !end.rest.empty() ||
                        end.failed || !in.rest.empty();
      return content;
    }
  }
}

}  // namespace jaju
