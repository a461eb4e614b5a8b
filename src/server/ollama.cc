// Ollama's dialect: lines of JSON instead of events.
#include <chrono>
#include <ctime>

#include <fmt/format.h>

#include "base/utf8.h"
#include "server/dialects.h"
#include "server/openai_chat.h"
#include "server/shared_fields.h"

namespace jaju::server {
namespace {

Json details_json(const ServedModel& model) {
  const double billions = static_cast<double>(model.parameters) / 1e9;
  const std::string size = billions >= 1
                               ? fmt::format("{:.1f}B", billions)
                               : fmt::format("{:.1f}M", static_cast<double>(model.parameters) / 1e6);
  return {{"parent_model", ""},         {"format", "safetensors"}, {"family", model.family},
          {"families", {model.family}}, {"parameter_size", size},  {"quantization_level", model.precision}};
}

Json tag_json(const ServedModel& model, const std::string& name) {
  return {{"name", name + ":latest"}, {"model", name + ":latest"}, {"modified_at", iso_time(model.created)},
          {"size", model.bytes},      {"digest", model.digest},    {"details", details_json(model)}};
}

int64_t nanoseconds(double seconds) {
  return static_cast<int64_t>(seconds * 1e9);
}

class Writer : public ChatObserver {
 public:
  Writer(RequestPtr request, ResponderPtr responder, std::string model, const OllamaRequest& asked)
      : request_(std::move(request)),
        responder_(std::move(responder)),
        model_(std::move(model)),
        chat_(asked.chat),
        stream_(asked.stream),
        logprobs_(asked.call.top_logprobs >= 0) {}

  void open() {
    if (!stream_) return;
    HttpResponse head;
    head.content_type = "application/x-ndjson";
    head.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
    responder_->begin(std::move(head), "");
  }

  void on_delta(ChatDelta&& delta) override {
    const bool thought = delta.kind == ChatDelta::Kind::reasoning;
    if (!stream_) {
      if (thought)
        thinking_ += delta.text;
      else if (delta.kind == ChatDelta::Kind::answer)
        content_ += delta.text;
      else
        calls_.push_back(call_json(delta));
      for (TokenLogprob& token : delta.logprobs) kept_.push_back(std::move(token));
      return;
    }
    Json line = base(false);
    if (chat_) {
      line["message"] = {{"role", "assistant"},
                         {"content", delta.kind == ChatDelta::Kind::answer ? delta.text : ""}};
      if (thought) line["message"]["thinking"] = delta.text;
      if (delta.kind == ChatDelta::Kind::tool_call)
        line["message"]["tool_calls"] = Json::array({call_json(delta)});
    } else {
      line["response"] = thought ? "" : delta.text;
      if (thought) line["thinking"] = delta.text;
    }
    add_logprobs(line, delta.logprobs);
    responder_->send(dump(line) + "\n");
  }

  void on_choice_end(int, ChoiceEnd&& end) override {
    for (TokenLogprob& token : end.logprobs) kept_.push_back(std::move(token));
    end_ = std::move(end);
  }

  void on_end(const Usage& usage) override {
    if (end_.error) {
      if (!stream_) return answer_error(*request_, *responder_, *end_.error);
      responder_->send(error_json(Dialect::ollama, *end_.error) + "\n");
      return responder_->end();
    }
    Json line = base(true);
    if (chat_) {
      line["message"] = {{"role", "assistant"}, {"content", content_}};
      if (!thinking_.empty()) line["message"]["thinking"] = thinking_;
      if (!calls_.empty()) line["message"]["tool_calls"] = calls_;
    } else {
      line["response"] = content_;
      if (!thinking_.empty()) line["thinking"] = thinking_;
    }
    add_logprobs(line, kept_);
    line["done_reason"] = end_.reason == ChoiceEnd::Reason::length ? "length" : "stop";
    const double total = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    const double read = std::max(0.0, usage.first_token_seconds - usage.queue_seconds);
    line["total_duration"] = nanoseconds(total);
    line["load_duration"] = 0;
    line["prompt_eval_count"] = usage.prompt_tokens;
    line["prompt_eval_duration"] = nanoseconds(read);
    line["eval_count"] = usage.completion_tokens;
    line["eval_duration"] = nanoseconds(std::max(0.0, total - usage.first_token_seconds));
    line["prompt_cached_count"] = usage.cached_tokens;
    if (!stream_) return answer_json(*responder_, line);
    responder_->send(dump(line) + "\n");
    responder_->end();
  }

 private:
  Json base(bool done) const {
    return {{"model", model_}, {"created_at", iso_time(std::time(nullptr))}, {"done", done}};
  }
  static Json call_json(const ChatDelta& delta) {
    return {{"id", delta.call.id},
            {"function",
             {{"index", delta.call_index}, {"name", delta.call.name}, {"arguments", delta.call.arguments}}}};
  }
  void add_logprobs(Json& line, const std::vector<TokenLogprob>& tokens) const {
    if (logprobs_ && !tokens.empty()) line["logprobs"] = openai_logprobs(tokens)["content"];
  }

  const RequestPtr request_;
  const ResponderPtr responder_;
  const std::string model_;
  const bool chat_, stream_, logprobs_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::string thinking_, content_;
  Json calls_ = Json::array();
  std::vector<TokenLogprob> kept_;
  ChoiceEnd end_;
};

void answer_chat(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder, bool chat) {
  const std::optional<Json> body = body_or_answer(api, *request, *responder);
  if (!body) return;
  OllamaRequest asked;
  if (auto error = read_ollama(*body, api.limits, api.service.model().facts, chat, &asked)) {
    return answer_error(*request, *responder, *error);
  }
  const ServedModel& model = api.service.model();
  if (!answers_to(model.facts, asked.call.model)) {
    return answer_error(*request, *responder, no_such_model(model.facts, asked.call.model));
  }
  if (asked.empty) {  // Ollama's way to load a model
    Json line = {{"model", asked.call.model},
                 {"created_at", iso_time(std::time(nullptr))},
                 {"done", true},
                 {"done_reason", "load"}};
    if (chat)
      line["message"] = {{"role", "assistant"}, {"content", ""}};
    else
      line["response"] = "";
    return answer_json(*responder, line);
  }
  auto started = api.service.start(asked.call, *request, "call_");
  if (const auto* error = std::get_if<ApiError>(&started)) return answer_error(*request, *responder, *error);
  const std::shared_ptr<ChatRun> run = std::get<std::shared_ptr<ChatRun>>(started);
  responder->on_gone([run] { run->cancel(); });
  auto writer = std::make_shared<Writer>(request, responder, asked.call.model, asked);
  writer->open();
  run->go(writer);
}

}  // namespace

void ollama_chat(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder) {
  answer_chat(api, request, responder, true);
}

void ollama_generate(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder) {
  answer_chat(api, request, responder, false);
}

void ollama_embed(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder) {
  const std::optional<Json> body = body_or_answer(api, *request, *responder);
  if (!body) return;
  Json asked_json = *body;
  for (const char* name : {"keep_alive", "truncate", "options"}) asked_json.erase(name);
  EmbeddingRequest asked;
  std::optional<ApiError> error = read_embedding(asked_json, api.limits, api.service.model().facts, &asked);
  std::vector<std::vector<int32_t>> inputs;
  if (!error) inputs = embedding_tokens(api, asked, &error);
  if (error) return answer_error(*request, *responder, *error);
  responder->on_gone(api.service.embed(
      std::move(inputs), *request, [request, responder, model = asked.model](ChatService::Embeddings result) {
        if (result.error) return answer_error(*request, *responder, *result.error);
        answer_json(
            *responder,
            {{"model", model}, {"embeddings", result.vectors}, {"prompt_eval_count", result.prompt_tokens}});
      }));
}

void ollama_tags(ApiContext& api, const RequestPtr&, const ResponderPtr& responder) {
  const ServedModel& model = api.service.model();
  Json list = Json::array();
  for (const std::string& name : model.facts.names) list.push_back(tag_json(model, name));
  answer_json(*responder, {{"models", std::move(list)}});
}

void ollama_ps(ApiContext& api, const RequestPtr&, const ResponderPtr& responder) {
  const ServedModel& model = api.service.model();
  Json one = tag_json(model, model.facts.names.front());
  one.erase("modified_at");
  one["expires_at"] = "0001-01-01T00:00:00Z";  // never
  one["size_vram"] = 0;
  one["context_length"] = model.facts.context;
  answer_json(*responder, {{"models", Json::array({std::move(one)})}});
}

void ollama_show(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder) {
  const std::optional<Json> body = body_or_answer(api, *request, *responder);
  if (!body) return;
  RequestErrors errors;
  Fields fields(*body, "", errors);
  std::string name = fields.string("model", api.limits.max_name_bytes).value_or("");
  if (name.empty()) name = fields.string("name", api.limits.max_name_bytes).value_or("");
  fields.ignore({"verbose", "name"});
  fields.finish();
  if (errors.any()) return answer_error(*request, *responder, *errors.first());
  const ServedModel& model = api.service.model();
  if (!answers_to(model.facts, name))
    return answer_error(*request, *responder, no_such_model(model.facts, name));
  const SamplingParams& d = model.defaults;
  answer_json(
      *responder,
      {{"modelfile", ""},
       {"parameters", fmt::format("temperature {}\ntop_p {}\ntop_k {}", d.temperature, d.top_p, d.top_k)},
       {"template", model.chat_template->text()},
       {"details", details_json(model)},
       {"model_info",
        {{"general.architecture", model.family},
         {"general.parameter_count", model.parameters},
         {model.family + ".context_length", model.facts.context},
         {model.family + ".embedding_length", model.facts.hidden_size},
         {model.family + ".vocab_size", model.facts.vocab_size}}},
       {"capabilities", {"completion", "tools", "thinking", "embedding"}},
       {"modified_at", iso_time(model.created)}});
}

void ollama_version(ApiContext& api, const RequestPtr&, const ResponderPtr& responder) {
  answer_json(*responder, {{"version", api.version}});
}

}  // namespace jaju::server
