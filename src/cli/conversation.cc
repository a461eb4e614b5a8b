#include "cli/conversation.h"

#include <sys/random.h>

#include <chrono>
#include <optional>

#include "chat/output_parser.h"
#include "chat/stop_text.h"

namespace jaju::cli {
namespace {

namespace fs = std::filesystem;

Message say(std::string role, std::string content) {
  Message message;
  message.role = std::move(role);
  message.content = std::move(content);
  return message;
}

// The last tag of a prompt says which way the model was sent.
bool ends_thinking(const std::string& rendered) {
  const size_t last = rendered.find_last_not_of(" \n");
  constexpr std::string_view kTag = "<think>";
  return last != std::string::npos && last + 1 >= kTag.size() &&
         rendered.compare(last + 1 - kTag.size(), kTag.size(), kTag) == 0;
}

// `pieces` less their first n bytes.
std::vector<PromptPiece> drop_bytes(const std::vector<PromptPiece>& pieces, size_t n) {
  std::vector<PromptPiece> rest;
  for (const PromptPiece& piece : pieces) {
    const size_t cut = std::min(n, piece.text.size());
    n -= cut;
    if (cut < piece.text.size()) rest.push_back({piece.text.substr(cut), piece.trusted});
  }
  return rest;
}

}  // namespace

uint64_t random_seed() {
  uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != static_cast<ssize_t>(sizeof seed)) {
    seed = static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  return seed >> 33;  // 31 bits: short enough to type again
}

Result<std::unique_ptr<Conversation>> Conversation::open(const fs::path& dir, const EngineOptions& options) {
  std::unique_ptr<Conversation> c(new Conversation());
  c->dir_ = dir;
  // The small files first: a mistake in them should not cost the wait for the weights.
  JAJU_ASSIGN(c->tokenizer_, Tokenizer::load(dir));
  JAJU_ASSIGN(c->template_, ChatTemplate::load(dir));
  JAJU_ASSIGN(c->engine_, Engine::open(dir, options));
  const ModelConfig& config = c->engine_->config();
  if (c->tokenizer_->vocab_size() > config.vocab_size) {
    return error(
        "{}: tokenizer.json has {} tokens, but the model's vocabulary has {}; use the tokenizer.json that "
        "belongs to it",
        dir.string(), c->tokenizer_->vocab_size(), config.vocab_size);
  }
  JAJU_ASSIGN(c->defaults_, load_generation_defaults(dir, config, *c->tokenizer_));
  JAJU_ASSIGN(c->session_, c->engine_->new_session());
  return c;
}

void Conversation::clear() {
  set_messages({});
}

void Conversation::set_messages(std::vector<Message> messages) {
  messages_ = std::move(messages);
  replay_text_.clear();
  replay_tokens_.clear();
}

Result<std::vector<TokenId>> Conversation::encode_turns(const AskOptions& options,
                                                        std::string* rendered) const {
  std::vector<Message> turns;
  if (!options.system.empty()) turns.push_back(say("system", options.system));
  turns.insert(turns.end(), messages_.begin(), messages_.end());
  PromptOptions prompt_options;
  prompt_options.thinking = options.think;
  JAJU_ASSIGN(std::vector<PromptPiece> pieces, template_->render(turns, prompt_options));
  rendered->clear();
  for (const PromptPiece& piece : pieces) *rendered += piece.text;
  if (replay_text_.empty() || rendered->compare(0, replay_text_.size(), replay_text_) != 0) {
    return encode_prompt(*tokenizer_, pieces);
  }
  std::vector<TokenId> tokens = replay_tokens_;
  const std::vector<TokenId> rest = encode_prompt(*tokenizer_, drop_bytes(pieces, replay_text_.size()));
  tokens.insert(tokens.end(), rest.begin(), rest.end());
  return tokens;
}

Result<Answer> Conversation::ask(const std::string& user, const AskOptions& options, const AskHooks& hooks) {
  if (options.raw) return generate(tokenizer_->encode(user, SpecialText::parse), user, options, hooks);
  messages_.push_back(say("user", user));
  std::string rendered;
  Result<std::vector<TokenId>> prompt = encode_turns(options, &rendered);
  Result<Answer> answer =
      prompt.ok() ? generate(*prompt, rendered, options, hooks) : Result<Answer>(prompt.status());
  if (!answer.ok()) {
    messages_.pop_back();
    return answer;
  }
  messages_.push_back(say("assistant", answer->text));
  messages_.back().reasoning = answer->reasoning;
  return answer;
}

Result<Answer> Conversation::generate(const std::vector<TokenId>& prompt, const std::string& rendered,
                                      const AskOptions& options, const AskHooks& hooks) {
  if (prompt.empty()) return error("the prompt is empty; write something for the model to answer");
  Answer answer;
  SamplingParams sampling = options.sampling;
  if (!options.fixed_seed) sampling.seed = random_seed();
  answer.seed = sampling.seed;

  StreamDecoder decoder(*tokenizer_, /*skip_special=*/false);
  StopText stop(options.stop);
  OutputParser parser({.thinking = ends_thinking(rendered), .tools = false});
  const auto show = [&](const std::vector<OutputEvent>& events) {
    for (const OutputEvent& event : events) {
      if (event.kind == OutputEvent::Kind::reasoning) {
        answer.reasoning += event.text;
        if (hooks.on_reasoning) hooks.on_reasoning(event.text);
      } else {
        answer.text += event.text;
        if (hooks.on_answer) hooks.on_answer(event.text);
      }
    }
  };
  const auto feed = [&](const std::string& text) {
    if (text.empty()) return;
    // Without a template there are no turns to take apart.
    show(options.raw ? std::vector<OutputEvent>{{OutputEvent::Kind::answer, text, {}}} : parser.push(text));
  };

  GenerateHooks engine_hooks;
  engine_hooks.on_token = [&](int32_t token) {
    feed(stop.push(decoder.push(token)));
    return !stop.stopped();
  };
  engine_hooks.on_prefill = hooks.on_prefill;
  engine_hooks.cancel = hooks.cancel;
  JAJU_ASSIGN(Generation generation, session_->generate(prompt, sampling, engine_hooks));
  feed(stop.push(decoder.finish()));
  feed(stop.finish());
  show(parser.finish());
  answer.stop_string = stop.stopped();
  answer.reason = generation.reason;
  answer.stats = generation.stats;

  replay_text_ = rendered + tokenizer_->decode(generation.tokens);
  replay_tokens_ = prompt;
  replay_tokens_.insert(replay_tokens_.end(), generation.tokens.begin(), generation.tokens.end());
  return answer;
}

}  // namespace jaju::cli
