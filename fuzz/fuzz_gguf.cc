// Feeds arbitrary bytes to the GGUF parser and checks what an accepted file promises: every value within the
// bytes, every tensor in the file, none on top of another. Reads blocks from what it accepts, and what names
// an architecture goes through the reader of its config too.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "formats/gguf.h"
#include "model/gguf_config.h"

namespace {

// A file that goes when the process does; its path, by the handle.
const std::string& scratch() {
  static const std::string path = [] {
    std::FILE* file = std::tmpfile();
    JAJU_CHECK(file != nullptr);
    return "/proc/self/fd/" + std::to_string(::fileno(file));
  }();
  return path;
}

void read_config(const uint8_t* data, size_t size) {
  const int fd = std::atoi(scratch().c_str() + scratch().rfind('/') + 1);
  JAJU_CHECK(::ftruncate(fd, 0) == 0);
  JAJU_CHECK(::pwrite(fd, data, size, 0) == static_cast<ssize_t>(size));
  const auto file = jaju::Gguf::open(scratch());
  if (!file.ok()) return;  // a shard of several, which are not here
  const auto config = jaju::config_from_gguf(**file, "bfloat16");
  if (!config.ok()) {
    JAJU_CHECK(!config.message().empty() && config.message().find('\n') == std::string::npos);
    return;
  }
  const jaju::ModelConfig& c = config->config;
  JAJU_CHECK(c.n_layers > 0 && c.hidden_size > 0 && c.n_routed_experts % c.n_group == 0);
  JAJU_CHECK(jaju::parse_config(config->json, "again").ok());
}

// Touches everything a value holds.
size_t walk(const jaju::GgufValue& value, int depth) {
  JAJU_CHECK(depth <= jaju::kMaxGgufNesting);
  if (!value.is_array()) {
    const int kinds = value.integer().has_value() + value.boolean().has_value() + value.text().has_value();
    JAJU_CHECK(kinds <= 1 && (kinds == 1 || value.number().has_value()));
    size_t sum = 0;
    for (const char c : value.text().value_or("")) sum += static_cast<unsigned char>(c);
    return sum;
  }
  size_t sum = 0;
  for (int64_t i = 0; i < value.size(); ++i) sum += walk(value.at(i), depth + 1);
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  const auto header = jaju::parse_gguf(file, "fuzz");
  if (!header.ok()) {
    JAJU_CHECK(header.message().starts_with("fuzz") && header.message().find('\n') == std::string::npos);
    return 0;
  }
  for (const auto& [key, value] : header->metadata) {
    JAJU_CHECK(!key.empty());
    walk(value, 0);
  }
  for (const auto& [key, value] : header->metadata) {
    if (key == "general.architecture") read_config(data, size);
  }
  const auto bytes = static_cast<int64_t>(size);
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const jaju::GgufTensor& t : header->tensors) {
    JAJU_CHECK(t.begin >= header->data_begin && t.bytes > 0 && t.begin <= bytes - t.bytes);
    JAJU_CHECK(t.begin % header->alignment == 0 && t.rows() * t.cols() == t.elements);
    JAJU_CHECK(jaju::gguf_bytes(t.type, t.elements) == t.bytes);
    ranges.emplace_back(t.begin, t.begin + t.bytes);
    if (!jaju::gguf_type_info(t.type).readable) continue;
    const int64_t n = std::min<int64_t>(
        t.elements, 4096 / jaju::gguf_type_info(t.type).block * jaju::gguf_type_info(t.type).block);
    std::vector<float> values(static_cast<size_t>(n));
    jaju::gguf_dequantise(t.type, data + t.begin, n, values.data());
  }
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) JAJU_CHECK(ranges[i - 1].second <= ranges[i].first);
  return 0;
}
