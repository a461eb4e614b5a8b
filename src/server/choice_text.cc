#include "server/choice_text.h"

namespace jaju::server {

ChoiceText::ChoiceText(const Tokenizer& tokenizer, ChoiceTextOptions options)
    : tokenizer_(tokenizer),
      options_(std::move(options)),
      decoder_(tokenizer, /*skip_special=*/false),
      stop_(options_.stop),
      parser_({.thinking = options_.thinking, .tools = options_.tools}),
      in_reasoning_(options_.thinking && options_.think_close >= 0) {}

std::vector<ChatDelta> ChoiceText::push(const TokenEvent& token) {
  std::vector<ChatDelta> out;
  if (stopped()) return out;
  tokens_.push_back(token.token);
  const bool closes = in_reasoning_ && token.token == options_.think_close;
  if (!closes) (in_reasoning_ ? turn_.reasoning : turn_.rest).push_back(token.token);
  if (options_.logprobs && !in_reasoning_) {
    TokenLogprob entry;
    entry.id = token.token;
    entry.bytes = std::string(tokenizer_.bytes_of(token.token));
    entry.logprob = token.logprob;
    for (const auto& [id, logprob] : token.top)
      entry.top.emplace_back(std::string(tokenizer_.bytes_of(id)), logprob);
    logprobs_.push_back(std::move(entry));
  }
  const std::string text = decoder_.push(token.token);
  if (in_reasoning_)
    take(parser_.push(text), out);
  else
    feed(stop_.push(text), out);
  if (closes) in_reasoning_ = false;
  return out;
}

std::vector<ChatDelta> ChoiceText::finish(bool cut) {
  std::vector<ChatDelta> out;
  const std::string rest = decoder_.finish();
  if (in_reasoning_) {
    take(parser_.push(rest), out);
  } else {
    feed(stop_.push(rest), out);
    feed(stop_.finish(), out);
  }
  if (!options_.raw) {
    std::vector<OutputEvent> last = parser_.finish();
    // The beginning of a call that the limit cut off is neither a call nor an answer.
    if (cut && !last.empty() && last.back().kind == OutputEvent::Kind::malformed_tool_call) last.pop_back();
    take(std::move(last), out);
  }
  return out;
}

void ChoiceText::feed(std::string_view text, std::vector<ChatDelta>& out) {
  if (text.empty()) return;
  if (options_.raw) {
    std::vector<OutputEvent> whole(1);
    whole[0].kind = OutputEvent::Kind::answer;
    whole[0].text = std::string(text);
    take(std::move(whole), out);
  } else {
    take(parser_.push(text), out);
  }
}

void ChoiceText::take(std::vector<OutputEvent>&& events, std::vector<ChatDelta>& out) {
  for (OutputEvent& event : events) {
    ChatDelta delta;
    delta.choice = options_.choice;
    switch (event.kind) {
      case OutputEvent::Kind::reasoning:
        delta.kind = ChatDelta::Kind::reasoning;
        turn_.reasoning_text += event.text;
        break;
      case OutputEvent::Kind::answer:
      case OutputEvent::Kind::malformed_tool_call:
        delta.kind = ChatDelta::Kind::answer;
        turn_.content += event.text;
        delta.logprobs = std::move(logprobs_);
        logprobs_.clear();
        break;
      case OutputEvent::Kind::tool_call:
        delta.kind = ChatDelta::Kind::tool_call;
        delta.call = std::move(event.call);
        delta.call.id = random_id(options_.tool_id_prefix);
        delta.call_index = tool_calls();
        turn_.calls.push_back(delta.call);
        break;
    }
    delta.text = std::move(event.text);
    out.push_back(std::move(delta));
  }
}

}  // namespace jaju::server
