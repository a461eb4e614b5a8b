#include "formats/safetensors.h"

#include <simdjson.h>

#include <algorithm>
#include <map>

#include "base/file.h"
#include "base/utf8.h"

namespace jaju {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSingleName = "model.safetensors";
constexpr const char* kIndexName = "model.safetensors.index.json";
constexpr int64_t kMaxIndexBytes = 100'000'000;
constexpr size_t kIndexDepth = 16;

// A plain file name: no separators, not hidden, nothing a path could climb with.
bool is_plain_file_name(std::string_view name) {
  if (name.empty() || name.size() > 255 || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != '/' && c != '\\' && c != 0x7f;
  });
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_safetensors_index(std::string_view json_text,
                                                                                 const std::string& what) {
  const simdjson::padded_string text(json_text);
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::object map;
  if (text.size() != json_text.size() || parser.allocate(text.size(), kIndexDepth) != simdjson::SUCCESS) {
    return error("{}: no memory for an index of {} bytes", what, json_text.size());
  }
  if (const auto code = parser.parse(text).get(root); code != simdjson::SUCCESS) {
    return error("{} is not valid JSON ({})", what, simdjson::error_message(code));
  }
  simdjson::dom::object object;
  if (root.get(object) != simdjson::SUCCESS || object["weight_map"].get(map) != simdjson::SUCCESS) {
    return error("{} has no object 'weight_map'", what);
  }
  std::vector<std::pair<std::string, std::string>> entries;
  for (const auto [tensor, value] : map) {
    std::string_view file;
    if (value.get(file) != simdjson::SUCCESS || !is_plain_file_name(file)) {
      return error("{}: tensor '{}' must name a file in the same directory", what, printable(tensor));
    }
    entries.emplace_back(tensor, file);
  }
  if (entries.empty()) return error("{}: 'weight_map' names no tensor", what);
  std::sort(entries.begin(), entries.end());
  const auto twice = std::adjacent_find(entries.begin(), entries.end(),
                                        [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twice != entries.end()) return error("{}: tensor '{}' appears twice", what, printable(twice->first));
  return entries;
}

Status Checkpoint::add_file(const fs::path& path) {
  JAJU_ASSIGN(std::unique_ptr<MappedFile> file, MappedFile::open(path));
  const std::span<const std::byte> bytes(file->data(), static_cast<size_t>(file->size()));
  JAJU_ASSIGN(SafetensorsHeader header, parse_safetensors_header(bytes, file->path()));
  const int index = file_count();
  for (TensorInfo& info : header.tensors) {
    const std::byte* data = file->data() + info.begin;
    tensors_.push_back({std::move(info), data, index});
  }
  JAJU_RETURN_IF_ERROR(file->intact());  // a header read from a shrinking file proves nothing
  files_.push_back(std::move(file));
  return {};
}

Status Checkpoint::index_names() {
  by_name_.reserve(tensors_.size());
  for (const StoredTensor& t : tensors_) {
    const auto [place, fresh] = by_name_.emplace(t.info.name, &t);
    if (!fresh) {
      return error("tensor '{}' is in both {} and {}", printable(t.info.name), file_name(place->second->file),
                   file_name(t.file));
    }
  }
  return {};
}

Result<std::unique_ptr<Checkpoint>> Checkpoint::open_file(const fs::path& file) {
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint);
  JAJU_RETURN_IF_ERROR(checkpoint->add_file(file));
  JAJU_RETURN_IF_ERROR(checkpoint->index_names());
  return checkpoint;
}

Result<std::unique_ptr<Checkpoint>> Checkpoint::open(const fs::path& dir) {
  if (is_there(dir / kSingleName)) return open_file(dir / kSingleName);
  const fs::path index_path = dir / kIndexName;
  if (!is_there(index_path)) {
    return error("{} holds no weights: neither {} nor {} is there", dir.string(), kSingleName, kIndexName);
  }
  const std::string what = index_path.string();
  JAJU_ASSIGN(const std::string text, read_file(index_path, kMaxIndexBytes));
  JAJU_ASSIGN(const auto entries, parse_safetensors_index(text, what));

  std::map<std::string_view, int> shards;  // file name -> index in files_, in name order
  for (const auto& [tensor, file] : entries) shards.emplace(file, -1);
  std::vector<std::string_view> absent;
  for (const auto& [file, index] : shards) {
    if (!is_there(dir / file)) absent.push_back(file);
  }
  if (!absent.empty()) {
    return error("{} of the {} files that {} names are not there, the first is '{}': copy or download them",
                 absent.size(), shards.size(), what, absent.front());
  }
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint);
  for (auto& [file, index] : shards) {
    index = checkpoint->file_count();
    JAJU_RETURN_IF_ERROR(checkpoint->add_file(dir / file));
  }
  JAJU_RETURN_IF_ERROR(checkpoint->index_names());

  for (const auto& [tensor, file] : entries) {
    const StoredTensor* found = checkpoint->find(tensor);
    if (found == nullptr || found->file != shards.at(file)) {
      return error(
          "{} places tensor '{}' in '{}', which does not hold it: index and shards do not belong together",
          what, printable(tensor), file);
    }
  }
  if (entries.size() != checkpoint->tensors().size()) {
    for (const StoredTensor& t : checkpoint->tensors()) {
      const auto at =
          std::lower_bound(entries.begin(), entries.end(), t.info.name,
                           [](const auto& entry, const std::string& name) { return entry.first < name; });
      if (at == entries.end() || at->first != t.info.name) {
        return error("{} does not name tensor '{}' of {}: index and shards do not belong together", what,
                     printable(t.info.name), checkpoint->file_name(t.file));
      }
    }
  }
  return checkpoint;
}

const StoredTensor* Checkpoint::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

int64_t Checkpoint::file_bytes() const {
  int64_t total = 0;
  for (const auto& file : files_) total += file->size();
  return total;
}

int64_t Checkpoint::move_to_huge_pages(const std::function<bool()>& go_on) {
  int64_t moved = 0;
  for (const auto& file : files_) moved += file->move_to_huge_pages(go_on);
  return moved;
}

void Checkpoint::forget_pages() const {
  for (const auto& file : files_) file->forget_pages();
}

Status Checkpoint::intact() const {
  for (const auto& file : files_) JAJU_RETURN_IF_ERROR(file->intact());
  return {};
}

}  // namespace jaju
