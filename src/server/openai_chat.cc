#include "server/openai_chat.h"

#include <map>

#include <fmt/format.h>

#include "server/shared_fields.h"
#include "base/utf8.h"

namespace jaju::server {

Message read_openai_message(const Json& value, const std::string& path, const RequestLimits& limits,
                            RequestErrors& errors) {
  Fields fields(value, path, errors);
  Message message;
  const auto role = fields.choice("role", {"system", "developer", "user", "assistant", "tool"});
  if (!role) {
    if (!fields.has("role")) fields.wrong("role", "is missing");
    return message;
  }
  message.role = *role == "developer" ? "system" : *role;
  message.content = read_content(fields, "content", {"text", "input_text", "output_text"}, limits);
  fields.ignore({"name", "refusal", "annotations"});
  fields.refuse("audio", "this model writes text only");
  fields.refuse("function_call", "it was replaced by tool_calls");
  if (message.role == "assistant") {
    if (const auto text = fields.string("reasoning_content", limits.max_text_bytes)) message.reasoning = *text;
    if (const auto text = fields.string("reasoning", limits.max_text_bytes)) message.reasoning = *text;
    if (const Json* calls = fields.array("tool_calls", limits.max_tool_calls)) {
      for (size_t i = 0; i < calls->size() && !errors.any(); ++i) {
        Fields call((*calls)[i], fmt::format("{}.tool_calls[{}]", path, i), errors);
        ToolCall read;
        read.id = call.string("id", limits.max_name_bytes).value_or("");
        call.choice("type", {"function"});
        call.ignore({"index"});
        const Json* function = call.object("function");
        if (function == nullptr) {
          call.wrong("function", "is missing");
          break;
        }
        Fields inner(*function, call.at("function"), errors);
        read.name = inner.string("name", limits.max_name_bytes).value_or("");
        if (read.name.empty()) inner.wrong("name", "is missing");
        read.arguments = read_arguments(inner, "arguments", limits);
        inner.finish();
        call.finish();
        message.tool_calls.push_back(std::move(read));
      }
    }
  } else if (message.role == "tool") {
    message.tool_call_id = fields.string("tool_call_id", limits.max_name_bytes).value_or("");
  }
  if (message.role != "assistant" && !fields.has("content")) fields.wrong("content", "is missing");
  fields.finish();
  return message;
}

namespace {

void read_response_format(Fields& fields, const RequestLimits& limits, ChatCall* call) {
  const Json* format = fields.object("response_format");
  if (format == nullptr) return;
  Fields inner(*format, fields.at("response_format"), fields.errors());
  const auto type = inner.choice("type", {"text", "json_object", "json_schema"});
  if (!type) {
    if (!inner.has("type")) inner.wrong("type", "is missing");
    return;
  }
  if (*type == "json_object") {
    call->constraint = ConstraintSpec{GrammarKind::json_object, "", "response_format"};
    if (const Json* schema = inner.get("schema")) set_schema(inner, "schema", schema, limits, call);
  } else if (*type == "json_schema") {
    const Json* named = inner.object("json_schema");
    if (named == nullptr) return inner.wrong("json_schema", "is missing");
    Fields schema(*named, inner.at("json_schema"), fields.errors());
    schema.ignore({"name", "description", "strict"});  // strict or not, the answer always matches
    if (const Json* text = schema.get("schema")) set_schema(schema, "schema", text, limits, call);
    else call->constraint = ConstraintSpec{GrammarKind::json_object, "", "response_format"};
    schema.finish();
  }
  inner.finish();
}

}  // namespace

std::optional<ApiError> read_openai_chat(const Json& body, const RequestLimits& limits, const ModelFacts& facts,
                                         OpenAiChatRequest* out) {
  RequestErrors errors;
  Fields fields(body, "", errors);
  ChatCall& call = out->call;
  call.model = fields.string("model", limits.max_name_bytes).value_or("");
  const Json* messages = fields.array("messages", limits.max_messages);
  if (messages == nullptr || messages->empty()) {
    fields.wrong("messages", "must be an array with at least one message");
  } else {
    for (size_t i = 0; i < messages->size() && !errors.any(); ++i) {
      call.messages.push_back(read_openai_message((*messages)[i], fmt::format("messages[{}]", i), limits, errors));
    }
  }
  out->stream = fields.boolean("stream").value_or(false);
  if (const Json* options = fields.object("stream_options")) {
    Fields inner(*options, "stream_options", errors);
    out->include_usage = inner.boolean("include_usage").value_or(false);
    inner.ignore({"include_obfuscation", "continuous_usage_stats"});
    inner.finish();
    if (!out->stream) fields.wrong("stream_options", "is for streams; set stream to true");
  }
  out->return_progress = fields.boolean("return_progress").value_or(false);
  call.n = static_cast<int>(fields.integer("n", 1, limits.max_n).value_or(1));
  read_sampling(fields, limits, facts, &call.sampling);
  call.sampling.max_tokens = fields.integer("max_tokens", 1, 1 << 30);
  if (const auto most = fields.integer("max_completion_tokens", 1, 1 << 30)) call.sampling.max_tokens = *most;
  read_stop(fields, "stop", limits, &call.stop);
  const bool logprobs = fields.boolean("logprobs").value_or(false);
  if (const auto top = fields.integer("top_logprobs", 0, limits.max_top_logprobs)) {
    if (!logprobs && *top > 0) fields.wrong("top_logprobs", "needs logprobs: true");
    call.top_logprobs = static_cast<int>(*top);
  }
  call.top_logprobs = logprobs ? std::max(0, call.top_logprobs) : -1;
  read_response_format(fields, limits, &call);
  read_grammar(fields, limits, &call);
  read_tools(fields, limits, &call);
  read_effort(fields, "reasoning_effort", &call.thinking);
  read_template_kwargs(fields, &call);
  fields.ignore({"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key",
                 "prompt_cache_retention", "verbosity", "prediction"});
  fields.refuse("functions", "it was replaced by tools");
  fields.refuse("function_call", "it was replaced by tool_choice");
  fields.refuse("audio", "this model writes text only");
  fields.refuse("web_search_options", "this server opens no addresses");
  if (const Json* modalities = fields.array("modalities", 8)) {
    if (*modalities != Json::array({"text"})) fields.wrong("modalities", "can only be [\"text\"]");
  }
  fields.finish();
  return errors.first();
}

Json openai_usage(const Usage& usage) {
  return {{"prompt_tokens", usage.prompt_tokens},
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
    return Json{{"token", utf8_replace_invalid(bytes)}, {"logprob", std::max(logprob, -9999.0f)}, {"bytes", std::move(list)}};
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
    case ChoiceEnd::Reason::length: return "length";
    case ChoiceEnd::Reason::tool_calls: return "tool_calls";
    default: return "stop";
  }
}

Json call_json(const ToolCall& call) {
  return {{"id", call.id},
          {"type", "function"},
          {"function", {{"name", call.name}, {"arguments", dump(call.arguments)}}}};
}

// What was decided: echoed, so that nobody has to guess (request field > server flag > template).
Json decided(const RunFacts& facts) {
  Json json = {{"thinking", facts.thinking}, {"seed", facts.seed}};
  if (facts.thinking_budget >= 0) json["thinking_budget"] = facts.thinking_budget;
  return json;
}

class Base : public ChatObserver {
 public:
  Base(std::shared_ptr<HttpRequest> request, std::shared_ptr<Responder> responder, std::string model, RunFacts facts)
      : request_(std::move(request)), responder_(std::move(responder)), id_(random_id("chatcmpl-")),
        model_(std::move(model)), facts_(facts) {}

 protected:
  Json head(const char* object) const {
    return {{"id", id_}, {"object", object}, {"created", facts_.created}, {"model", model_},
            {"system_fingerprint", nullptr}};
  }
  const std::shared_ptr<HttpRequest> request_;
  const std::shared_ptr<Responder> responder_;
  const std::string id_, model_;
  const RunFacts facts_;
};

class Whole : public Base {
 public:
  Whole(std::shared_ptr<HttpRequest> request, std::shared_ptr<Responder> responder, std::string model, RunFacts facts,
        int n, bool logprobs)
      : Base(std::move(request), std::move(responder), std::move(model), facts), choices_(static_cast<size_t>(n)),
        logprobs_(logprobs) {}
  void on_delta(ChatDelta&& delta) override {
    Choice& c = choices_[static_cast<size_t>(delta.choice)];
    if (delta.kind == ChatDelta::Kind::reasoning) c.reasoning += delta.text;
    else if (delta.kind == ChatDelta::Kind::answer) c.content += delta.text;
    else c.calls.push_back(call_json(delta.call));
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
  Stream(std::shared_ptr<HttpRequest> request, std::shared_ptr<Responder> responder, std::string model, RunFacts facts,
         const OpenAiChatRequest& asked)
      : Base(std::move(request), std::move(responder), std::move(model), facts), include_usage_(asked.include_usage),
        progress_(asked.return_progress), logprobs_(asked.call.top_logprobs >= 0) {}
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
    run->go(std::make_shared<Whole>(request, responder, model, run->facts(), asked.call.n, asked.call.top_logprobs >= 0));
  }
}

}  // namespace jaju::server
