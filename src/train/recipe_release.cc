#include "train/recipe_release.h"

#include <cmath>

#include "base/file.h"
#include "base/json.h"
#include "chat/chat.h"
#include "tokenizer/tokenizer.h"
#include "train/recipe_settings.h"
#include "train/run_dir.h"
#include "train/trainer.h"

namespace jaju::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

constexpr int64_t kMaxText = 16'000'000;

std::string with_commas(int64_t n) {
  std::string digits = std::to_string(n);
  for (auto at = static_cast<int64_t>(digits.size()) - 3; at > (n < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return digits;
}

std::string figure_text(const std::string& key, const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return with_commas(value.get<int64_t>());
  if (!value.is_number()) return value.dump();
  const double number = value.get<double>();
  for (const char* share : {"accuracy", "rate", "low", "high"}) {
    if (key.ends_with(share)) return fmt::format("{:.1f} %", 100 * number);
  }
  return fmt::format("{:.{}f}", number, std::fabs(number) < 10 ? 2 : 1);
}

// Ids of the chat's tokens, written where config.json and generation_config.json expect them.
struct TokenIds {
  json eos = json::array();
  json pad;
};

TokenIds ids_of(const Tokenizer& tokenizer) {
  TokenIds ids;
  for (const char* name : {"<|im_end|>", "<|endoftext|>"}) {
    if (const auto id = tokenizer.id_of(name)) ids.eos.push_back(*id);
  }
  if (const auto id = tokenizer.id_of("<|pad|>")) ids.pad = *id;
  return ids;
}

Status add_ids_to_config(const fs::path& file, const TokenIds& ids) {
  JAJU_ASSIGN(const std::string text, read_file(file, kMaxText));
  JAJU_ASSIGN(ordered_json config, parse_ordered_json(text, file.string()));
  if (!config.contains("eos_token_id") || config["eos_token_id"].is_null()) config["eos_token_id"] = ids.eos;
  if (!config.contains("pad_token_id") || config["pad_token_id"].is_null()) config["pad_token_id"] = ids.pad;
  return write_file_atomic(file, config.dump(2) + "\n");
}

Result<int64_t> bytes_in(const fs::path& dir) {
  int64_t bytes = 0;
  std::error_code failure;
  for (fs::directory_iterator it(dir, failure), end; !failure && it != end; it.increment(failure)) {
    if (it->is_regular_file(failure)) bytes += static_cast<int64_t>(it->file_size(failure));
  }
  if (failure) return error("cannot read {}: {}", dir.string(), failure.message());
  return bytes;
}

Result<json> gather_figures(const ReleaseSettings& settings, const fs::path& to, const ReleaseFacts& facts) {
  json figures = {{"hours", facts.seconds / 3600}, {"commit", facts.commit}};
  for (const auto& [name, dir] : settings.figures) {
    JAJU_ASSIGN(figures[name], read_json(dir / "result.json", kMaxText));
    JAJU_ASSIGN(figures[name]["table"], read_file(dir / "result.md", kMaxText));
  }
  // run.json of the run the model came from, when it is one.
  const Result<json> run = read_json(settings.model / "run.json", kMaxText);
  if (run.ok() && run->is_object()) {
    figures["parameters"] = run->value("parameters", json::object());
    const json machine = run->value("machine", json::object());
    figures["machine"] = fmt::format("{}, {} CPUs", machine.value("cpu", "?"), machine.value("cpus", 0));
  }
  JAJU_ASSIGN(figures["bytes"], bytes_in(to));
  return figures;
}

}  // namespace

Result<ReleaseSettings> read_release(const json& settings, const std::string& place) {
  Settings in(settings, place);
  ReleaseSettings s;
  in.need("model");
  in.need("tokenizer");
  in.text("model", s.model);
  in.text("tokenizer", s.tokenizer);
  in.text("dtype", s.dtype);
  if (s.dtype != "bfloat16" && s.dtype != "float32")
    in.fail("{}: 'dtype' must be bfloat16 or float32", place);
  in.text("card", s.card);
  in.text("copy_to", s.copy_to);
  in.integer("max_bytes", 0, int64_t{1} << 60, s.max_bytes);
  if (const json* figures = in.find("figures"); figures != nullptr) {
    if (!figures->is_object())
      in.fail("{}: 'figures' must be a table like {{ test = \"${{eval}}\" }}", place);
    for (const auto& [name, dir] : figures->items()) {
      if (dir.is_string()) {
        s.figures[name] = dir.get<std::string>();
      } else {
        in.fail("{}: 'figures.{}' must be a directory in quotes", place, name);
      }
    }
  }
  if (const json* generation = in.find("generation"); generation != nullptr) {
    if (!generation->is_object()) in.fail("{}: 'generation' must be a table", place);
    s.generation = *generation;
  }
  JAJU_RETURN_IF_ERROR(in.finish());
  return s;
}

Result<std::string> fill_card(const std::string& markdown, const json& figures, const std::string& what) {
  std::string out;
  size_t at = 0;
  while (true) {
    const size_t open = markdown.find("{{", at);
    const size_t close = open == std::string::npos ? open : markdown.find("}}", open);
    if (close == std::string::npos) return out + markdown.substr(at);
    out += markdown.substr(at, open - at);
    const std::string path = markdown.substr(open + 2, close - open - 2);
    const json* node = &figures;
    std::string key;
    for (size_t from = 0; node != nullptr && from <= path.size();) {
      const size_t end = std::min(path.find('.', from), path.size());
      key = path.substr(from, end - from);
      const auto found = node->is_object() ? node->find(key) : node->end();
      node = node->is_object() && found != node->end() ? &*found : nullptr;
      from = end + 1;
    }
    if (node == nullptr || node->is_structured() || node->is_null()) {
      return error("{}: there is no figure {{{{{}}}}}", what, printable(path.substr(0, 200)));
    }
    out += figure_text(key, *node);
    at = close + 2;
  }
}

Result<int64_t> write_release(const ReleaseSettings& settings, const fs::path& to,
                              const ReleaseFacts& facts) {
  JAJU_RETURN_IF_ERROR(export_model(settings.model, to, settings.dtype, settings.tokenizer));
  JAJU_ASSIGN(const auto tokenizer, Tokenizer::load(to));
  const TokenIds ids = ids_of(*tokenizer);
  JAJU_RETURN_IF_ERROR(add_ids_to_config(to / "config.json", ids));
  JAJU_ASSIGN(const auto chat, ChatTemplate::load(settings.tokenizer));  // the built-in one when it has none
  JAJU_RETURN_IF_ERROR(write_file_atomic(to / "chat_template.jinja", chat->text()));
  json generation = settings.generation;
  generation["eos_token_id"] = ids.eos;
  generation["pad_token_id"] = ids.pad;
  JAJU_RETURN_IF_ERROR(write_file_atomic(to / "generation_config.json", generation.dump(2) + "\n"));
  if (!settings.card.empty()) {
    JAJU_ASSIGN(const std::string markdown, read_file(settings.card, kMaxText));
    JAJU_ASSIGN(const json figures, gather_figures(settings, to, facts));
    JAJU_ASSIGN(const std::string card, fill_card(markdown, figures, settings.card.string()));
    JAJU_RETURN_IF_ERROR(write_file_atomic(to / "README.md", card));
  }
  JAJU_ASSIGN(const int64_t bytes, bytes_in(to));
  if (settings.max_bytes > 0 && bytes > settings.max_bytes) {
    return error("{} holds {} bytes, more than max_bytes = {}; make the model smaller", to.string(), bytes,
                 settings.max_bytes);
  }
  if (settings.copy_to.empty()) return bytes;
  std::error_code failure;
  fs::create_directories(settings.copy_to, failure);
  if (failure) return error("cannot make the directory {}: {}", settings.copy_to.string(), failure.message());
  for (fs::directory_iterator it(to, failure), end; !failure && it != end; it.increment(failure)) {
    JAJU_ASSIGN(const std::string content, read_file(it->path(), int64_t{1} << 34));
    JAJU_RETURN_IF_ERROR(write_file_atomic(settings.copy_to / it->path().filename(), content));
  }
  if (failure) return error("cannot read {}: {}", to.string(), failure.message());
  return bytes;
}

}  // namespace jaju::train
