#include "formats/safetensors_writer.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "base/file.h"
#include "base/utf8.h"
#include "formats/safetensors_header.h"

namespace jaju {
namespace {

// A JSON string; `text` is valid UTF-8.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump();
}

}  // namespace

Result<std::unique_ptr<SafetensorsWriter>> SafetensorsWriter::create(
    const std::filesystem::path& path, const std::vector<TensorSpec>& tensors,
    const std::map<std::string, std::string>& metadata, int64_t data_alignment) {
  std::set<std::string_view> names;
  std::string text = "{";
  int64_t offset = 0;
  for (const auto& [key, value] : metadata) {
    if (!utf8_valid(key) || !utf8_valid(value)) return error("metadata for {} is not UTF-8", path.string());
  }
  if (!metadata.empty()) text += "\"__metadata__\":" + nlohmann::json(metadata).dump();
  for (const TensorSpec& t : tensors) {
    const std::optional<int64_t> elements = element_count(t.shape);
    int64_t bytes = 0;
    int64_t end = 0;
    if (!elements || __builtin_mul_overflow(*elements, size_of(t.dtype), &bytes) ||
        __builtin_add_overflow(offset, bytes, &end)) {
      return error("tensor '{}' for {} has the impossible shape {}", printable(t.name), path.string(),
                   shape_text(t.shape));
    }
    if (t.name == "__metadata__" || !utf8_valid(t.name) || !names.insert(t.name).second) {
      return error("tensor name '{}' for {} is reserved, not UTF-8 or used twice", printable(t.name),
                   path.string());
    }
    text += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":{},\"data_offsets\":[{},{}]}}",
                        text.size() == 1 ? "" : ",", quoted(t.name), name_of(t.dtype),
                        nlohmann::json(t.shape).dump(), offset, end);
    offset = end;
  }
  text += "}";
  const auto alignment = static_cast<size_t>(data_alignment);
  text.append((alignment - (8 + text.size()) % alignment) % alignment, ' ');
  if (static_cast<int64_t>(text.size()) > kMaxSafetensorsHeader) {
    return error("{} tensors are too many for one safetensors file ({}): use more shards", tensors.size(),
                 path.string());
  }

  std::unique_ptr<SafetensorsWriter> writer(new SafetensorsWriter);
  writer->path_ = path;
  writer->temporary_ = path.string() + fmt::format(".{}.partial", ::getpid());
  writer->announced_ = offset;
  writer->file_ = std::fopen(writer->temporary_.c_str(), "wbxe");
  if (writer->file_ == nullptr) return error("cannot write {}: {}", path.string(), std::strerror(errno));
  std::array<unsigned char, 8> length{};
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(text.size() >> (8 * i) & 0xff);
  if (std::fwrite(length.data(), 1, length.size(), writer->file_) != length.size() ||
      std::fwrite(text.data(), 1, text.size(), writer->file_) != text.size()) {
    return error("cannot write {}: {}", path.string(), std::strerror(errno));
  }
  return writer;
}

SafetensorsWriter::~SafetensorsWriter() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
}

Status SafetensorsWriter::append(const void* data, int64_t bytes) {
  if (bytes < 0 || bytes > announced_ - written_) {
    return error("{} would get {} bytes more than its {} announced", path_.string(),
                 bytes - (announced_ - written_), announced_);
  }
  const auto n = static_cast<size_t>(bytes);
  if (n != 0 && std::fwrite(data, 1, n, file_) != n) {
    return error("cannot write {}: {}", path_.string(), std::strerror(errno));
  }
  written_ += bytes;
  return {};
}

Status SafetensorsWriter::finish() {
  if (file_ == nullptr) return error("{} is already finished", path_.string());
  if (written_ != announced_) {
    return error("{} got {} of its {} bytes of data", path_.string(), written_, announced_);
  }
  const bool durable = std::fflush(file_) == 0 && ::fsync(::fileno(file_)) == 0;
  const int reason = errno;
  const bool closed = std::fclose(std::exchange(file_, nullptr)) == 0;
  std::error_code failed;
  if (durable && closed) std::filesystem::rename(temporary_, path_, failed);
  if (durable && closed && !failed) return {};
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
  return error("cannot write {}: {}", path_.string(), failed ? failed.message() : std::strerror(reason));
}

Status write_safetensors_index(const std::filesystem::path& dir,
                               const std::vector<std::pair<std::string, std::string>>& weight_map,
                               int64_t total_bytes) {
  std::string text = fmt::format("{{\"metadata\":{{\"total_size\":{}}},\"weight_map\":{{", total_bytes);
  for (const auto& [tensor, file] : weight_map) {
    if (!utf8_valid(tensor) || !utf8_valid(file)) return error("{}: a name is not UTF-8", dir.string());
    text += fmt::format("{}\n{}:{}", text.back() == '{' ? "" : ",", quoted(tensor), quoted(file));
  }
  return write_file_atomic(dir / "model.safetensors.index.json", text + "\n}}\n");
}

}  // namespace jaju
