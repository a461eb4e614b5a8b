// GET /v1/models, GET /v1/models/{id}, POST /v1/embeddings.
#include <openssl/evp.h>

#include <cstring>

#include <fmt/format.h>

#include "server/dialects.h"
#include "server/shared_fields.h"

namespace jaju::server {
namespace {

// One object that OpenAI's and Anthropic's clients both read.
Json model_json(const ServedModel& model, const std::string& name) {
  return {{"id", name},
          {"object", "model"},
          {"created", model.created},
          {"owned_by", "jaju"},
          {"type", "model"},
          {"display_name", name},
          {"created_at", iso_time(model.created)},
          {"max_model_len", model.facts.context},
          {"capabilities", {{"completion", true}, {"tools", true}, {"thinking", true}, {"embeddings", true}}},
          {"thinking_by_default", model.think_by_default},
          {"state", "loaded"}};
}

std::string base64(const std::vector<float>& vector) {
  std::vector<unsigned char> bytes(vector.size() * sizeof(float));
  std::memcpy(bytes.data(), vector.data(), bytes.size());  // little-endian, as every machine we build for
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                                static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(n));
  return out;
}

}  // namespace

void openai_models(ApiContext& api, const RequestPtr&, const ResponderPtr& responder) {
  const ServedModel& model = api.service.model();
  Json list = Json::array();
  for (const std::string& name : model.facts.names) list.push_back(model_json(model, name));
  answer_json(*responder, {{"object", "list"},
                           {"data", std::move(list)},
                           {"has_more", false},
                           {"first_id", model.facts.names.front()},
                           {"last_id", model.facts.names.back()}});
}

void openai_model(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder) {
  const RouteMatch match = find_route("GET", request->path);
  const std::string name = route_rest(*match.route, request->path);
  const ServedModel& model = api.service.model();
  if (!answers_to(model.facts, name))
    return answer_error(*request, *responder, no_such_model(model.facts, name));
  answer_json(*responder, model_json(model, name));
}

std::vector<std::vector<int32_t>> embedding_tokens(ApiContext& api, const EmbeddingRequest& asked,
                                                   std::optional<ApiError>* error) {
  ServedModel& model = api.service.model();
  std::vector<std::vector<int32_t>> inputs;
  if (!answers_to(model.facts, asked.model)) {
    *error = no_such_model(model.facts, asked.model);
    return inputs;
  }
  const int64_t most = model.backend->max_tokens_per_request();
  for (size_t i = 0; i < asked.inputs.size(); ++i) {
    const auto* text = std::get_if<std::string>(&asked.inputs[i]);
    std::vector<int32_t> ids = text != nullptr ? model.tokenizer->encode(*text, SpecialText::as_text)
                                               : std::get<std::vector<int32_t>>(asked.inputs[i]);
    if (ids.empty()) *error = bad_request(fmt::format("'input[{}]' is empty", i), "input");
    if (static_cast<int64_t>(ids.size()) > most) {
      *error = bad_request(
          fmt::format("'input[{}]' has {} tokens; at most {} are taken", i, ids.size(), most), "input");
      (*error)->code = "context_length_exceeded";
    }
    if (*error) return inputs;
    inputs.push_back(std::move(ids));
  }
  return inputs;
}

void openai_embeddings(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder) {
  const std::optional<Json> body = body_or_answer(api, *request, *responder);
  if (!body) return;
  EmbeddingRequest asked;
  std::optional<ApiError> error = read_embedding(*body, api.limits, api.service.model().facts, &asked);
  std::vector<std::vector<int32_t>> inputs;
  if (!error) inputs = embedding_tokens(api, asked, &error);
  if (error) return answer_error(*request, *responder, *error);
  const std::string model = api.service.model().facts.names.front();
  responder->on_gone(api.service.embed(
      std::move(inputs), *request,
      [request, responder, model, as_base64 = asked.base64](ChatService::Embeddings result) {
        if (result.error) return answer_error(*request, *responder, *result.error);
        Json data = Json::array();
        for (size_t i = 0; i < result.vectors.size(); ++i) {
          data.push_back(
              {{"object", "embedding"},
               {"index", i},
               {"embedding", as_base64 ? Json(base64(result.vectors[i])) : Json(result.vectors[i])}});
        }
        answer_json(
            *responder,
            {{"object", "list"},
             {"data", std::move(data)},
             {"model", model},
             {"usage", {{"prompt_tokens", result.prompt_tokens}, {"total_tokens", result.prompt_tokens}}},
             // The model was trained to write, not to embed: say what these numbers are.
             {"pooling",
              "mean of the last layer's hidden states, scaled to length 1; not a trained embedding"}});
      }));
}

}  // namespace jaju::server
