// POST /v1/responses: the answer as items, and the stream of events the official clients expect.
#include "server/dialects.h"
#include "server/openai_chat.h"

namespace jaju::server {
namespace {

class Writer : public ChatObserver {
 public:
  Writer(RequestPtr request, ResponderPtr responder, std::string model, RunFacts facts,
         ResponsesRequest&& asked)
      : request_(std::move(request)),
        responder_(std::move(responder)),
        model_(std::move(model)),
        facts_(facts),
        asked_(std::move(asked)),
        id_(random_id("resp_")) {}

  void open() {
    if (!asked_.stream) return;
    begin_sse(*responder_);
    const Json response = object("in_progress", nullptr);
    event("response.created", {{"response", response}});
    event("response.in_progress", {{"response", response}});
  }

  void on_delta(ChatDelta&& delta) override {
    switch (delta.kind) {
      case ChatDelta::Kind::reasoning:
        need(Open::reasoning);
        text_ += delta.text;
        event("response.reasoning_text.delta", place({{"content_index", 0}, {"delta", delta.text}}));
        break;
      case ChatDelta::Kind::answer: {
        need(Open::message);
        text_ += delta.text;
        Json logprobs =
            asked_.call.top_logprobs >= 0 ? openai_logprobs(delta.logprobs)["content"] : Json::array();
        for (Json& entry : logprobs) logprobs_.push_back(entry);
        event("response.output_text.delta",
              place({{"content_index", 0}, {"delta", delta.text}, {"logprobs", std::move(logprobs)}}));
        break;
      }
      case ChatDelta::Kind::tool_call: {
        close();
        const std::string arguments = dump(delta.call.arguments);
        item_id_ = random_id("fc_");
        const auto item = [&](const char* status, const std::string& said) {
          return Json{{"id", item_id_},           {"type", "function_call"}, {"status", status},
                      {"call_id", delta.call.id}, {"name", delta.call.name}, {"arguments", said}};
        };
        event("response.output_item.added",
              {{"output_index", output_.size()}, {"item", item("in_progress", "")}});
        event("response.function_call_arguments.delta", place({{"delta", arguments}}));
        event("response.function_call_arguments.done",
              place({{"name", delta.call.name}, {"arguments", arguments}}));
        const Json done = item("completed", arguments);
        event("response.output_item.done", {{"output_index", output_.size()}, {"item", done}});
        output_.push_back(done);
        break;
      }
    }
  }

  void on_choice_end(int, ChoiceEnd&& end) override {
    end_ = std::move(end);
    incomplete_ = end_.reason == ChoiceEnd::Reason::length;
    close();
  }

  void on_end(const Usage& usage) override {
    Json counted = {
        {"input_tokens", usage.prompt_tokens},
        {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}, {"cache_stop", usage.cache_note}}},
        {"output_tokens", usage.completion_tokens},
        {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
        {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
    if (end_.error) {
      if (!asked_.stream) return answer_error(*request_, *responder_, *end_.error);
      Json failed = object("failed", std::move(counted));
      failed["error"] = {{"code", "server_error"}, {"message", end_.error->message}};
      event("response.failed", {{"response", std::move(failed)}});
      return responder_->end();
    }
    const char* status = incomplete_ ? "incomplete" : "completed";
    Json done = object(status, std::move(counted));
    if (incomplete_) done["incomplete_details"] = {{"reason", "max_output_tokens"}};
    done["timings"] = timings_json(usage);
    if (!asked_.stream) return answer_json(*responder_, done);
    event(incomplete_ ? "response.incomplete" : "response.completed", {{"response", std::move(done)}});
    responder_->end();
  }

 private:
  enum class Open { nothing, reasoning, message };

  Json object(const char* status, Json usage) const {
    Json json = {{"id", id_},        {"object", "response"}, {"created_at", facts_.created},
                 {"status", status}, {"error", nullptr},     {"incomplete_details", nullptr},
                 {"model", model_},  {"output", output_},    {"usage", std::move(usage)}};
    for (const auto& [key, value] : asked_.echo.items()) json[key] = value;
    return json;
  }

  void event(const char* type, Json fields) {
    if (!asked_.stream) return;
    Json json = {{"type", type}, {"sequence_number", sequence_++}};
    json.update(fields);
    responder_->send(sse_event(type, json));
  }
  Json place(Json fields) const {
    Json json = {{"item_id", item_id_}, {"output_index", output_.size()}};
    json.update(fields);
    return json;
  }

  Json part(const std::string& text, const Json& logprobs) const {
    if (open_ == Open::reasoning) return {{"type", "reasoning_text"}, {"text", text}};
    return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}, {"logprobs", logprobs}};
  }
  Json item(const char* status, Json content) const {
    if (open_ == Open::reasoning) {
      return {{"id", item_id_},
              {"type", "reasoning"},
              {"summary", Json::array()},
              {"content", std::move(content)},
              {"status", status}};
    }
    return {{"id", item_id_},
            {"type", "message"},
            {"status", status},
            {"role", "assistant"},
            {"content", std::move(content)}};
  }

  void need(Open what) {
    if (open_ == what) return;
    close();
    open_ = what;
    item_id_ = random_id(what == Open::reasoning ? "rs_" : "msg_");
    event("response.output_item.added",
          {{"output_index", output_.size()}, {"item", item("in_progress", Json::array())}});
    event("response.content_part.added", place({{"content_index", 0}, {"part", part("", Json::array())}}));
  }

  void close() {
    if (open_ == Open::nothing) return;
    const Json whole = part(text_, logprobs_);
    if (open_ == Open::reasoning) {
      event("response.reasoning_text.done", place({{"content_index", 0}, {"text", text_}}));
    } else {
      event("response.output_text.done",
            place({{"content_index", 0}, {"text", text_}, {"logprobs", logprobs_}}));
    }
    event("response.content_part.done", place({{"content_index", 0}, {"part", whole}}));
    Json done = item(incomplete_ ? "incomplete" : "completed", Json::array({whole}));
    event("response.output_item.done", {{"output_index", output_.size()}, {"item", done}});
    output_.push_back(std::move(done));
    open_ = Open::nothing;
    text_.clear();
    logprobs_ = Json::array();
  }

  const RequestPtr request_;
  const ResponderPtr responder_;
  const std::string model_;
  const RunFacts facts_;
  const ResponsesRequest asked_;
  const std::string id_;
  int64_t sequence_ = 0;
  Json output_ = Json::array();
  Open open_ = Open::nothing;
  std::string item_id_, text_;
  Json logprobs_ = Json::array();
  bool incomplete_ = false;
  ChoiceEnd end_;
};

}  // namespace

void openai_responses(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder) {
  const std::optional<Json> body = body_or_answer(api, *request, *responder);
  if (!body) return;
  ResponsesRequest asked;
  if (auto error = read_responses(*body, api.limits, api.service.model().facts, &asked)) {
    return answer_error(*request, *responder, *error);
  }
  auto started = api.service.start(asked.call, *request, "call_");
  if (const auto* error = std::get_if<ApiError>(&started)) return answer_error(*request, *responder, *error);
  const std::shared_ptr<ChatRun> run = std::get<std::shared_ptr<ChatRun>>(started);
  responder->on_gone([run] { run->cancel(); });
  auto writer = std::make_shared<Writer>(request, responder, api.service.model().facts.names.front(),
                                         run->facts(), std::move(asked));
  writer->open();
  run->go(writer);
}

}  // namespace jaju::server
