// The requests of /v1/completions and /v1/embeddings: text or token ids, one or several.
#include <fmt/format.h>

#include "server/dialects.h"
#include "server/shared_fields.h"

namespace jaju::server {
namespace {

std::optional<std::vector<int32_t>> token_ids(const Json& list, const ModelFacts& facts) {
  std::vector<int32_t> ids;
  for (const Json& id : list) {
    if (!id.is_number_integer() || id < 0 || id >= facts.vocab_size) return std::nullopt;
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

}  // namespace

std::optional<ApiError> read_openai_completion(const Json& body, const RequestLimits& limits,
                                               const ModelFacts& facts, OpenAiCompletionRequest* out) {
  RequestErrors errors;
  Fields fields(body, "", errors);
  ChatCall call;
  call.raw = true;
  call.model = fields.string("model", limits.max_name_bytes).value_or("");
  out->stream = fields.boolean("stream").value_or(false);
  if (const Json* options = fields.object("stream_options")) {
    Fields inner(*options, "stream_options", errors);
    out->include_usage = inner.boolean("include_usage").value_or(false);
    inner.ignore({"include_obfuscation"});
    inner.finish();
  }
  out->echo = fields.boolean("echo").value_or(false);
  call.n = static_cast<int>(fields.integer("n", 1, limits.max_n).value_or(1));
  if (const auto best = fields.integer("best_of", 1, limits.max_n); best && *best != call.n) {
    fields.wrong("best_of", "is only taken when it equals n");
  }
  read_sampling(fields, limits, facts, &call.sampling);
  call.sampling.max_tokens = fields.integer("max_tokens", 1, 1 << 30).value_or(16);
  read_stop(fields, "stop", limits, &call.stop);
  if (const auto top = fields.integer("logprobs", 0, limits.max_top_logprobs))
    call.top_logprobs = static_cast<int>(*top);
  if (out->echo && call.top_logprobs >= 0) {
    fields.wrong("echo", "can not be combined with logprobs: those of the prompt's tokens are not computed");
  }
  read_grammar(fields, limits, &call);
  call.parse_special = fields.boolean("parse_special").value_or(false);
  fields.refuse("suffix", "the model was not trained to fill gaps");
  fields.ignore({"user", "metadata"});
  const auto add = [&](std::variant<std::string, std::vector<int32_t>> prompt) {
    ChatCall one = call;
    one.raw_prompt = std::move(prompt);
    out->calls.push_back(std::move(one));
  };
  const Json* prompt = fields.get("prompt");
  const std::string wrong_ids =
      fmt::format("has token ids that are not whole numbers from 0 to {}", facts.vocab_size - 1);
  if (prompt == nullptr || (prompt->is_array() && prompt->empty())) {
    fields.wrong("prompt", "is missing");
  } else if (prompt->is_string()) {
    if (const auto text = fields.string("prompt", limits.max_text_bytes)) add(*text);
  } else if (prompt->is_array() && (*prompt)[0].is_number()) {
    if (auto ids = token_ids(*prompt, facts))
      add(*std::move(ids));
    else
      fields.wrong("prompt", wrong_ids);
  } else if (fields.array("prompt", limits.max_prompts) != nullptr) {
    for (const Json& one : *prompt) {
      if (one.is_string() && one.get_ref<const std::string&>().size() <= limits.max_text_bytes) {
        add(one.get<std::string>());
      } else if (one.is_array() && !one.empty()) {
        if (auto ids = token_ids(one, facts))
          add(*std::move(ids));
        else
          fields.wrong("prompt", wrong_ids);
      } else {
        fields.wrong("prompt", "must be text, token ids, or an array of these");
      }
      if (errors.any()) break;
    }
  }
  if (out->calls.size() * static_cast<size_t>(call.n) > limits.max_prompts) {
    fields.wrong("prompt", fmt::format("asks for more than {} answers at once", limits.max_prompts));
  }
  fields.finish();
  return errors.first();
}

std::optional<ApiError> read_embedding(const Json& body, const RequestLimits& limits, const ModelFacts& facts,
                                       EmbeddingRequest* out) {
  RequestErrors errors;
  Fields fields(body, "", errors);
  out->model = fields.string("model", limits.max_name_bytes).value_or("");
  if (const auto format = fields.choice("encoding_format", {"float", "base64"}))
    out->base64 = *format == "base64";
  if (const auto size = fields.integer("dimensions", 1, 1 << 20); size && *size != facts.hidden_size) {
    fields.wrong("dimensions",
                 fmt::format("can only be {}, the size of the model's hidden state", facts.hidden_size));
  }
  fields.ignore({"user"});
  const auto ids_of = [&](const Json& list) {
    std::vector<int32_t> ids;
    for (const Json& id : list) {
      if (!id.is_number_integer() || id < 0 || id >= facts.vocab_size) {
        fields.wrong("input", fmt::format("has token ids that are not whole numbers from 0 to {}",
                                          facts.vocab_size - 1));
        break;
      }
      ids.push_back(id.get<int32_t>());
    }
    return ids;
  };
  const Json* input = fields.get("input");
  if (input == nullptr || (input->is_array() && input->empty())) {
    fields.wrong("input", "is missing");
  } else if (input->is_string()) {
    if (auto text = fields.string("input", limits.max_text_bytes)) out->inputs.emplace_back(*std::move(text));
  } else if (input->is_array() && (*input)[0].is_number()) {
    out->inputs.emplace_back(ids_of(*input));
  } else if (fields.array("input", limits.max_embedding_inputs) != nullptr) {
    for (const Json& one : *input) {
      if (one.is_string() && one.get_ref<const std::string&>().size() <= limits.max_text_bytes) {
        out->inputs.emplace_back(one.get<std::string>());
      } else if (one.is_array() && !one.empty()) {
        out->inputs.emplace_back(ids_of(one));
      } else {
        fields.wrong("input", "must be text, token ids, or an array of these");
      }
      if (errors.any()) break;
    }
  }
  fields.finish();
  return errors.first();
}

}  // namespace jaju::server
