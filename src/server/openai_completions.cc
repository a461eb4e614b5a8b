// POST /v1/completions: text in, text out, no template. Prompts are text or token ids; several prompts are
// several runs in one answer.
#include <algorithm>
#include <ctime>
#include <mutex>

#include "base/utf8.h"
#include "server/dialects.h"
#include "server/openai_chat.h"

namespace jaju::server {
namespace {

// Characters of a text that comes in pieces, as it is sent: what is not UTF-8 becomes U+FFFD.
struct Characters {
  size_t whole = 0;
  std::string rest;  // the beginning of the next one

  // Where `bytes` start: in the character that is not whole yet, if they go on with it.
  size_t start_of(std::string_view bytes) const {
    const std::string next = rest + std::string(bytes.substr(0, 1));
    return whole + (rest.empty() || utf8_is_prefix(next) || utf8_length(next) > 0 ? 0 : 1);
  }
  void add(std::string_view bytes) {
    rest += bytes;
    while (!rest.empty() && !utf8_is_prefix(rest)) {
      size_t n = static_cast<size_t>(utf8_length(rest));
      if (n == 0) {
        for (n = 1; n < rest.size() && utf8_is_prefix(std::string_view(rest).substr(0, n + 1));) ++n;
      }
      rest.erase(0, n);
      ++whole;
    }
  }
};

// All prompts' runs together; each run's observer is a Part.
class Completion : public std::enable_shared_from_this<Completion> {
 public:
  Completion(RequestPtr request, ResponderPtr responder, std::string model,
             const OpenAiCompletionRequest& asked)
      : request_(std::move(request)),
        responder_(std::move(responder)),
        id_(random_id("cmpl-")),
        model_(std::move(model)),
        stream_(asked.stream),
        include_usage_(asked.include_usage),
        n_(asked.calls[0].n),
        logprobs_(asked.calls[0].top_logprobs >= 0),
        created_(std::time(nullptr)),
        left_(asked.calls.size()) {
    choices_.resize(asked.calls.size() * static_cast<size_t>(n_));
    offsets_.resize(choices_.size());
  }

  class Part : public ChatObserver {
   public:
    Part(std::shared_ptr<Completion> all, int prompt) : all_(std::move(all)), prompt_(prompt) {}
    void on_delta(ChatDelta&& delta) override { all_->delta(prompt_, std::move(delta)); }
    void on_choice_end(int choice, ChoiceEnd&& end) override {
      all_->choice_end(prompt_, choice, std::move(end));
    }
    void on_end(const Usage& usage) override { all_->end(usage); }

   private:
    const std::shared_ptr<Completion> all_;
    const int prompt_;
  };

  void open() {
    if (stream_) begin_sse(*responder_);
  }
  void echo(int prompt, const std::string& text) {
    for (int i = 0; i < n_; ++i) say(prompt * n_ + i, text, {});
  }

 private:
  struct Choice {
    std::string text;
    std::vector<TokenLogprob> logprobs;
    std::string finish;
  };

  Json legacy_logprobs(int index, const std::vector<TokenLogprob>& tokens) {
    if (!logprobs_) return nullptr;
    Json json = {{"tokens", Json::array()},
                 {"token_logprobs", Json::array()},
                 {"top_logprobs", Json::array()},
                 {"text_offset", Json::array()}};
    Characters& at = offsets_[static_cast<size_t>(index)];
    for (const TokenLogprob& token : tokens) {
      json["tokens"].push_back(utf8_replace_invalid(token.bytes));
      json["token_logprobs"].push_back(std::max(token.logprob, -9999.0f));
      Json top = Json::object();
      for (const auto& [bytes, logprob] : token.top)
        top[utf8_replace_invalid(bytes)] = std::max(logprob, -9999.0f);
      json["top_logprobs"].push_back(std::move(top));
      json["text_offset"].push_back(at.start_of(token.bytes));
      at.add(token.bytes);
    }
    return json;
  }

  Json head() const {
    return {{"id", id_},
            {"object", "text_completion"},
            {"created", created_},
            {"model", model_},
            {"system_fingerprint", nullptr}};
  }

  void say(int index, std::string text, std::vector<TokenLogprob> logprobs) {
    const std::lock_guard lock(mutex_);
    if (!stream_) {
      Choice& c = choices_[static_cast<size_t>(index)];
      c.text += text;
      c.logprobs.insert(c.logprobs.end(), logprobs.begin(), logprobs.end());
      return;
    }
    chunk(index, std::move(text), legacy_logprobs(index, logprobs), nullptr);
  }
  void chunk(int index, std::string text, Json logprobs, const char* finish) {
    Json body = head();
    body["choices"] = Json::array({{{"text", std::move(text)},
                                    {"index", index},
                                    {"logprobs", std::move(logprobs)},
                                    {"finish_reason", finish != nullptr ? Json(finish) : Json(nullptr)}}});
    responder_->send(sse_data(body));
  }

  void delta(int prompt, ChatDelta&& delta) {
    say(prompt * n_ + delta.choice, std::move(delta.text), std::move(delta.logprobs));
  }
  void choice_end(int prompt, int choice, ChoiceEnd&& end) {
    const int index = prompt * n_ + choice;
    const std::lock_guard lock(mutex_);
    if (end.error) {
      if (!error_ && stream_) responder_->send("data: " + error_json(Dialect::openai, *end.error) + "\n\n");
      if (!error_) error_ = end.error;
      return;
    }
    const char* finish = end.reason == ChoiceEnd::Reason::length ? "length" : "stop";
    if (stream_) return chunk(index, "", legacy_logprobs(index, end.logprobs), finish);
    Choice& c = choices_[static_cast<size_t>(index)];
    c.finish = finish;
    c.logprobs.insert(c.logprobs.end(), end.logprobs.begin(), end.logprobs.end());
  }
  void end(const Usage& usage) {
    const std::lock_guard lock(mutex_);
    sum_.prompt_tokens += usage.prompt_tokens;
    sum_.cached_tokens += usage.cached_tokens;
    sum_.completion_tokens += usage.completion_tokens;
    sum_.accepted_tokens += usage.accepted_tokens;
    sum_.drafted_tokens += usage.drafted_tokens;
    sum_.cache_note = usage.cache_note;
    if (--left_ != 0) return;
    if (stream_) {
      if (include_usage_ && !error_) {
        Json body = head();
        body["choices"] = Json::array();
        body["usage"] = openai_usage(sum_);
        responder_->send(sse_data(body));
      }
      responder_->send("data: [DONE]\n\n");
      return responder_->end();
    }
    if (error_) return answer_error(*request_, *responder_, *error_);
    Json body = head();
    body["choices"] = Json::array();
    for (size_t i = 0; i < choices_.size(); ++i) {
      body["choices"].push_back({{"text", choices_[i].text},
                                 {"index", i},
                                 {"logprobs", legacy_logprobs(static_cast<int>(i), choices_[i].logprobs)},
                                 {"finish_reason", choices_[i].finish}});
    }
    body["usage"] = openai_usage(sum_);
    answer_json(*responder_, body);
  }

  const RequestPtr request_;
  const ResponderPtr responder_;
  const std::string id_, model_;
  const bool stream_, include_usage_;
  const int n_;
  const bool logprobs_;
  const int64_t created_;
  std::mutex mutex_;  // the runs are on strands of their own
  size_t left_;
  std::vector<Choice> choices_;
  std::vector<Characters> offsets_;
  std::optional<ApiError> error_;
  Usage sum_;
};

}  // namespace

void openai_completions(ApiContext& api, const RequestPtr& request, const ResponderPtr& responder) {
  const std::optional<Json> body = body_or_answer(api, *request, *responder);
  if (!body) return;
  OpenAiCompletionRequest asked;
  ServedModel& model = api.service.model();
  if (auto error = read_openai_completion(*body, api.limits, model.facts, &asked)) {
    return answer_error(*request, *responder, *error);
  }
  auto runs = std::make_shared<std::vector<std::shared_ptr<ChatRun>>>();
  for (const ChatCall& call : asked.calls) {
    auto started = api.service.start(call, *request, "call_");
    if (const auto* error = std::get_if<ApiError>(&started)) {
      for (const auto& run : *runs) run->cancel();
      return answer_error(*request, *responder, *error);
    }
    runs->push_back(std::get<std::shared_ptr<ChatRun>>(started));
  }
  responder->on_gone([runs] {
    for (const auto& run : *runs) run->cancel();
  });
  auto all = std::make_shared<Completion>(request, responder, model.facts.names.front(), asked);
  all->open();
  for (size_t i = 0; i < runs->size(); ++i) {
    const auto& prompt = asked.calls[i].raw_prompt;
    if (asked.echo) {
      const auto* ids = std::get_if<std::vector<int32_t>>(&prompt);
      all->echo(static_cast<int>(i),
                ids != nullptr ? model.tokenizer->decode(*ids) : std::get<std::string>(prompt));
    }
    (*runs)[i]->go(std::make_shared<Completion::Part>(all, static_cast<int>(i)));
  }
}

}  // namespace jaju::server
