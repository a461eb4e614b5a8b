#include "server/openai_chat.h"

#include "base/utf8.h"

namespace jaju::server {

Json openai_usage(const Usage& usage) {
  return {
      {"prompt_tokens", usage.prompt_tokens},
      {"completion_tokens", usage.completion_tokens},
      {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
      {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}, {"cache_stop", usage.cache_note}}},
      {"completion_tokens_details",
       {{"reasoning_tokens", usage.reasoning_tokens},
        {"accepted_prediction_tokens", usage.accepted_tokens},
        {"rejected_prediction_tokens", usage.drafted_tokens - usage.accepted_tokens}}}};
}

Json timings_json(const Usage& usage) {
  const auto round2 = [](double x) { return static_cast<double>(static_cast<int64_t>(x * 100 + 0.5)) / 100; };
  return {{"queue_ms", round2(usage.queue_seconds * 1000)},
          {"time_to_first_token_ms", round2(usage.first_token_seconds * 1000)},
          {"prompt_per_second", round2(usage.prompt_per_second)},
          {"predicted_per_second", round2(usage.predicted_per_second)}};
}

Json openai_logprobs(const std::vector<TokenLogprob>& tokens) {
  const auto entry = [](const std::string& bytes, float logprob) {
    Json list = Json::array();
    for (const char c : bytes) list.push_back(static_cast<int>(static_cast<unsigned char>(c)));
    return Json{{"token", utf8_replace_invalid(bytes)},
                {"logprob", std::max(logprob, -9999.0f)},
                {"bytes", std::move(list)}};
  };
  Json content = Json::array();
  for (const TokenLogprob& token : tokens) {
    Json one = entry(token.bytes, token.logprob);
    one["top_logprobs"] = Json::array();
    for (const auto& [bytes, logprob] : token.top) one["top_logprobs"].push_back(entry(bytes, logprob));
    content.push_back(std::move(one));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

namespace {

const char* finish_word(const ChoiceEnd& end) {
  switch (end.reason) {
    case ChoiceEnd::Reason::length:
      return "length";
    case ChoiceEnd::Reason::tool_calls:
      return "tool_calls";
    default:
      return "stop";
  }
}

Json call_json(const ToolCall& call) {
  return {{"id", call.id},
          {"type", "function"},
          {"function", {{"name", call.name}, {"arguments", dump(call.arguments)}}}};
}

// What was decided: echoed, so that nobody has to guess (request field > server flag > template).
Json decided(const RunFacts& facts) {
  Json json = {{"thinking", facts.thinking}, {"seed", static_cast<int64_t>(facts.seed)}};
  if (facts.thinking_budget >= 0) json["thinking_budget"] = facts.thinking_budget;
  return json;
}

class Base : public ChatObserver {
 public:
  Base(std::shared_ptr<HttpRequest> request, std::shared_ptr<Responder> responder, std::string model,
       RunFacts facts)
      : request_(std::move(request)),
        responder_(std::move(responder)),
        id_(random_id("chatcmpl-")),
        model_(std::move(model)),
        facts_(facts) {}

 protected:
  Json head(const char* object) const {
    return {{"id", id_},
            {"object", object},
            {"created", facts_.created},
            {"model", model_},
            {"system_fingerprint", nullptr}};
  }
  const std::shared_ptr<HttpRequest> request_;
  const std::shared_ptr<Responder> responder_;
  const std::string id_, model_;
  const RunFacts facts_;
};

class Whole : public Base {
 public:
  Whole(std::shared_ptr<HttpRequest> request, std::shared_ptr<Responder> responder, std::string model,
        RunFacts facts, int n, bool logprobs)
      : Base(std::move(request), std::move(responder), std::move(model), facts),
        choices_(static_cast<size_t>(n)),
        logprobs_(logprobs) {}
  void on_delta(ChatDelta&& delta) override {
    Choice& c = choices_[static_cast<size_t>(delta.choice)];
    if (delta.kind == ChatDelta::Kind::reasoning)
      c.reasoning += delta.text;
    else if (delta.kind == ChatDelta::Kind::answer)
      c.content += delta.text;
    else
      c.calls.push_back(call_json(delta.call));
    c.logprobs.insert(c.logprobs.end(), std::make_move_iterator(delta.logprobs.begin()),
                      std::make_move_iterator(delta.logprobs.end()));
  }
  void on_choice_end(int choice, ChoiceEnd&& end) override {
    Choice& c = choices_[static_cast<size_t>(choice)];
    c.logprobs.insert(c.logprobs.end(), end.logprobs.begin(), end.logprobs.end());
    c.end = std::move(end);
  }
  void on_end(const Usage& usage) override {
    Json list = Json::array();
    for (size_t i = 0; i < choices_.size(); ++i) {
      Choice& c = choices_[i];
      if (c.end.error) return answer_error(*request_, *responder_, *c.end.error);
      Json message = {{"role", "assistant"}};
      message["content"] = c.content.empty() && !c.calls.empty() ? Json(nullptr) : Json(c.content);
      message["refusal"] = nullptr;
      if (!c.reasoning.empty()) message["reasoning_content"] = c.reasoning;
      if (!c.calls.empty()) message["tool_calls"] = std::move(c.calls);
      list.push_back({{"index", i},
                      {"message", std::move(message)},
                      {"logprobs", logprobs_ ? openai_logprobs(c.logprobs) : Json(nullptr)},
                      {"finish_reason", finish_word(c.end)}});
    }
    Json body = head("chat.completion");
    body["choices"] = std::move(list);
    body["usage"] = openai_usage(usage);
    body["timings"] = timings_json(usage);
    body["jaju"] = decided(facts_);
    answer_json(*responder_, body);
  }

 private:
  struct Choice {
    std::string reasoning, content;
    Json calls = Json::array();
    std::vector<TokenLogprob> logprobs;
    ChoiceEnd end;
  };
  std::vector<Choice> choices_;
  const bool logprobs_;
};

class Stream : public Base {
 public:
  Stream(std::shared_ptr<HttpRequest> request, std::shared_ptr<Responder> responder, std::string model,
         RunFacts facts, const OpenAiChatRequest& asked)
      : Base(std::move(request), std::move(responder), std::move(model), facts),
        include_usage_(asked.include_usage),
        progress_(asked.return_progress),
        logprobs_(asked.call.top_logprobs >= 0) {}
  void open(int n) {
    begin_sse(*responder_);
    for (int i = 0; i < n; ++i) chunk(i, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
  }
  void on_progress(int64_t done, int64_t total) override {
    if (!progress_) return;
    Json body = head("chat.completion.chunk");
    body["choices"] = Json::array();
    body["prompt_progress"] = {{"processed", done}, {"total", total}};
    responder_->send(sse_data(body));
  }
  void on_delta(ChatDelta&& delta) override {
    Json logprobs = logprobs_ && !delta.logprobs.empty() ? openai_logprobs(delta.logprobs) : Json(nullptr);
    if (delta.kind == ChatDelta::Kind::reasoning) {
      chunk(delta.choice, {{"reasoning_content", delta.text}}, nullptr, logprobs);
    } else if (delta.kind == ChatDelta::Kind::answer) {
      chunk(delta.choice, {{"content", delta.text}}, nullptr, logprobs);
    } else {
      Json call = {{"index", delta.call_index}};
      call.update(call_json(delta.call));
      chunk(delta.choice, {{"tool_calls", Json::array({std::move(call)})}}, nullptr, logprobs);
    }
  }
  void on_choice_end(int choice, ChoiceEnd&& end) override {
    if (end.error) {
      failed_ = true;
      responder_->send("data: " + error_json(Dialect::openai, *end.error) + "\n\n");
      return;
    }
    Json logprobs = logprobs_ && !end.logprobs.empty() ? openai_logprobs(end.logprobs) : Json(nullptr);
    chunk(choice, Json::object(), finish_word(end), logprobs);
  }
  void on_end(const Usage& usage) override {
    if (!failed_ && include_usage_) {
      Json body = head("chat.completion.chunk");
      body["choices"] = Json::array();
      body["usage"] = openai_usage(usage);
      body["timings"] = timings_json(usage);
      body["jaju"] = decided(facts_);
      responder_->send(sse_data(body));
    }
    responder_->send("data: [DONE]\n\n");
    responder_->end();
  }

 private:
  void chunk(int choice, Json delta, const char* finish, const Json& logprobs) {
    Json body = head("chat.completion.chunk");
    body["choices"] = Json::array({{{"index", choice},
                                    {"delta", std::move(delta)},
                                    {"logprobs", logprobs},
                                    {"finish_reason", finish != nullptr ? Json(finish) : Json(nullptr)}}});
    if (include_usage_) body["usage"] = nullptr;
    responder_->send(sse_data(body));
  }
  const bool include_usage_, progress_, logprobs_;
  bool failed_ = false;
};

}  // namespace

void openai_chat(ApiContext& api, const std::shared_ptr<HttpRequest>& request,
                 const std::shared_ptr<Responder>& responder) {
  const std::optional<Json> body = body_or_answer(api, *request, *responder);
  if (!body) return;
  OpenAiChatRequest asked;
  if (auto error = read_openai_chat(*body, api.limits, api.service.model().facts, &asked)) {
    return answer_error(*request, *responder, *error);
  }
  auto started = api.service.start(asked.call, *request, "call_");
  if (const auto* error = std::get_if<ApiError>(&started)) return answer_error(*request, *responder, *error);
  const std::shared_ptr<ChatRun> run = std::get<std::shared_ptr<ChatRun>>(started);
  responder->on_gone([run] { run->cancel(); });
  const std::string& model = api.service.model().facts.names.front();
  if (asked.stream) {
    auto stream = std::make_shared<Stream>(request, responder, model, run->facts(), asked);
    stream->open(asked.call.n);
    run->go(stream);
  } else {
    run->go(std::make_shared<Whole>(request, responder, model, run->facts(), asked.call.n,
                                    asked.call.top_logprobs >= 0));
  }
}

}  // namespace jaju::server
