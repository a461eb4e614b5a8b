// The last step of a recipe: the released layout, with a model card whose figures come from evaluations.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status.h"

namespace jaju::train {

//   model       run or model directory          tokenizer   directory of tokenizer.json
//   dtype       "bfloat16" or "float32"         max_bytes   of all files together; 0: no limit
//   card        Markdown file, see fill_card()  figures     name = directory of an "eval" step
//   generation  table for generation_config.json; token ids are added
//   copy_to     directory the finished files are copied to, like models/nano
struct ReleaseSettings {
  std::filesystem::path model;
  std::filesystem::path tokenizer;
  std::string dtype = "bfloat16";
  std::filesystem::path card;
  std::map<std::string, std::filesystem::path> figures;
  nlohmann::json generation = nlohmann::json::object();
  std::filesystem::path copy_to;
  int64_t max_bytes = 0;
};
Result<ReleaseSettings> read_release(const nlohmann::json& settings, const std::string& place);

struct ReleaseFacts {
  double seconds = 0;  // of all steps
  std::string commit;
};

// Writes config.json, model.safetensors, tokenizer.json, tokenizer_config.json, chat_template.jinja,
// generation_config.json and README.md; returns their bytes. Errors: a placeholder without a figure, more
// bytes than allowed (then `copy_to` is not touched), and those of the files.
Result<int64_t> write_release(const ReleaseSettings& settings, const std::filesystem::path& to,
                              const ReleaseFacts& facts);

// Replaces {{path}} in Markdown by a figure: {{NAME.modes.think.all.accuracy}} of the evaluation NAME
// (eval/report.h), {{NAME.table}} its tables, {{parameters.total}}, {{parameters.active}}, {{bytes}},
// {{hours}}, {{commit}}, {{machine}}. Shares between 0 and 1 whose key says accuracy, rate, low or high
// become percent; counts get commas. `figures` holds them by path.
Result<std::string> fill_card(const std::string& markdown, const nlohmann::json& figures,
                              const std::string& what);

}  // namespace jaju::train
