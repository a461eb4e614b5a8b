#include "server/chat_service.h"

#include <sys/random.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <ctime>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "server/choice_text.h"
#include "server/metrics.h"
#include "server/prompt.h"

namespace jaju::server {
namespace {

uint64_t random_bits() {
  uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) {
    bits = static_cast<uint64_t>(Clock::now().time_since_epoch().count()) * 0x9e3779b97f4a7c15u;
  }
  return bits;
}

SamplingParams sampling_of(const SamplingFields& fields, const SamplingParams& defaults) {
  SamplingParams s = defaults;
  if (fields.temperature) s.temperature = static_cast<float>(*fields.temperature);
  if (fields.top_p) s.top_p = static_cast<float>(*fields.top_p);
  if (fields.min_p) s.min_p = static_cast<float>(*fields.min_p);
  if (fields.top_k) s.top_k = static_cast<int>(*fields.top_k);
  if (fields.repetition_penalty) s.repetition_penalty = static_cast<float>(*fields.repetition_penalty);
  if (fields.presence_penalty) s.presence_penalty = static_cast<float>(*fields.presence_penalty);
  if (fields.frequency_penalty) s.frequency_penalty = static_cast<float>(*fields.frequency_penalty);
  if (fields.max_tokens) s.max_tokens = *fields.max_tokens;
  s.logit_bias = fields.logit_bias;
  // Short enough to be typed again, and exact as a JSON number.
  s.seed = fields.seed ? *fields.seed : random_bits() >> 33;
  return s;
}

// Arguments are an object also where their schema does not say so.
Json arguments_schema(Json schema) {
  for (const char* other : {"type", "$ref", "anyOf", "oneOf", "allOf", "enum", "const"}) {
    if (schema.contains(other)) return schema;
  }
  schema["type"] = "object";
  return schema;
}

// The text of GrammarKind::tool_calls, when the call's tools bind the answer.
std::optional<ConstraintSpec> tool_constraint(const ChatCall& call) {
  if (!call.tools.is_array() || call.tools.empty() || call.tool_choice == ToolChoice::none)
    return std::nullopt;
  bool strict = false;
  Json tools = Json::array();
  for (const Json& tool : call.tools) {
    const Json& function = tool.at("function");
    const std::string name = function.at("name").get<std::string>();
    if (call.tool_choice == ToolChoice::named && name != call.tool_name) continue;
    Json entry = {{"name", name}};
    if (function.contains("parameters") && function["parameters"].is_object())
      entry["parameters"] = arguments_schema(function["parameters"]);
    strict = strict || (function.contains("strict") && function["strict"] == true);
    tools.push_back(std::move(entry));
  }
  const bool must = call.tool_choice == ToolChoice::required || call.tool_choice == ToolChoice::named;
  if (!must && !strict && call.parallel_tool_calls) return std::nullopt;
  Json text = {{"tools", std::move(tools)},
               {"mode", must ? "required" : "auto"},
               {"begin", "<tool_call>\n"},
               {"end", "\n</tool_call>"},
               {"separator", "\n"},
               {"max_calls", call.tool_choice == ToolChoice::named || !call.parallel_tool_calls ? 1 : 0}};
  return ConstraintSpec{GrammarKind::tool_calls, dump(text), must ? "tool_choice" : "tools"};
}

class Run;

// One choice's end of the scheduler. On the scheduler's thread: notes what came and returns.
class Sink : public GenerationSink {
 public:
  Sink(std::shared_ptr<Run> run, int choice) : run_(std::move(run)), choice_(choice) {}
  void on_tokens(std::span<const TokenEvent> tokens) override;
  void on_prefill(int64_t done, int64_t total) override;
  void on_finish(FinishEvent&& event) override;

 private:
  const std::shared_ptr<Run> run_;
  const int choice_;
};

class Run : public ChatRun, public std::enable_shared_from_this<Run> {
 public:
  Run(ServedModel& model, WorkerPool& pool, ServerMetrics* metrics, const HttpRequest& request)
      : model_(model),
        metrics_(metrics),
        principal_(request.principal),
        record_(request.record),
        slot_(request.slot),
        strand_(std::make_shared<Strand>(pool)) {
    if (slot_ != nullptr) slot_->add_user();
  }
  ~Run() override { leave_slot(); }

  const RunFacts& facts() const override { return facts_; }

  void go(std::shared_ptr<ChatObserver> observer) override {
    observer_ = std::move(observer);
    {
      const std::lock_guard lock(mutex_);
      gone_ahead_ = true;
    }
    schedule();
  }

  void cancel() override {
    cancelled_ = true;
    for (const auto& choice : choices_) {
      if (choice->id != 0) model_.backend->cancel(choice->id);
    }
  }

  std::optional<ApiError> submit(const ChatCall& call, const std::string& tool_id_prefix);

  // --- the scheduler's thread
  void tokens_came(int choice, std::span<const TokenEvent> tokens) {
    {
      const std::lock_guard lock(mutex_);
      auto& waiting = choices_[static_cast<size_t>(choice)]->waiting;
      waiting.insert(waiting.end(), tokens.begin(), tokens.end());
    }
    if (metrics_ != nullptr) metrics_->tokens(*choices_[static_cast<size_t>(choice)], tokens.size());
    schedule();
  }
  void prefill_came(int64_t done, int64_t total) {
    {
      const std::lock_guard lock(mutex_);
      progress_ = {done, total};
      progressed_ = true;
    }
    schedule();
  }
  void finish_came(int choice, FinishEvent&& event) {
    {
      const std::lock_guard lock(mutex_);
      choices_[static_cast<size_t>(choice)]->finish = std::move(event);
    }
    schedule();
  }

 private:
  struct Choice : public TokenClock {
    std::atomic<RequestId> id{0};
    std::unique_ptr<ChoiceText> text;
    // Behind the lock
    std::vector<TokenEvent> waiting;
    std::optional<FinishEvent> finish;
    // On the strand
    bool ended = false;
    RequestStats stats;
  };

  void schedule() {
    {
      const std::lock_guard lock(mutex_);
      if (!gone_ahead_ || scheduled_) return;
      scheduled_ = true;
    }
    // The last of a run's events must arrive, also while memory is short.
    for (;;) {
      try {
        return strand_->post([self = shared_from_this()] { self->drain(); });
      } catch (const std::bad_alloc&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    }
  }
  void leave_slot() {
    if (slot_ != nullptr && !std::exchange(left_slot_, true)) slot_->drop_user();
  }
  void drain();
  void end_choice(size_t index, FinishEvent&& event);
  void end_all();

  ServedModel& model_;
  ServerMetrics* const metrics_;
  const std::shared_ptr<const Principal> principal_;
  const std::shared_ptr<RequestRecord> record_;
  const std::shared_ptr<Slot> slot_;
  const std::shared_ptr<Strand> strand_;
  RunFacts facts_;
  BuiltPrompt prompt_;
  std::string tenant_;
  bool use_cache_ = true;
  int32_t end_of_turn_ = -1;
  std::string constraint_field_;
  std::shared_ptr<ChatObserver> observer_;
  std::vector<std::unique_ptr<Choice>> choices_;
  std::atomic<bool> cancelled_{false};

  std::mutex mutex_;
  bool gone_ahead_ = false, scheduled_ = false, progressed_ = false;
  std::pair<int64_t, int64_t> progress_;
  bool done_ = false;  // strand
  bool left_slot_ = false;
};

void Sink::on_tokens(std::span<const TokenEvent> tokens) {
  run_->tokens_came(choice_, tokens);
}
void Sink::on_prefill(int64_t done, int64_t total) {
  if (choice_ == 0) run_->prefill_came(done, total);
}
void Sink::on_finish(FinishEvent&& event) {
  run_->finish_came(choice_, std::move(event));
}

std::optional<ApiError> Run::submit(const ChatCall& call, const std::string& tool_id_prefix) {
  tenant_ = principal_ != nullptr ? principal_->tenant : "";
  use_cache_ = call.use_cache;
  if (!call.raw) end_of_turn_ = model_.tokenizer->id_of("<|im_end|>").value_or(-1);
  const bool wants_thinking = call.thinking.on.value_or(model_.think_by_default) && call.prefill.empty();
  Result<BuiltPrompt> built = build_prompt(model_, call, wants_thinking, tenant_);
  if (!built.ok()) return bad_request(built.message(), call.raw ? "prompt" : "messages");
  prompt_ = *std::move(built);
  SamplingParams params = sampling_of(call.sampling, model_.defaults);
  if (const Status valid = params.validate(model_.facts.vocab_size); !valid.ok())
    return bad_request(valid.message());
  const int64_t most = model_.backend->max_tokens_per_request();
  const auto length = static_cast<int64_t>(prompt_.ids.size());
  if (length == 0) return bad_request("the prompt is empty", call.raw ? "prompt" : "messages");
  if (length >= most) {
    ApiError error = bad_request(fmt::format("the prompt has {} tokens; prompt and answer together may have "
                                             "{}. Shorten the messages, or serve "
                                             "with a larger --context",
                                             length, most),
                                 call.raw ? "prompt" : "messages");
    error.code = "context_length_exceeded";
    return error;
  }
  if (params.max_tokens < 0 || params.max_tokens > most - length) params.max_tokens = most - length;

  facts_.created = std::time(nullptr);
  facts_.thinking = prompt_.thinking;
  facts_.seed = params.seed;
  facts_.prompt_tokens = length;
  if (prompt_.thinking && call.thinking.budget) {
    if (model_.think_close < 0) {
      return bad_request(
          "this model's tokenizer has no single </think> token, so a thinking budget can not be kept",
          "thinking_budget");
    }
    facts_.thinking_budget = *call.thinking.budget;
  }

  std::optional<ConstraintSpec> spec = call.constraint;
  if (std::optional<ConstraintSpec> tools = tool_constraint(call)) {
    if (spec) {
      return bad_request(
          fmt::format(
              "'{}' can not be combined with tools that bind the answer; set tool_choice to \"none\" or "
              "leave one of them out",
              spec->field),
          spec->field);
    }
    spec = std::move(tools);
  } else if (spec && call.tools.is_array() && !call.tools.empty() && call.tool_choice != ToolChoice::none) {
    return bad_request(
        fmt::format("'{}' would forbid every tool call; set tool_choice to \"none\" or leave the tools out",
                    spec->field),
        spec->field);
  }
  std::unique_ptr<TokenConstraint> constraint;
  if (spec) {
    if (!model_.compile) return bad_request("this server can not constrain answers", spec->field);
    if (prompt_.thinking && model_.think_close < 0) {
      return bad_request(
          "this model's tokenizer has no single </think> token; turn thinking off to constrain the answer",
          spec->field);
    }
    Result<std::unique_ptr<TokenConstraint>> compiled = model_.compile(spec->kind, spec->text);
    if (!compiled.ok())
      return bad_request(fmt::format("'{}': {}", spec->field, compiled.message()), spec->field);
    constraint = *std::move(compiled);
    constraint_field_ = spec->field;
  }

  for (int i = 0; i < call.n; ++i) {
    auto choice = std::make_unique<Choice>();
    ChoiceTextOptions options;
    options.choice = i;
    options.thinking = prompt_.thinking;
    options.tools = call.tools.is_array() && !call.tools.empty() && call.tool_choice != ToolChoice::none;
    options.raw = call.raw;
    options.logprobs = call.top_logprobs >= 0;
    options.think_close = model_.think_close;
    options.stop = call.stop;
    options.tool_id_prefix = tool_id_prefix;
    choice->text = std::make_unique<ChoiceText>(*model_.tokenizer, std::move(options));
    choices_.push_back(std::move(choice));
  }
  for (int i = 0; i < call.n; ++i) {
    GenerationRequest g;
    g.prompt = prompt_.ids;
    g.params = params;
    g.params.seed = params.seed + static_cast<uint64_t>(i);
    g.tenant = tenant_;
    g.priority = principal_ != nullptr ? principal_->priority : 0;
    g.top_logprobs = call.top_logprobs;
    if (constraint != nullptr) g.constraint = i + 1 < call.n ? constraint->restart() : std::move(constraint);
    if (prompt_.thinking) {
      g.think_close = model_.think_close;
      if (spec) g.constraint_after = model_.think_close;
      if (facts_.thinking_budget >= 0) {
        g.thinking.max_tokens = facts_.thinking_budget;
        g.thinking.close = model_.tokenizer->encode("\n", SpecialText::as_text);
        g.thinking.close.push_back(model_.think_close);
      }
    }
    const Submission submission =
        model_.backend->submit(std::move(g), std::make_shared<Sink>(shared_from_this(), i));
    if (!submission.ok()) {
      cancel();
      return refused(submission);
    }
    choices_[static_cast<size_t>(i)]->id = submission.id;
  }
  return std::nullopt;
}

void Run::drain() {
  struct Batch {
    std::vector<TokenEvent> tokens;
    std::optional<FinishEvent> finish;
  };
  std::vector<Batch> batches(choices_.size());
  std::optional<std::pair<int64_t, int64_t>> progress;
  {
    const std::lock_guard lock(mutex_);
    scheduled_ = false;
    for (size_t i = 0; i < choices_.size(); ++i) {
      batches[i].tokens.swap(choices_[i]->waiting);
      batches[i].finish.swap(choices_[i]->finish);
    }
    if (progressed_) progress = progress_;
    progressed_ = false;
  }
  if (done_) return;
  if (progress && !cancelled_) observer_->on_progress(progress->first, progress->second);
  for (size_t i = 0; i < choices_.size(); ++i) {
    Choice& choice = *choices_[i];
    for (const TokenEvent& token : batches[i].tokens) {
      if (choice.text->stopped()) break;
      for (ChatDelta& delta : choice.text->push(token)) {
        if (!cancelled_) observer_->on_delta(std::move(delta));
      }
      if (choice.text->stopped() && choice.id != 0) model_.backend->cancel(choice.id);
    }
    if (batches[i].finish) end_choice(i, *std::move(batches[i].finish));
  }
  if (std::all_of(choices_.begin(), choices_.end(), [](const auto& c) { return c->ended; })) end_all();
}

void Run::end_choice(size_t index, FinishEvent&& event) {
  Choice& choice = *choices_[index];
  ChoiceText& text = *choice.text;
  choice.ended = true;
  choice.stats = event.stats;
  const bool cut =
      event.status.ok() && (event.reason == StopReason::length || event.reason == StopReason::context_full);
  for (ChatDelta& delta : text.finish(cut)) {
    if (!cancelled_) observer_->on_delta(std::move(delta));
  }
  ChoiceEnd end;
  end.logprobs = text.take_logprobs();
  if (text.stopped()) {
    end.reason = ChoiceEnd::Reason::stop_string;
    end.stop_string = text.stop_string();
  } else if (!event.status.ok()) {
    end.reason = ChoiceEnd::Reason::error;
    end.error = event.constraint_failed
                    ? bad_request(fmt::format("'{}': {}", constraint_field_, event.status.message()),
                                  constraint_field_)
                    : ApiError{500, event.status.message(), "", "generation_failed", 0};
  } else if (event.reason == StopReason::cancelled) {
    end.reason = ChoiceEnd::Reason::error;
    end.error = ApiError{503, "the server is shutting down and ended this answer", "", "shutting_down", 1};
  } else if (text.tool_calls() > 0) {
    end.reason = ChoiceEnd::Reason::tool_calls;
  } else {
    end.reason = event.reason == StopReason::stop_token ? ChoiceEnd::Reason::stop : ChoiceEnd::Reason::length;
  }
  // What was really sampled, for the conversation's next turn.
  if (event.status.ok() && use_cache_) {
    std::vector<int32_t> all = prompt_.ids;
    all.insert(all.end(), text.tokens().begin(), text.tokens().end());
    // A turn ends in the template's mark when it comes back, whichever of its end tokens the model chose and
    // also when the answer was cut.
    if (end_of_turn_ >= 0)
      all.push_back(end_of_turn_);
    else if (event.stop_token >= 0)
      all.push_back(event.stop_token);
    model_.replay->remember(tenant_, all);
    if (text.tool_calls() > 0) model_.turns->remember(tenant_, text.turn());
  }
  if (record_ != nullptr && index == 0) {
    const std::lock_guard lock(record_->mutex);
    static constexpr const char* kNames[] = {"stop", "length", "tool_calls", "stop_string", "error"};
    record_->finish = cancelled_ ? "client_gone" : kNames[static_cast<int>(end.reason)];
    if (end.error && !cancelled_) record_->error = end.error->message;
  }
  if (!cancelled_) observer_->on_choice_end(static_cast<int>(index), std::move(end));
}

void Run::end_all() {
  done_ = true;
  Usage usage;
  const RequestStats& first = choices_[0]->stats;
  usage.prompt_tokens = facts_.prompt_tokens;
  usage.cached_tokens = first.cached_tokens;
  for (const auto& choice : choices_) {
    usage.completion_tokens += choice->stats.generated_tokens;
    usage.reasoning_tokens += choice->stats.reasoning_tokens;
    usage.drafted_tokens += choice->stats.drafted_tokens;
    usage.accepted_tokens += choice->stats.accepted_tokens;
  }
  usage.cache_note = describe_cache(first);
  if (prompt_.replayed_turns > 0) {
    usage.cache_note += fmt::format("; {} turn{} with tool calls put back as sampled", prompt_.replayed_turns,
                                    prompt_.replayed_turns == 1 ? "" : "s");
  }
  usage.queue_seconds = first.queue_seconds;
  usage.first_token_seconds = first.first_token_seconds;
  const double reading = first.first_token_seconds - first.queue_seconds;
  if (reading > 0)
    usage.prompt_per_second = static_cast<double>(usage.prompt_tokens - usage.cached_tokens) / reading;
  const double writing = first.total_seconds - first.first_token_seconds;
  if (writing > 0 && first.generated_tokens > 1) {
    usage.predicted_per_second = static_cast<double>(first.generated_tokens - 1) / writing;
  }
  if (principal_ != nullptr && principal_->account != nullptr) {
    principal_->account->charge(principal_->limits, usage.prompt_tokens + usage.completion_tokens,
                                Clock::now());
  }
  if (record_ != nullptr) {
    const std::lock_guard lock(record_->mutex);
    record_->prompt_tokens = usage.prompt_tokens;
    record_->cached_tokens = usage.cached_tokens;
    record_->completion_tokens = usage.completion_tokens;
    record_->reasoning_tokens = usage.reasoning_tokens;
    record_->queue_seconds = usage.queue_seconds;
    record_->first_token_seconds = usage.first_token_seconds;
    record_->cache = usage.cache_note;
  }
  if (metrics_ != nullptr) metrics_->finished(usage);
  // Before the client knows the end: its next request must find the place free.
  leave_slot();
  if (!cancelled_) observer_->on_end(usage);
  observer_.reset();
}

}  // namespace

std::variant<ApiError, std::shared_ptr<ChatRun>> ChatService::start(ChatCall call, const HttpRequest& request,
                                                                    const std::string& tool_id_prefix) {
  if (!answers_to(model_.facts, call.model)) return no_such_model(model_.facts, call.model);
  auto run = std::make_shared<Run>(model_, pool_, metrics_, request);
  if (std::optional<ApiError> error = run->submit(call, tool_id_prefix)) return *std::move(error);
  if (request.record != nullptr) {
    const std::lock_guard lock(request.record->mutex);
    request.record->model = model_.facts.names.front();
    request.record->prompt_tokens = run->facts().prompt_tokens;
  }
  return std::shared_ptr<ChatRun>(std::move(run));
}

std::variant<ApiError, int64_t> ChatService::count_tokens(const ChatCall& call, const HttpRequest& request) {
  if (!answers_to(model_.facts, call.model)) return no_such_model(model_.facts, call.model);
  const bool thinking = call.thinking.on.value_or(model_.think_by_default);
  const Result<BuiltPrompt> built =
      build_prompt(model_, call, thinking, request.principal != nullptr ? request.principal->tenant : "");
  if (!built.ok()) return bad_request(built.message(), "messages");
  return static_cast<int64_t>(built->ids.size());
}

namespace {

class EmbedJob : public std::enable_shared_from_this<EmbedJob> {
 public:
  EmbedJob(size_t n, std::shared_ptr<Strand> strand, const HttpRequest& request,
           std::function<void(ChatService::Embeddings)> done)
      : strand_(std::move(strand)), slot_(request.slot), done_(std::move(done)), left_(n) {
    result_.vectors.resize(n);
  }
  class OneSink : public GenerationSink {
   public:
    OneSink(std::shared_ptr<EmbedJob> job, size_t index) : job_(std::move(job)), index_(index) {}
    void on_tokens(std::span<const TokenEvent>) override {}
    void on_finish(FinishEvent&& event) override {
      auto shared = std::make_shared<FinishEvent>(std::move(event));
      job_->strand_->post([job = job_, index = index_, shared] { job->one(index, std::move(*shared)); });
    }

   private:
    const std::shared_ptr<EmbedJob> job_;
    const size_t index_;
  };
  void one(size_t index, FinishEvent&& event) {
    if (!event.status.ok() || event.hidden.empty()) {
      if (!result_.error) {
        result_.error = event.status.ok() ? ApiError{503, "the embedding was cancelled", "", "", 1}
                                          : ApiError{500, event.status.message(), "", "", 0};
      }
    } else {
      double sum = 0;
      for (const float x : event.hidden) sum += static_cast<double>(x) * x;
      const auto scale = static_cast<float>(sum > 0 ? 1 / std::sqrt(sum) : 0);
      for (float& x : event.hidden) x *= scale;
      result_.vectors[index] = std::move(event.hidden);
    }
    result_.prompt_tokens += event.stats.prompt_tokens;
    finish_one();
  }
  void fail(ApiError error, size_t not_submitted) {
    strand_->post([self = shared_from_this(), error = std::move(error), not_submitted] {
      if (!self->result_.error) self->result_.error = error;
      for (size_t i = 0; i < not_submitted; ++i) self->finish_one();
    });
  }
  std::mutex mutex;
  std::vector<RequestId> ids;  // behind the lock
  bool cancelled = false;

 private:
  void finish_one() {
    if (--left_ == 0) done_(std::move(result_));
  }
  const std::shared_ptr<Strand> strand_;
  const std::shared_ptr<Slot> slot_;
  const std::function<void(ChatService::Embeddings)> done_;
  ChatService::Embeddings result_;
  size_t left_;
};

}  // namespace

std::function<void()> ChatService::embed(std::vector<std::vector<int32_t>> inputs, const HttpRequest& request,
                                         std::function<void(Embeddings)> done) {
  const size_t n = inputs.size();
  std::shared_ptr<const Principal> principal = request.principal;
  if (request.slot != nullptr) request.slot->add_user();
  auto charge = [principal, slot = request.slot, record = request.record,
                 done = std::move(done)](Embeddings result) {
    if (slot != nullptr) slot->drop_user();
    if (principal != nullptr && principal->account != nullptr) {
      principal->account->charge(principal->limits, result.prompt_tokens, Clock::now());
    }
    if (record != nullptr) {
      const std::lock_guard lock(record->mutex);
      record->prompt_tokens = result.prompt_tokens;
    }
    done(std::move(result));
  };
  auto job = std::make_shared<EmbedJob>(n, std::make_shared<Strand>(pool_), request, std::move(charge));
  for (size_t i = 0; i < n; ++i) {
    GenerationRequest g;
    g.prompt = std::move(inputs[i]);
    g.params = model_.defaults;
    g.params.max_tokens = 0;
    g.want_hidden = true;
    g.tenant = principal != nullptr ? principal->tenant : "";
    g.priority = principal != nullptr ? principal->priority : 0;
    const Submission submission =
        model_.backend->submit(std::move(g), std::make_shared<EmbedJob::OneSink>(job, i));
    if (!submission.ok()) {
      const std::lock_guard lock(job->mutex);
      for (const RequestId id : job->ids) model_.backend->cancel(id);
      job->fail(refused(submission), n - i);
      break;
    }
    const std::lock_guard lock(job->mutex);
    job->ids.push_back(submission.id);
  }
  return [this, job] {
    const std::lock_guard lock(job->mutex);
    for (const RequestId id : job->ids) model_.backend->cancel(id);
  };
}

ApiError refused(const Submission& submission) {
  ApiError error;
  error.message = submission.status.message();
  switch (submission.verdict) {
    case SubmitVerdict::queue_full:
      error.http = 429;
      error.code = "queue_full";
      error.retry_after_seconds = std::max(1.0, submission.retry_after_seconds);
      break;
    case SubmitVerdict::draining:
    case SubmitVerdict::unhealthy:
      error.http = 503;
      error.retry_after_seconds = std::max(1.0, submission.retry_after_seconds);
      break;
    case SubmitVerdict::never_fits:
      error.code = "context_length_exceeded";
      break;
    case SubmitVerdict::bad_request:
    case SubmitVerdict::accepted:
      break;
  }
  return error;
}

std::string random_id(std::string_view prefix) {
  static constexpr char kLetters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string id(prefix);
  for (int words = 0; words < 3; ++words) {
    uint64_t bits = random_bits();
    for (int i = 0; i < 8; ++i, bits /= 62) id += kLetters[bits % 62];
  }
  return id;
}

}  // namespace jaju::server
