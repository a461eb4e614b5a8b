// First byte: the dialect; the rest: a request's body, as the server reads it. Limits are small, so that the
// fuzzer meets them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/dialects.h"
#include "server/openai_chat.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace jaju::server;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  RequestLimits limits;
  limits.max_json_values = 2000;
  limits.max_text_bytes = 4096;
  limits.max_messages = 16;
  const ModelFacts facts{{"nano"}, 1000, 2048, 64};
  Json json;
  std::optional<ApiError> error = parse_body(body, limits, &json);
  if (!error) {
    const auto check = [&](const ChatCall& call) {
      // What got through is within its limits.
      if (call.n < 1 || call.n > limits.max_n || call.stop.size() > limits.max_stop_strings ||
          call.messages.size() > 4 * limits.max_messages * limits.max_parts ||
          call.top_logprobs > limits.max_top_logprobs) {
        std::abort();
      }
      for (const auto& [id, bias] : call.sampling.logit_bias) {
        if (id < 0 || id >= facts.vocab_size || !(bias >= -100 && bias <= 100)) std::abort();
      }
      if (call.tools.is_array()) {
        for (const Json& tool : call.tools) {
          if (!tool.at("function").at("name").is_string()) std::abort();
        }
      }
    };
    switch (data[0] % 7) {
      case 0: {
        OpenAiChatRequest out;
        error = read_openai_chat(json, limits, facts, &out);
        if (!error) check(out.call);
        break;
      }
      case 1: {
        OpenAiCompletionRequest out;
        error = read_openai_completion(json, limits, facts, &out);
        if (!error) {
          if (out.calls.empty()) std::abort();
          for (const ChatCall& call : out.calls) check(call);
        }
        break;
      }
      case 2: {
        ResponsesRequest out;
        error = read_responses(json, limits, facts, &out);
        if (!error) check(out.call);
        break;
      }
      case 3: {
        AnthropicRequest out;
        error = read_anthropic(json, limits, facts, size % 2 == 0, &out);
        if (!error) check(out.call);
        break;
      }
      case 4:
      case 5: {
        OllamaRequest out;
        error = read_ollama(json, limits, facts, data[0] % 7 == 4, &out);
        if (!error) check(out.call);
        break;
      }
      default: {
        EmbeddingRequest out;
        error = read_embedding(json, limits, facts, &out);
        if (!error && out.inputs.empty()) std::abort();
        break;
      }
    }
  }
  if (error) {
    if (error->message.empty() || error->http < 400) std::abort();
    for (const Dialect dialect : {Dialect::openai, Dialect::anthropic, Dialect::ollama}) {
      if (!Json::parse(error_json(dialect, *error)).contains("error")) std::abort();
    }
  }
  return 0;
}
