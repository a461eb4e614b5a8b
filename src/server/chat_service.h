// Answers a ChatCall: prompt, constraint, scheduler, and the model's tokens as reasoning, answer and tool
// calls. The dialects only translate.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "chat/output_parser.h"
#include "runtime/scheduler.h"
#include "server/api_error.h"
#include "server/auth.h"
#include "server/chat_call.h"
#include "server/http_types.h"
#include "server/served_model.h"
#include "server/worker_pool.h"

namespace jaju::server {

class ServerMetrics;

struct TokenLogprob {
  int32_t id = 0;
  std::string bytes;
  float logprob = 0;
  std::vector<std::pair<std::string, float>> top;
};

struct ChatDelta {
  enum class Kind { reasoning, answer, tool_call };
  int choice = 0;
  Kind kind = Kind::answer;
  std::string text;
  ToolCall call;                       // tool_call: whole, with its id
  int call_index = 0;                  // of this choice, from 0
  std::vector<TokenLogprob> logprobs;  // of the answer's tokens since the delta before, when asked for
};

struct ChoiceEnd {
  enum class Reason { stop, length, tool_calls, stop_string, error };
  Reason reason = Reason::stop;
  std::string stop_string;  // which
  std::optional<ApiError> error;
  std::vector<TokenLogprob> logprobs;  // what no delta carried
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t completion_tokens = 0;  // of all choices, stop tokens included
  int64_t reasoning_tokens = 0;
  int64_t drafted_tokens = 0, accepted_tokens = 0;
  std::string cache_note;  // where the prefix cache stopped and why
  double queue_seconds = 0, first_token_seconds = 0;
  double prompt_per_second = 0;  // tokens that were read, cached ones not counted
  double predicted_per_second = 0;
};

// What was decided for a request, for its answer to say.
struct RunFacts {
  int64_t created = 0;  // seconds since 1970
  bool thinking = false;
  int64_t thinking_budget = -1;
  uint64_t seed = 0;
  int64_t prompt_tokens = 0;
};

// A dialect's side of a run. One call at a time, on a worker thread, in this order: progress*, deltas and
// choice ends, one end. After cancel() nothing more comes but perhaps one call already under way.
class ChatObserver {
 public:
  virtual ~ChatObserver() = default;
  virtual void on_progress(int64_t /*done*/, int64_t /*total*/) {}
  virtual void on_delta(ChatDelta&& delta) = 0;
  virtual void on_choice_end(int choice, ChoiceEnd&& end) = 0;
  virtual void on_end(const Usage& usage) = 0;
};

class ChatRun {
 public:
  virtual ~ChatRun() = default;
  virtual const RunFacts& facts() const = 0;
  // Lets events reach the observer; the model works since start().
  virtual void go(std::shared_ptr<ChatObserver> observer) = 0;
  // The client is gone: the scheduler drops the request before its next step.
  virtual void cancel() = 0;
};

class ChatService {
 public:
  ChatService(ServedModel& model, WorkerPool& pool, ServerMetrics* metrics)
      : model_(model), pool_(pool), metrics_(metrics) {}

  // Slow (templates, tokenizing, grammars): on a worker thread.
  std::variant<ApiError, std::shared_ptr<ChatRun>> start(ChatCall call, const HttpRequest& request,
                                                         const std::string& tool_id_prefix);
  // Prompt tokens of a call, for count_tokens.
  std::variant<ApiError, int64_t> count_tokens(const ChatCall& call, const HttpRequest& request);

  struct Embeddings {
    std::optional<ApiError> error;
    std::vector<std::vector<float>> vectors;  // unit length
    int64_t prompt_tokens = 0;
  };
  // One vector per input; `done` is called once, on a worker thread. Returns what cancels it.
  std::function<void()> embed(std::vector<std::vector<int32_t>> inputs, const HttpRequest& request,
                              std::function<void(Embeddings)> done);

  ServedModel& model() { return model_; }

 private:
  ServedModel& model_;
  WorkerPool& pool_;
  ServerMetrics* metrics_;
};

// The scheduler's refusal as an error of the API.
ApiError refused(const Submission& submission);
// "call_" and 24 letters nobody can guess.
std::string random_id(std::string_view prefix);

}  // namespace jaju::server
