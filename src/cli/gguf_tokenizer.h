// A model directory's tokenizer, chat template and generation defaults <-> the keys of a GGUF file.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "model/config.h"

namespace jaju::cli {

// tokenizer.json, tokenizer_config.json, chat_template.jinja and generation_config.json, as far as the file
// has them. tokenizer.json is `own_tokenizer` (a path) when given, else what the file carries, else what its
// tokens and merges say. `notes` gets a sentence for what is missing.
Result<std::map<std::string, std::string>> tokenizer_files_from_gguf(
    const Gguf& file, int64_t vocab_size, const std::filesystem::path& own_tokenizer,
    std::vector<std::string>& notes);

// Adds tokenizer.* (and jaju.generation_config, the file as it is) for the model in `dir`.
Status tokenizer_to_gguf(const std::filesystem::path& dir, const ModelConfig& config, GgufMetadata& out,
                         std::vector<std::string>& notes);

}  // namespace jaju::cli
