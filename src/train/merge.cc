#include "train/merge.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"
#include "model/config.h"
#include "train/run_dir.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxConfigBytes = 16'000'000;
constexpr int64_t kMaxTokenizerBytes = 256'000'000;
constexpr int64_t kPiece = 1 << 16;  // elements in flight

// What a model directory holds beside config.json and weights.
constexpr const char* kTokenizerFiles[] = {"tokenizer.json", "tokenizer_config.json",
                                           "special_tokens_map.json", "chat_template.jinja",
                                           "generation_config.json"};

struct Source {
  fs::path dir;
  double weight = 0;
  std::string config_text;
  nlohmann::json config;
  std::unique_ptr<Checkpoint> checkpoint;
};

// Keys of config.json that say how a model is stored or where it comes from, not what it computes.
bool is_incidental(const std::string& key) {
  return key == "dtype" || key == "torch_dtype" || key == "transformers_version" || key == "_name_or_path" ||
         key == "architectures" || key == "auto_map" || key == "use_cache";
}

std::string shown(const nlohmann::json& value) {
  std::string text = printable(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

Status same_config(const Source& a, const Source& b) {
  nlohmann::json all = a.config;
  all.update(b.config);  // the union of the keys
  for (const auto& [key, ignored] : all.items()) {
    if (is_incidental(key)) continue;
    const nlohmann::json left = a.config.value(key, nlohmann::json());
    const nlohmann::json right = b.config.value(key, nlohmann::json());
    if (left == right) continue;
    return error(
        "cannot merge {} and {}: '{}' is {} in the config.json of the first and {} in the other; only models "
        "of the same shape can be merged",
        a.dir.string(), b.dir.string(), printable(key), shown(left), shown(right));
  }
  return {};
}

Status same_tensors(const Source& a, const Source& b) {
  for (const StoredTensor& t : a.checkpoint->tensors()) {
    const StoredTensor* other = b.checkpoint->find(t.info.name);
    const std::string name = printable(t.info.name);
    if (other == nullptr)
      return error("cannot merge: {} lacks the tensor '{}' of {}", b.dir.string(), name, a.dir.string());
    if (other->info.shape != t.info.shape) {
      return error("cannot merge: the tensor '{}' is {} in {}, but {} in {}", name, shape_text(t.info.shape),
                   a.dir.string(), shape_text(other->info.shape), b.dir.string());
    }
    if (other->info.dtype != t.info.dtype) {
      return error(
          "cannot merge: the tensor '{}' is {} in {}, but {} in {}; `jaju train export --dtype` makes them "
          "alike",
          name, name_of(t.info.dtype), a.dir.string(), name_of(other->info.dtype), b.dir.string());
    }
  }
  for (const StoredTensor& t : b.checkpoint->tensors()) {
    if (a.checkpoint->find(t.info.name) == nullptr) {
      return error("cannot merge: {} lacks the tensor '{}' of {}", a.dir.string(), printable(t.info.name),
                   b.dir.string());
    }
  }
  return {};
}

Result<Source> open_source(const MergeSource& given) {
  Source s;
  JAJU_ASSIGN(s.dir, find_model_dir(given.dir));
  s.weight = given.weight;
  JAJU_ASSIGN(s.config_text, read_file(s.dir / "config.json", kMaxConfigBytes));
  JAJU_ASSIGN(s.config, parse_json(s.config_text, (s.dir / "config.json").string()));
  JAJU_RETURN_IF_ERROR(parse_config(s.config_text, (s.dir / "config.json").string()).status());
  JAJU_ASSIGN(s.checkpoint, Checkpoint::open(s.dir));
  return s;
}

// Nearest, ties to even; beyond the largest half it becomes infinite.
uint16_t f32_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const float size = std::fabs(value);
  if (size >= 65520.0f) return sign | 0x7c00u;
  if (size < 0x1p-14f) return sign | static_cast<uint16_t>(std::nearbyintf(size * 0x1p24f));  // subnormal
  const uint32_t magnitude = bits & 0x7fffffffu;
  return sign | static_cast<uint16_t>((magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13);
}

void store(double value, DType type, std::byte* out) {
  const auto single = static_cast<float>(value);
  if (type == DType::f32) {
    std::memcpy(out, &single, 4);
    return;
  }
  const uint16_t half = type == DType::bf16 ? f32_to_bf16(single) : f32_to_f16(single);
  std::memcpy(out, &half, 2);
}

Status append_merged(const std::vector<Source>& sources, const StoredTensor& first,
                     SafetensorsWriter& writer) {
  const DType type = first.info.dtype;
  const std::string name = printable(first.info.name);
  std::vector<const std::byte*> data;
  for (const Source& s : sources) data.push_back(s.checkpoint->find(first.info.name)->data);
  if (type != DType::f32 && type != DType::bf16 && type != DType::f16) {
    // Tables of whole numbers have no average: they must be the same everywhere.
    const auto bytes = static_cast<size_t>(first.info.bytes);
    for (const std::byte* other : data) {
      if (type == DType::f8_e4m3 || type == DType::f64 || std::memcmp(other, data[0], bytes) != 0) {
        return error(
            "the tensor '{}' is {}, which cannot be merged: convert the models to bfloat16 or float32 first",
            name, name_of(type));
      }
    }
    return writer.append(data[0], first.info.bytes);
  }
  const int64_t width = size_of(type);
  std::vector<std::byte> piece(static_cast<size_t>(std::min(kPiece, first.info.elements) * width));
  for (int64_t begin = 0; begin < first.info.elements; begin += kPiece) {
    const int64_t n = std::min(kPiece, first.info.elements - begin);
    for (int64_t i = 0; i < n; ++i) {
      double sum = 0;
      for (size_t s = 0; s < sources.size(); ++s) {
        sum += sources[s].weight * static_cast<double>(load_as_f32(data[s], type, begin + i));
      }
      if (!std::isfinite(sum)) {
        return error(
            "element {} of the tensor '{}' is not finite in one of the models: merge an earlier checkpoint",
            begin + i, name);
      }
      store(sum, type, piece.data() + i * width);
    }
    JAJU_RETURN_IF_ERROR(writer.append(piece.data(), n * width));
  }
  return {};
}

Status write_weights(const std::vector<Source>& sources, const fs::path& to) {
  const Checkpoint& first = *sources[0].checkpoint;
  std::vector<std::pair<std::string, std::string>> weight_map;
  int64_t total = 0;
  for (int file = 0; file < first.file_count(); ++file) {
    const std::string name =
        first.file_count() == 1 ? "model.safetensors" : fs::path(first.file_name(file)).filename().string();
    std::vector<const StoredTensor*> tensors;
    std::vector<TensorSpec> specs;
    for (const StoredTensor& t : first.tensors()) {
      if (t.file != file) continue;
      tensors.push_back(&t);
      specs.push_back({t.info.name, t.info.dtype, t.info.shape});
      weight_map.emplace_back(t.info.name, name);
      total += t.info.bytes;
    }
    JAJU_ASSIGN(const auto writer, SafetensorsWriter::create(to / name, specs, {{"format", "pt"}}));
    for (const StoredTensor* t : tensors) JAJU_RETURN_IF_ERROR(append_merged(sources, *t, *writer));
    for (const Source& s : sources) JAJU_RETURN_IF_ERROR(s.checkpoint->intact());
    JAJU_RETURN_IF_ERROR(writer->finish());
  }
  std::error_code ignored;
  if (first.file_count() == 1) {
    fs::remove(to / "model.safetensors.index.json", ignored);
    return {};
  }
  fs::remove(to / "model.safetensors", ignored);  // an older one would win over the index
  return write_safetensors_index(to, weight_map, total);
}

Status same_tokenizers(const std::vector<Source>& sources) {
  const Source* first = nullptr;
  std::string text;
  std::error_code ignored;
  for (const Source& s : sources) {
    if (!fs::exists(s.dir / "tokenizer.json", ignored)) continue;
    JAJU_ASSIGN(std::string next, read_file(s.dir / "tokenizer.json", kMaxTokenizerBytes));
    if (first != nullptr && next != text) {
      return error(
          "cannot merge: the tokenizer.json of {} and of {} differ, so their tokens mean different things",
          first->dir.string(), s.dir.string());
    }
    first = &s;
    text = std::move(next);
  }
  return {};
}

Status copy_tokenizer(const std::vector<Source>& sources, const fs::path& tokenizer, const fs::path& to) {
  std::error_code ignored;
  fs::path from = tokenizer;
  if (!from.empty() && !fs::is_directory(from, ignored)) from = from.parent_path();
  for (const Source& s : sources) {
    if (from.empty() && fs::exists(s.dir / "tokenizer.json", ignored)) from = s.dir;
  }
  if (from.empty()) return {};
  for (const char* name : kTokenizerFiles) {
    const bool needed = std::string_view(name) == "tokenizer.json";
    if (!needed && !fs::exists(from / name, ignored)) continue;
    JAJU_ASSIGN(const std::string content, read_file(from / name, kMaxTokenizerBytes));
    JAJU_RETURN_IF_ERROR(write_file_atomic(to / name, content));
  }
  return {};
}

}  // namespace

Result<MergeSource> parse_merge_source(std::string_view text) {
  const auto whole = [&] { return MergeSource{fs::path(text), 1.0}; };
  std::error_code ignored;
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || fs::exists(fs::path(text), ignored)) return whole();
  const std::string_view number = text.substr(colon + 1);
  double weight = 0;
  const auto [end, failure] = std::from_chars(number.data(), number.data() + number.size(), weight);
  if (failure != std::errc() || end != number.data() + number.size() || !std::isfinite(weight) ||
      colon == 0) {
    return error("'{}' names no model: write DIR, or DIR:WEIGHT with a number, like runs/think:0.8",
                 printable(text));
  }
  return MergeSource{fs::path(text.substr(0, colon)), weight};
}

Status merge_models(const std::vector<MergeSource>& sources, const fs::path& to, const fs::path& tokenizer) {
  if (sources.size() < 2) return error("a merge needs at least two models, {} given", sources.size());
  double sum = 0;
  for (const MergeSource& s : sources) sum += s.weight;
  if (!std::isfinite(sum) || std::fabs(sum) < 1e-6) {
    return error("the weights of the models sum to {}, so there is nothing to divide by", sum);
  }
  std::vector<Source> open;
  std::error_code ignored;
  if (fs::exists(to / "checkpoints", ignored)) {
    return error("{} is a run: give --to another directory", to.string());
  }
  for (const MergeSource& given : sources) {
    JAJU_ASSIGN(Source s, open_source(given));
    s.weight /= sum;
    if (fs::equivalent(s.dir, to, ignored)) {
      return error("the merged model would overwrite {}: give --to another directory", s.dir.string());
    }
    open.push_back(std::move(s));
  }
  for (size_t i = 1; i < open.size(); ++i) {
    JAJU_RETURN_IF_ERROR(same_config(open[0], open[i]));
    JAJU_RETURN_IF_ERROR(same_tensors(open[0], open[i]));
  }
  JAJU_RETURN_IF_ERROR(same_tokenizers(open));
  std::error_code failed;
  fs::create_directories(to, failed);
  if (failed) return error("cannot make the directory {}: {}", to.string(), failed.message());
  JAJU_RETURN_IF_ERROR(write_weights(open, to));
  JAJU_RETURN_IF_ERROR(copy_tokenizer(open, tokenizer, to));
  return write_file_atomic(to / "config.json", open[0].config_text);
}

}  // namespace jaju::train
