#include "formats/gguf_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <set>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"
#include "formats/gguf.h"
#include "formats/safetensors_header.h"

namespace jaju {
namespace {

constexpr int64_t kAlignment = kGgufDefaultAlignment;

template <typename T>
void put_number(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);  // the file is little-endian, so are we
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, static_cast<uint64_t>(text.size()));
  out += text;
}

constexpr uint32_t number_of(GgufValueType type) {
  return static_cast<uint32_t>(type);
}

}  // namespace

void GgufMetadata::begin(std::string_view key, uint32_t type) {
  JAJU_CHECK(!key.empty() && key.size() <= kMaxGgufKey);
  put_text(bytes_, key);
  put_number(bytes_, type);
  ++count_;
}

void GgufMetadata::u16(std::string_view key, uint16_t value) {
  begin(key, number_of(GgufValueType::u16));
  put_number(bytes_, value);
}

void GgufMetadata::u32(std::string_view key, int64_t value) {
  JAJU_CHECK(value >= 0 && value <= std::numeric_limits<uint32_t>::max());
  begin(key, number_of(GgufValueType::u32));
  put_number(bytes_, static_cast<uint32_t>(value));
}

void GgufMetadata::i32(std::string_view key, int64_t value) {
  JAJU_CHECK(value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max());
  begin(key, number_of(GgufValueType::i32));
  put_number(bytes_, static_cast<int32_t>(value));
}

void GgufMetadata::f32(std::string_view key, double value) {
  begin(key, number_of(GgufValueType::f32));
  put_number(bytes_, static_cast<float>(value));
}

void GgufMetadata::f64(std::string_view key, double value) {
  begin(key, number_of(GgufValueType::f64));
  put_number(bytes_, value);
}

void GgufMetadata::boolean(std::string_view key, bool value) {
  begin(key, number_of(GgufValueType::boolean));
  put_number(bytes_, static_cast<uint8_t>(value ? 1 : 0));
}

void GgufMetadata::text(std::string_view key, std::string_view value) {
  begin(key, number_of(GgufValueType::string));
  put_text(bytes_, value);
}

void GgufMetadata::texts(std::string_view key, std::span<const std::string> values) {
  begin(key, number_of(GgufValueType::array));
  put_number(bytes_, number_of(GgufValueType::string));
  put_number(bytes_, static_cast<uint64_t>(values.size()));
  for (const std::string& value : values) put_text(bytes_, value);
}

void GgufMetadata::integers(std::string_view key, std::span<const int32_t> values) {
  begin(key, number_of(GgufValueType::array));
  put_number(bytes_, number_of(GgufValueType::i32));
  put_number(bytes_, static_cast<uint64_t>(values.size()));
  for (const int32_t value : values) put_number(bytes_, value);
}

void GgufMetadata::add(const GgufMetadata& other) {
  bytes_ += other.bytes_;
  count_ += other.count_;
}

Result<std::unique_ptr<GgufWriter>> GgufWriter::create(const std::filesystem::path& path,
                                                       const GgufMetadata& metadata,
                                                       const std::vector<GgufTensorSpec>& tensors) {
  std::unique_ptr<GgufWriter> writer(new GgufWriter);
  std::string header = "GGUF";
  put_number(header, uint32_t{3});
  put_number(header, static_cast<uint64_t>(tensors.size()));
  put_number(header, static_cast<uint64_t>(metadata.count()));
  header += metadata.bytes();
  std::set<std::string_view> names;
  int64_t offset = 0;
  for (const GgufTensorSpec& t : tensors) {
    if (t.name.empty() || t.name.size() >= kMaxGgufName || !utf8_valid(t.name) ||
        !names.insert(t.name).second) {
      return error("tensor name '{}' for {} is empty, longer than {} bytes, not UTF-8 or used twice",
                   printable(t.name), path.string(), kMaxGgufName - 1);
    }
    const GgufTypeInfo& info = gguf_type_info(t.type);
    const std::optional<int64_t> elements = element_count(t.shape);
    const bool dims = !t.shape.empty() && t.shape.size() <= 4;
    int64_t bytes = 0;
    if (!dims || !elements || *elements == 0 ||
        __builtin_mul_overflow((*elements + info.block - 1) / info.block, info.bytes, &bytes)) {
      return error("tensor '{}' for {} has the impossible shape {}", t.name, path.string(),
                   shape_text(t.shape));
    }
    if (t.shape.back() % info.block != 0) {
      return error("tensor '{}' cannot be {}: its rows of {} values are no multiple of {}", t.name, info.name,
                   t.shape.back(), info.block);
    }
    put_text(header, t.name);
    put_number(header, static_cast<uint32_t>(t.shape.size()));
    for (size_t i = t.shape.size(); i-- > 0;) put_number(header, static_cast<uint64_t>(t.shape[i]));
    put_number(header, static_cast<uint32_t>(t.type));
    put_number(header, static_cast<uint64_t>(offset));
    writer->sizes_.push_back(bytes);
    if (__builtin_add_overflow(offset, (bytes + kAlignment - 1) / kAlignment * kAlignment, &offset)) {
      return error("the tensors for {} are larger than any file", path.string());
    }
  }
  writer->path_ = path;
  // One name, so that what an interrupted start left is written over and not forgotten.
  writer->temporary_ = path.string() + ".partial";
  JAJU_RETURN_IF_ERROR(writer->take_file());
  JAJU_RETURN_IF_ERROR(writer->put(header.data(), static_cast<int64_t>(header.size())));
  JAJU_RETURN_IF_ERROR(writer->pad());
  return writer;
}

// Opens the file, alone and empty. What is there and was not begun by a writer like this one stays.
Status GgufWriter::take_file() {
  const std::string name = temporary_.string();
  const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0) return error("cannot write {}: {}", name, std::strerror(errno));
  const auto refuse = [fd](Status status) {
    ::close(fd);
    return status;
  };
  const bool locks = ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  struct stat locked {
  }, named{};
  if (!locks || ::fstat(fd, &locked) != 0 || ::stat(name.c_str(), &named) != 0 ||
      locked.st_dev != named.st_dev || locked.st_ino != named.st_ino) {
    return refuse(
        error("{} is being written by another process: wait for it, or choose another place", name));
  }
  char magic[4] = {};
  if (locked.st_size > 0 && (::pread(fd, magic, sizeof magic, 0) != sizeof magic ||
                             std::string_view(magic, sizeof magic) != "GGUF")) {
    return refuse(error("{} is there already and no beginning of a GGUF file: move it away", name));
  }
  if (::ftruncate(fd, 0) == 0) file_ = ::fdopen(fd, "wb");
  if (file_ == nullptr) return refuse(error("cannot write {}: {}", name, std::strerror(errno)));
  return {};
}

GgufWriter::~GgufWriter() {
  if (file_ == nullptr) return;
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);  // while it is locked
  std::fclose(file_);
}

Status GgufWriter::put(const void* data, int64_t bytes) {
  const auto n = static_cast<size_t>(bytes);
  if (n != 0 && std::fwrite(data, 1, n, file_) != n) {
    return error("cannot write {}: {}", path_.string(), std::strerror(errno));
  }
  position_ += bytes;
  return {};
}

Status GgufWriter::pad() {
  static constexpr char kZeros[kAlignment] = {};
  return put(kZeros, (kAlignment - position_ % kAlignment) % kAlignment);
}

Status GgufWriter::append(const void* data, int64_t bytes) {
  const auto* from = static_cast<const char*>(data);
  while (bytes > 0) {
    if (tensor_ == sizes_.size()) {
      return error("{} would get {} bytes more than its tensors hold", path_.string(), bytes);
    }
    const int64_t part = std::min(bytes, sizes_[tensor_] - done_);
    JAJU_RETURN_IF_ERROR(put(from, part));
    from += part;
    bytes -= part;
    done_ += part;
    if (done_ < sizes_[tensor_]) continue;
    JAJU_RETURN_IF_ERROR(pad());
    ++tensor_;
    done_ = 0;
  }
  return {};
}

Status GgufWriter::finish() {
  if (file_ == nullptr) return error("{} is already finished", path_.string());
  if (tensor_ != sizes_.size()) {
    return error("{} got {} of its {} tensors", path_.string(), tensor_, sizes_.size());
  }
  const bool durable = std::fflush(file_) == 0 && ::fsync(::fileno(file_)) == 0;
  const int reason = errno;
  std::error_code failed;
  if (durable) std::filesystem::rename(temporary_, path_, failed);  // while it is locked
  std::error_code ignored;
  if (!durable || failed) std::filesystem::remove(temporary_, ignored);
  std::fclose(std::exchange(file_, nullptr));  // nothing is left to be written
  if (durable && !failed) return {};
  return error("cannot write {}: {}", path_.string(), failed ? failed.message() : std::strerror(reason));
}

}  // namespace jaju
