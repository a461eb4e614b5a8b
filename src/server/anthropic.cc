// POST /v1/messages and /v1/messages/count_tokens: Anthropic's dialect.
#include "server/dialects.h"

namespace jaju::server {
namespace {

const char* stop_reason(const ChoiceEnd& end) {
  switch (end.reason) {
    case ChoiceEnd::Reason::length:
      return "max_tokens";
    case ChoiceEnd::Reason::tool_calls:
      return "tool_use";
    case ChoiceEnd::Reason::stop_string:
      return "stop_sequence";
    default:
      return "end_turn";
  }
}

Json usage_json(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens},
          {"cache_stop", usage.cache_note}};
}

class Writer : public ChatObserver {
 public:
  Writer(RequestPtr request, ResponderPtr responder, std::string model, RunFacts facts, bool stream)
      : request_(std::move(request)),
        responder_(std::move(responder)),
        model_(std::move(model)),
        facts_(facts),
        stream_(stream),
        id_(random_id("msg_")) {}

  void open() {
    if (!stream_) return;
    begin_sse(*responder_);
    Usage so_far;
    so_far.prompt_tokens = facts_.prompt_tokens;
    event("message_start", {{"message", message(nullptr, nullptr, usage_json(so_far))}});
    event("ping", Json::object());
  }

  void on_delta(ChatDelta&& delta) override {
    switch (delta.kind) {
      case ChatDelta::Kind::reasoning:
        need("thinking");
        text_ += delta.text;
        block_delta({{"type", "thinking_delta"}, {"thinking", delta.text}});
        break;
      case ChatDelta::Kind::answer:
        need("text");
        text_ += delta.text;
        block_delta({{"type", "text_delta"}, {"text", delta.text}});
        break;
      case ChatDelta::Kind::tool_call: {
        close();
        Json block = {{"type", "tool_use"},
                      {"id", delta.call.id},
                      {"name", delta.call.name},
                      {"input", Json::object()}};
        event("content_block_start", {{"index", content_.size()}, {"content_block", block}});
        block_delta({{"type", "input_json_delta"}, {"partial_json", dump(delta.call.arguments)}});
        event("content_block_stop", {{"index", content_.size()}});
        block["input"] = std::move(delta.call.arguments);
        content_.push_back(std::move(block));
        break;
      }
    }
  }

  void on_choice_end(int, ChoiceEnd&& end) override {
    close();
    end_ = std::move(end);
  }

  void on_end(const Usage& usage) override {
    if (end_.error) {
      if (!stream_) return answer_error(*request_, *responder_, *end_.error);
      responder_->send("event: error\ndata: " +
                       error_json(Dialect::anthropic, *end_.error, request_->record->id) + "\n\n");
      return responder_->end();
    }
    const Json reason = stop_reason(end_);
    const Json sequence = end_.stop_string.empty() ? Json(nullptr) : Json(end_.stop_string);
    if (!stream_) return answer_json(*responder_, message(reason, sequence, usage_json(usage)));
    event("message_delta",
          {{"delta", {{"stop_reason", reason}, {"stop_sequence", sequence}}}, {"usage", usage_json(usage)}});
    event("message_stop", Json::object());
    responder_->end();
  }

 private:
  Json message(Json reason, Json sequence, Json usage) const {
    return {{"id", id_},
            {"type", "message"},
            {"role", "assistant"},
            {"model", model_},
            {"content", content_},
            {"stop_reason", std::move(reason)},
            {"stop_sequence", std::move(sequence)},
            {"usage", std::move(usage)}};
  }
  void event(const char* type, Json fields) {
    if (!stream_) return;
    Json json = {{"type", type}};
    json.update(fields);
    responder_->send(sse_event(type, json));
  }
  void block_delta(Json delta) {
    event("content_block_delta", {{"index", content_.size()}, {"delta", std::move(delta)}});
  }
  Json block(const std::string& text) const {
    // Nothing is signed: reasoning that comes back is read as text.
    if (open_ == "thinking") return {{"type", "thinking"}, {"thinking", text}, {"signature", ""}};
    return {{"type", "text"}, {"text", text}, {"citations", nullptr}};
  }
  void need(const std::string& what) {
    if (open_ == what) return;
    close();
    open_ = what;
    event("content_block_start", {{"index", content_.size()}, {"content_block", block("")}});
  }
  void close() {
    if (open_.empty()) return;
    event("content_block_stop", {{"index", content_.size()}});
    content_.push_back(block(text_));
    open_.clear();
    text_.clear();
  }

  const RequestPtr request_;
  const ResponderPtr responder_;
  const std::string model_;
  const RunFacts facts_;
  const bool stream_;
  const std::string id_;
  Json content_ = Json::array();
  std::string open_, text_;
  ChoiceEnd end_;
};

}  // namespace

void anthropic_messages(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder) {
  const std::optional<Json> body = body_or_answer(api, *request, *responder);
  if (!body) return;
  AnthropicRequest asked;
  if (auto error = read_anthropic(*body, api.limits, api.service.model().facts, false, &asked)) {
    return answer_error(*request, *responder, *error);
  }
  auto started = api.service.start(asked.call, *request, "toolu_");
  if (const auto* error = std::get_if<ApiError>(&started)) return answer_error(*request, *responder, *error);
  const std::shared_ptr<ChatRun> run = std::get<std::shared_ptr<ChatRun>>(started);
  responder->on_gone([run] { run->cancel(); });
  auto writer = std::make_shared<Writer>(request, responder, api.service.model().facts.names.front(),
                                         run->facts(), asked.stream);
  writer->open();
  run->go(writer);
}

void anthropic_count_tokens(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder) {
  const std::optional<Json> body = body_or_answer(api, *request, *responder);
  if (!body) return;
  AnthropicRequest asked;
  if (auto error = read_anthropic(*body, api.limits, api.service.model().facts, true, &asked)) {
    return answer_error(*request, *responder, *error);
  }
  const auto counted = api.service.count_tokens(asked.call, *request);
  if (const auto* error = std::get_if<ApiError>(&counted)) return answer_error(*request, *responder, *error);
  free_place(*request);
  answer_json(*responder, {{"input_tokens", std::get<int64_t>(counted)}});
}

}  // namespace jaju::server
