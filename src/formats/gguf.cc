#include "formats/gguf.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <unordered_set>

#include "base/check.h"
#include "base/utf8.h"
#include "formats/safetensors_header.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxDims = 4;

// Bytes of one scalar; 0 for strings and arrays, whose length is in the file.
int64_t scalar_bytes(GgufValueType type) {
  switch (type) {
    case GgufValueType::u8:
    case GgufValueType::i8:
    case GgufValueType::boolean:
      return 1;
    case GgufValueType::u16:
    case GgufValueType::i16:
      return 2;
    case GgufValueType::u32:
    case GgufValueType::i32:
    case GgufValueType::f32:
      return 4;
    case GgufValueType::u64:
    case GgufValueType::i64:
    case GgufValueType::f64:
      return 8;
    case GgufValueType::string:
    case GgufValueType::array:
      return 0;
  }
  return 0;
}

template <typename T>
T load(std::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

static_assert(std::endian::native == std::endian::little, "scalars are read as they lie in the file");

}  // namespace

std::string_view name_of(GgufValueType type) {
  constexpr std::string_view kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                         "bool", "string", "array", "u64", "i64", "f64"};
  return kNames[static_cast<size_t>(type)];
}

double gguf_decimal(float value) {
  char text[48];
  const auto written = std::to_chars(text, text + sizeof text, value);
  double decimal = value;
  if (written.ec == std::errc()) std::from_chars(text, written.ptr, decimal);
  return decimal;
}

std::optional<int64_t> GgufValue::integer() const {
  switch (type_) {
    case GgufValueType::u8:
      return load<uint8_t>(bytes_);
    case GgufValueType::i8:
      return load<int8_t>(bytes_);
    case GgufValueType::u16:
      return load<uint16_t>(bytes_);
    case GgufValueType::i16:
      return load<int16_t>(bytes_);
    case GgufValueType::u32:
      return load<uint32_t>(bytes_);
    case GgufValueType::i32:
      return load<int32_t>(bytes_);
    case GgufValueType::i64:
      return load<int64_t>(bytes_);
    case GgufValueType::u64: {
      const auto value = load<uint64_t>(bytes_);
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

std::optional<double> GgufValue::number() const {
  if (type_ == GgufValueType::u64) return static_cast<double>(load<uint64_t>(bytes_));
  if (const auto whole = integer()) return static_cast<double>(*whole);
  if (type_ == GgufValueType::f64) return load<double>(bytes_);
  if (type_ != GgufValueType::f32) return std::nullopt;
  return gguf_decimal(load<float>(bytes_));
}

std::optional<bool> GgufValue::boolean() const {
  if (type_ != GgufValueType::boolean) return std::nullopt;
  return bytes_[0] != 0;
}

std::optional<std::string_view> GgufValue::text() const {
  if (type_ != GgufValueType::string) return std::nullopt;
  return bytes_;
}

GgufValue GgufValue::at(int64_t i) const {
  JAJU_CHECK(is_array() && i >= 0 && i < size_);
  const auto index = static_cast<size_t>(i);
  if (element_type_ == GgufValueType::array) return arrays_[index];
  GgufValue element;
  element.type_ = element_type_;
  if (element_type_ == GgufValueType::string) {
    element.bytes_ = strings_[index];
  } else {
    const auto width = static_cast<size_t>(scalar_bytes(element_type_));
    element.bytes_ = bytes_.substr(index * width, width);
  }
  return element;
}

// Walks one file from its first byte; every step asks whether the bytes are there. Remembers the first error,
// so that reading code stays a list of fields.
class GgufParser {
 public:
  GgufParser(std::span<const std::byte> file, const std::string& what)
      : file_(reinterpret_cast<const char*>(file.data()), file.size()), what_(what) {}

  Result<GgufHeader> parse();

 private:
  int64_t position() const { return static_cast<int64_t>(at_); }
  uint64_t left() const { return file_.size() - at_; }

  template <typename... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    if (status_.ok()) status_ = error("{}: {}", what_, fmt::format(format, std::forward<Args>(args)...));
  }

  // The next n bytes, or empty (and an error) when the file is shorter.
  std::string_view take(uint64_t n, std::string_view of) {
    if (!status_.ok()) return {};
    if (n > left()) {
      fail("{} at byte {} would end after the file: it was cut short or is damaged", of, at_);
      return {};
    }
    const std::string_view bytes = file_.substr(at_, n);
    at_ += n;
    return bytes;
  }
  template <typename T>
  T number(std::string_view of) {
    const std::string_view bytes = take(sizeof(T), of);
    return bytes.empty() ? T{} : load<T>(bytes);
  }
  std::string_view string(std::string_view of) { return take(number<uint64_t>(of), of); }

  std::optional<GgufValueType> value_type(const std::string& of);
  void scalar_content(GgufValue& value, const std::string& of);
  void array_content(GgufValue& value, const std::string& of, int depth);
  void pair(GgufHeader& header, std::unordered_set<std::string_view>& seen);
  void tensor(GgufHeader& header, std::unordered_set<std::string_view>& seen);
  void place_tensors(GgufHeader& header);

  std::string_view file_;
  const std::string& what_;
  size_t at_ = 0;
  Status status_;
};

std::optional<GgufValueType> GgufParser::value_type(const std::string& of) {
  const auto number_of_type = number<uint32_t>(of);
  if (!status_.ok()) return std::nullopt;
  if (number_of_type > static_cast<uint32_t>(GgufValueType::f64)) {
    fail("{} has the unknown type {}", of, number_of_type);
    return std::nullopt;
  }
  return static_cast<GgufValueType>(number_of_type);
}

void GgufParser::scalar_content(GgufValue& value, const std::string& of) {
  if (value.type_ == GgufValueType::string) {
    value.bytes_ = string(of);
    return;
  }
  value.bytes_ = take(static_cast<uint64_t>(scalar_bytes(value.type_)), of);
  if (!status_.ok()) return;
  if (value.type_ == GgufValueType::boolean && static_cast<uint8_t>(value.bytes_[0]) > 1) {
    fail("{} is a boolean that is neither 0 nor 1", of);
  }
}

void GgufParser::array_content(GgufValue& value, const std::string& of, int depth) {
  if (depth > kMaxGgufNesting) return fail("{} nests arrays more than {} deep", of, kMaxGgufNesting);
  const auto element = value_type(of);
  const auto count = number<uint64_t>(of);
  if (!status_.ok()) return;
  value.element_type_ = *element;
  // What each element needs at the least: a string its length, an array its type and count.
  const int64_t scalar = scalar_bytes(*element);
  const uint64_t least = scalar > 0                          ? static_cast<uint64_t>(scalar)
                         : *element == GgufValueType::string ? 8
                                                             : 12;
  if (count > left() / least) return fail("{} announces {} elements, more than the file holds", of, count);
  value.size_ = static_cast<int64_t>(count);
  if (scalar > 0) {
    value.bytes_ = take(count * static_cast<uint64_t>(scalar), of);
    const bool odd =
        *element == GgufValueType::boolean && std::any_of(value.bytes_.begin(), value.bytes_.end(),
                                                          [](char c) { return static_cast<uint8_t>(c) > 1; });
    if (odd) fail("{} holds a boolean that is neither 0 nor 1", of);
    return;
  }
  for (uint64_t i = 0; i < count && status_.ok(); ++i) {
    if (*element == GgufValueType::string) {
      value.strings_.push_back(string(of));
    } else {
      GgufValue inner;
      inner.type_ = GgufValueType::array;
      array_content(inner, of, depth + 1);
      value.arrays_.push_back(std::move(inner));
    }
  }
}

void GgufParser::pair(GgufHeader& header, std::unordered_set<std::string_view>& seen) {
  const std::string_view key = string("a metadata key");
  if (!status_.ok()) return;
  const bool plain = !key.empty() && key.size() <= kMaxGgufKey &&
                     std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain)
    return fail("the metadata key '{}' must be 1 to {} ASCII characters", printable(key), kMaxGgufKey);
  if (!seen.insert(key).second) return fail("the metadata key '{}' appears twice", key);
  const std::string of = fmt::format("the value of '{}'", key);
  const auto type = value_type(of);
  if (!status_.ok()) return;
  GgufValue value;
  value.type_ = *type;
  if (*type == GgufValueType::array) {
    array_content(value, of, 1);
  } else {
    scalar_content(value, of);
  }
  header.metadata.emplace_back(key, std::move(value));
}

void GgufParser::tensor(GgufHeader& header, std::unordered_set<std::string_view>& seen) {
  const std::string_view name = string("a tensor's name");
  if (!status_.ok()) return;
  if (name.empty() || name.size() > kMaxGgufName || !utf8_valid(name)) {
    return fail("a tensor's name ('{}') must be 1 to {} bytes of UTF-8", printable(name.substr(0, 200)),
                kMaxGgufName);
  }
  if (!seen.insert(name).second) return fail("tensor '{}' appears twice", printable(name));
  const std::string of = fmt::format("tensor '{}'", printable(name));
  GgufTensor t;
  t.name = name;
  const auto n_dims = number<uint32_t>(of);
  if (status_.ok() && (n_dims < 1 || n_dims > kMaxDims))
    return fail("{} has {} dimensions, not 1 to {}", of, n_dims, kMaxDims);
  for (uint32_t i = 0; i < n_dims && status_.ok(); ++i) {
    const auto size = number<uint64_t>(of);
    if (status_.ok() && (size == 0 || size > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))) {
      return fail("{} has a dimension of {}", of, size);
    }
    t.shape.insert(t.shape.begin(), static_cast<int64_t>(size));
  }
  const auto type = number<uint32_t>(of);
  const auto offset = number<uint64_t>(of);
  if (!status_.ok()) return;
  const std::optional<int64_t> elements = element_count(t.shape);
  if (!elements) return fail("{} has the impossible shape {}", of, shape_text(t.shape));
  const GgufTypeInfo* info = gguf_type_info(type);
  if (info == nullptr) return fail("{} has type {}, which jaju does not know", of, type);
  t.type = info->type;
  t.elements = *elements;
  if (t.cols() % info->block != 0) {
    return fail("{} is {} with rows of {}, not a multiple of the {} values of a block", of, info->name,
                t.cols(), info->block);
  }
  if (__builtin_mul_overflow(*elements / info->block, info->bytes, &t.bytes)) {
    return fail("{} has the impossible shape {}", of, shape_text(t.shape));
  }
  if (offset > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return fail("{} lies at the impossible offset {}", of, offset);
  }
  t.begin = static_cast<int64_t>(offset);  // from the start of the data, until place_tensors
  header.tensors.push_back(std::move(t));
}

// Offsets become places in the file, checked against its end and one another.
void GgufParser::place_tensors(GgufHeader& header) {
  const auto size = static_cast<int64_t>(file_.size());
  const int64_t a = header.alignment;
  header.data_begin = (position() + a - 1) / a * a;
  std::vector<const GgufTensor*> in_order;
  for (GgufTensor& t : header.tensors) {
    const std::string name = printable(t.name);
    if (t.begin % a != 0)
      return fail("tensor '{}' lies at offset {}, which is not a multiple of the alignment {}", name, t.begin,
                  a);
    const int64_t room = size - header.data_begin;
    if (room < 0 || t.bytes > room || t.begin > room - t.bytes) {
      return fail(
          "tensor '{}' needs {} bytes at offset {} of the data, which has {}: the file was cut short or is "
          "damaged",
          name, t.bytes, t.begin, std::max<int64_t>(room, 0));
    }
    t.begin += header.data_begin;
    in_order.push_back(&t);
  }
  std::sort(in_order.begin(), in_order.end(),
            [](const GgufTensor* x, const GgufTensor* y) { return x->begin < y->begin; });
  for (size_t i = 1; i < in_order.size(); ++i) {
    if (in_order[i - 1]->begin + in_order[i - 1]->bytes > in_order[i]->begin) {
      return fail("tensors '{}' and '{}' lie on top of each other", printable(in_order[i - 1]->name),
                  printable(in_order[i]->name));
    }
  }
}

Result<GgufHeader> GgufParser::parse() {
  GgufHeader header;
  if (file_.size() < 4 || file_.substr(0, 4) != "GGUF") {
    return error("{} is not a GGUF file: it does not start with 'GGUF'", what_);
  }
  at_ = 4;
  header.version = number<uint32_t>("the version");
  if (!status_.ok()) return status_;
  if (header.version != 2 && header.version != 3) {
    if (header.version != 0 && (header.version & 0xffffffu) == 0) {
      return error("{} is a big-endian GGUF file: jaju reads little-endian ones, convert the model again",
                   what_);
    }
    return error("{} is GGUF version {}: jaju reads versions 2 and 3, convert the model again", what_,
                 header.version);
  }
  const auto n_tensors = number<uint64_t>("the number of tensors");
  const auto n_pairs = number<uint64_t>("the number of metadata pairs");
  if (!status_.ok()) return status_;
  // The least a pair takes: key length, one character, type, one byte; a tensor: name, dims, type, offset.
  if (n_pairs > left() / 14 || n_pairs > static_cast<uint64_t>(kMaxGgufPairs)) {
    return error("{} announces {} metadata pairs, more than a file of {} bytes may hold", what_, n_pairs,
                 file_.size());
  }
  if (n_tensors > left() / 33 || n_tensors > static_cast<uint64_t>(kMaxGgufTensors)) {
    return error("{} announces {} tensors, more than a file of {} bytes may hold", what_, n_tensors,
                 file_.size());
  }
  std::unordered_set<std::string_view> seen;
  for (uint64_t i = 0; i < n_pairs && status_.ok(); ++i) pair(header, seen);
  if (!status_.ok()) return status_;
  for (const auto& [key, value] : header.metadata) {
    if (key != "general.alignment") continue;
    const auto alignment = value.type() == GgufValueType::u32 ? value.integer() : std::nullopt;
    if (!alignment || *alignment < 8 || *alignment > kMaxGgufAlignment ||
        (*alignment & (*alignment - 1)) != 0) {
      return error("{}: 'general.alignment' must be a u32, a power of two from 8 to {}", what_,
                   kMaxGgufAlignment);
    }
    header.alignment = *alignment;
  }
  seen.clear();
  for (uint64_t i = 0; i < n_tensors && status_.ok(); ++i) tensor(header, seen);
  if (status_.ok()) place_tensors(header);
  if (!status_.ok()) return status_;
  return header;
}

Result<GgufHeader> parse_gguf(std::span<const std::byte> file, const std::string& what) {
  return GgufParser(file, what).parse();
}

// --- one model of one or many files

Result<GgufHeader> Gguf::add_file(const fs::path& path) {
  JAJU_ASSIGN(std::unique_ptr<MappedFile> file, MappedFile::open(path));
  const std::span<const std::byte> bytes(file->data(), static_cast<size_t>(file->size()));
  JAJU_ASSIGN(GgufHeader header, parse_gguf(bytes, file->path()));
  const int index = file_count();
  for (GgufTensor& t : header.tensors) {
    t.file = index;
    t.data = file->data() + t.begin;
    tensors_.push_back(t);
  }
  JAJU_RETURN_IF_ERROR(file->intact());  // a header read from a shrinking file proves nothing
  files_.push_back(std::move(file));
  return header;
}

namespace {

// An integer key of a shard, or `absent` when there is none. Errors: another type, or out of range.
Result<int64_t> shard_key(const GgufHeader& header, std::string_view key, int64_t absent, int64_t most,
                          const std::string& what) {
  for (const auto& [name, value] : header.metadata) {
    if (name != key) continue;
    const auto number = value.integer();
    if (!number || *number < 0 || *number > most) {
      return error("{}: '{}' must be a whole number from 0 to {}", what, key, most);
    }
    return *number;
  }
  return absent;
}

constexpr size_t kSuffix = 20;  // "-00001-of-00003.gguf"

// The path of shard i (from 1) of n, when `path` follows the pattern for n; else empty.
fs::path shard_path(const fs::path& path, int64_t i, int64_t n) {
  const std::string name = path.filename().string();
  if (name.size() <= kSuffix) return {};
  const std::string stem = name.substr(0, name.size() - kSuffix);
  const std::string suffix = name.substr(stem.size());
  const std::string tail = fmt::format("-of-{:05}.gguf", n);
  const bool digits =
      std::all_of(suffix.begin() + 1, suffix.begin() + 6, [](char c) { return c >= '0' && c <= '9'; });
  if (suffix[0] != '-' || !digits || suffix.substr(6) != tail) return {};
  return path.parent_path() / (stem + fmt::format("-{:05}", i) + tail);
}

}  // namespace

Status Gguf::add_shards(const fs::path& path, int64_t count) {
  constexpr int64_t kMost = kMaxGgufTensors;
  int64_t promised = -1;
  for (int64_t i = 1; i <= count; ++i) {
    const fs::path shard = shard_path(path, i, count);
    if (shard.empty()) {
      return error(
          "{} is one of {} shards, but is not named like one (NAME-00001-of-{:05}.gguf): give it its name "
          "back",
          path.string(), count, count);
    }
    std::error_code ignored;
    if (!fs::exists(shard, ignored)) {
      return error("{} is not there: the model has {} shards, copy or download them all", shard.string(),
                   count);
    }
    JAJU_ASSIGN(GgufHeader header, add_file(shard));
    JAJU_ASSIGN(const int64_t number, shard_key(header, "split.no", -1, kMaxGgufShards, shard.string()));
    JAJU_ASSIGN(const int64_t of, shard_key(header, "split.count", -1, kMaxGgufShards, shard.string()));
    JAJU_ASSIGN(const int64_t tensors, shard_key(header, "split.tensors.count", -1, kMost, shard.string()));
    if (number != i - 1 || of != count) {
      return error("{} says it is shard {} of {}: it does not belong to this model, or was renamed",
                   shard.string(), number + 1, of);
    }
    if (i == 1) {
      promised = tensors;
      header_ = std::move(header);
    }
  }
  if (promised >= 0 && promised != static_cast<int64_t>(tensors_.size())) {
    return error("{}: the shards hold {} tensors, but the first promises {}: they do not belong together",
                 path.string(), tensors_.size(), promised);
  }
  return {};
}

Status Gguf::index_names() {
  for (const auto& [key, value] : header_.metadata) by_key_.emplace(key, &value);
  by_name_.reserve(tensors_.size());
  for (const GgufTensor& t : tensors_) {
    const auto [place, fresh] = by_name_.emplace(t.name, &t);
    if (!fresh) {
      return error("tensor '{}' is in both {} and {}", printable(t.name), file_name(place->second->file),
                   file_name(t.file));
    }
  }
  return {};
}

Result<std::unique_ptr<Gguf>> Gguf::open(const fs::path& path) {
  std::unique_ptr<Gguf> model(new Gguf);
  JAJU_ASSIGN(model->header_, model->add_file(path));
  JAJU_ASSIGN(const int64_t count,
              shard_key(model->header_, "split.count", 1, kMaxGgufShards, path.string()));
  if (count > 1) {
    // Started over from the first shard, whichever was named: it holds the metadata.
    model->tensors_.clear();
    model->files_.clear();
    model->header_ = {};
    JAJU_RETURN_IF_ERROR(model->add_shards(path, count));
  }
  model->header_.tensors.clear();  // tensors() has them, with their data
  JAJU_RETURN_IF_ERROR(model->index_names());
  return model;
}

const GgufValue* Gguf::find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second;
}

const GgufTensor* Gguf::find_tensor(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

int64_t Gguf::file_bytes() const {
  int64_t total = 0;
  for (const auto& file : files_) total += file->size();
  return total;
}

Status Gguf::intact() const {
  for (const auto& file : files_) JAJU_RETURN_IF_ERROR(file->intact());
  return {};
}

}  // namespace jaju
