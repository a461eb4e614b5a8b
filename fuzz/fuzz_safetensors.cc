// Feeds arbitrary bytes to the safetensors header and index parsers and checks what an accepted header
// promises.
//
// The first byte says how to read the rest: 'R' a whole file, 'I' an index, anything else a header: two bytes
// of data length and the JSON, to which a correct length prefix is added so that the fuzzer gets past it at
// once.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "formats/safetensors.h"

namespace {

void check_file(std::string_view file) {
  const auto header = jaju::parse_safetensors_header(std::as_bytes(std::span(file)), "fuzz");
  if (!header.ok()) {
    JAJU_CHECK(!header.message().empty());
    return;
  }
  const auto size = static_cast<int64_t>(file.size());
  int64_t covered = -1;
  for (const jaju::TensorInfo& t : header->tensors) {
    JAJU_CHECK(t.begin >= 8 && t.bytes >= 0 && t.begin <= size - t.bytes);
    JAJU_CHECK(covered < 0 || t.begin == covered);
    JAJU_CHECK(jaju::element_count(t.shape) == t.elements && t.elements * jaju::size_of(t.dtype) == t.bytes);
    covered = t.begin + t.bytes;
  }
  JAJU_CHECK(covered < 0 || covered == size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 'R') {
    check_file(rest);
  } else if (data[0] == 'I') {
    const auto index = jaju::parse_safetensors_index(rest, "fuzz");
    if (!index.ok()) return 0;
    for (const auto& [tensor, file] : *index) JAJU_CHECK(file.find('/') == file.npos && file[0] != '.');
  } else if (rest.size() >= 2) {
    const size_t data_bytes =
        static_cast<uint8_t>(rest[0]) | static_cast<size_t>(static_cast<uint8_t>(rest[1])) << 8;
    const std::string_view header = rest.substr(2);
    std::string file;
    for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xff);
    check_file(file.append(header).append(data_bytes, '\0'));
  }
  return 0;
}
