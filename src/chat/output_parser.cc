#include "chat/output_parser.h"

#include <algorithm>

#include "base/json.h"

namespace jaju {
namespace {

constexpr std::string_view kThink = "<think>";
constexpr std::string_view kEndThink = "</think>";
constexpr std::string_view kCall = "<tool_call>";
constexpr std::string_view kEndCall = "</tool_call>";

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
  return s;
}

// `text` may still become `marker`.
bool unfinished(std::string_view text, std::string_view marker) {
  return text.size() < marker.size() && marker.starts_with(text);
}

// Length of the longest end of `text` that may still become `marker`.
size_t unfinished_suffix(std::string_view text, std::string_view marker) {
  for (size_t n = std::min(text.size(), marker.size() - 1); n > 0; --n) {
    if (text.ends_with(marker.substr(0, n))) return n;
  }
  return 0;
}

// End of `text` without the white space before `end`; the first `spaces` bytes are known to be white space.
size_t before_space(std::string_view text, size_t end, size_t spaces) {
  while (end > spaces && is_space(text[end - 1])) --end;
  return end > spaces ? end : 0;
}

// Length of the white space at the start of `text`, of which `spaces` bytes are known.
size_t leading_space(std::string_view text, size_t spaces) {
  while (spaces < text.size() && is_space(text[spaces])) ++spaces;
  return spaces;
}

// A model may write a quote that hides the end of every call behind it; each is read anew at the end, but not
// more often than this: then quotes no longer count, and the time stays linear.
constexpr int kMaxRereads = 16;

bool parse_call(std::string_view payload, ToolCall* call) {
  auto json = parse_ordered_json(trim(payload), "tool call");
  if (!json.ok() || !json->is_object()) return false;
  auto name = json->find("name");
  if (name == json->end() || !name->is_string()) return false;
  call->name = name->get<std::string>();
  if (call->name.empty()) return false;
  auto arguments = json->find("arguments");
  if (arguments == json->end()) arguments = json->find("parameters");
  call->arguments = nlohmann::ordered_json::object();
  if (arguments == json->end() || arguments->is_null()) return true;
  if (arguments->is_string()) {  // JSON written into a string, as the API itself carries it
    auto inner = parse_ordered_json(arguments->get_ref<const std::string&>(), "arguments");
    if (!inner.ok() || !inner->is_object()) return false;
    call->arguments = std::move(*inner);
    return true;
  }
  if (!arguments->is_object()) return false;
  call->arguments = std::move(*arguments);
  return true;
}

void emit(std::vector<OutputEvent>& out, OutputEvent::Kind kind, std::string_view text) {
  if (text.empty()) return;
  if (!out.empty() && out.back().kind == kind) {
    out.back().text += text;
  } else {
    out.push_back({kind, std::string(text), {}});
  }
}

}  // namespace

OutputParser::OutputParser(Options options)
    : options_(options), state_(options.thinking ? State::reasoning_start : State::answer_start) {}

std::vector<OutputEvent> OutputParser::push(std::string_view text) {
  std::vector<OutputEvent> out;
  pending_ += text;
  while (step(out)) {
  }
  pending_.erase(0, begin_);
  begin_ = 0;
  return out;
}

void OutputParser::consume(size_t n) {
  begin_ += n;
  spaces_ = spaces_ > n ? spaces_ - n : 0;
}

bool OutputParser::step(std::vector<OutputEvent>& out) {
  switch (state_) {
    case State::answer_start:
      return start_answer();
    case State::reasoning_start:
      return start_reasoning();
    case State::reasoning:
      return read_reasoning(out);
    case State::after_reasoning:
      if (!drop_space()) return false;
      state_ = State::answer;
      return true;
    case State::answer:
      return read_answer(out);
    case State::call:
      return read_call(out);
  }
  return false;
}

// Drops white space at the front; false when nothing else is there yet.
bool OutputParser::drop_space() {
  consume(leading_space(rest(), spaces_));
  return !rest().empty();
}

// A model whose prompt carries no tag may open its own reasoning, or close one that was never opened.
bool OutputParser::start_answer() {
  const size_t n = spaces_ = leading_space(rest(), spaces_);
  const std::string_view text = rest().substr(n);
  if (unfinished(text, kThink) || unfinished(text, kEndThink)) return false;
  if (text.starts_with(kThink)) {
    consume(n + kThink.size());
    repeated_think_ = true;
    state_ = State::reasoning_start;
  } else if (text.starts_with(kEndThink)) {
    consume(n + kEndThink.size());
    state_ = State::after_reasoning;
  } else {
    state_ = State::answer;
  }
  return true;
}

bool OutputParser::start_reasoning() {
  if (!drop_space()) return false;
  if (!repeated_think_) {
    if (unfinished(rest(), kThink)) return false;
    if (rest().starts_with(kThink)) {
      repeated_think_ = true;
      consume(kThink.size());
      return true;
    }
  }
  state_ = State::reasoning;
  return true;
}

bool OutputParser::read_reasoning(std::vector<OutputEvent>& out) {
  const std::string_view text = rest();
  const size_t marker = text.find(kEndThink, spaces_);
  if (marker != std::string_view::npos) {
    emit(out, OutputEvent::Kind::reasoning, text.substr(0, before_space(text, marker, spaces_)));
    consume(marker + kEndThink.size());
    state_ = State::after_reasoning;
    return true;
  }
  const size_t end = text.size() - unfinished_suffix(text, kEndThink);
  const size_t keep = before_space(text, end, spaces_);
  emit(out, OutputEvent::Kind::reasoning, text.substr(0, keep));
  consume(keep);
  spaces_ = end - keep;
  return false;
}

bool OutputParser::read_answer(std::vector<OutputEvent>& out) {
  const std::string_view text = rest();
  if (!options_.tools) {
    emit(out, OutputEvent::Kind::answer, text);
    consume(text.size());
    return false;
  }
  const size_t marker = text.find(kCall, spaces_);
  const bool found = marker != std::string_view::npos;
  const size_t end = found ? marker : text.size() - unfinished_suffix(text, kCall);
  const size_t keep = before_space(text, end, spaces_);
  if (keep > 0) after_call_ = false;
  emit(out, OutputEvent::Kind::answer, text.substr(0, keep));
  if (!found) {
    consume(keep);
    spaces_ = end - keep;
    return false;
  }
  begin_call(marker + kCall.size());
  return true;
}

void OutputParser::begin_call(size_t payload) {
  consume(payload);
  state_ = State::call;
  scanned_ = 0;
  in_string_ = escaped_ = false;
}

void OutputParser::end_call(std::vector<OutputEvent>& out, size_t payload_end, size_t raw_end) {
  OutputEvent event{OutputEvent::Kind::malformed_tool_call, std::string(kCall), {}};
  event.text += rest().substr(0, raw_end);
  if (parse_call(rest().substr(0, payload_end), &event.call)) {
    event.kind = OutputEvent::Kind::tool_call;
  } else {
    event.call = {};
  }
  out.push_back(std::move(event));
  consume(raw_end);
  state_ = State::answer;
  after_call_ = true;
}

bool OutputParser::read_call(std::vector<OutputEvent>& out) {
  const std::string_view text = rest();
  for (; scanned_ < text.size(); ++scanned_) {
    const char c = text[scanned_];
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
    } else if (c == '"' && rereads_ < kMaxRereads) {
      in_string_ = true;
    } else if (c == '<') {
      const std::string_view tail = text.substr(scanned_);
      if (tail.starts_with(kEndCall)) {
        end_call(out, scanned_, scanned_ + kEndCall.size());
        return true;
      }
      if (tail.starts_with(kCall)) {  // the last call was never closed
        end_call(out, scanned_, before_space(text, scanned_, 0));
        return true;
      }
      if (unfinished(tail, kEndCall) || unfinished(tail, kCall)) return false;
    }
  }
  return false;
}

std::vector<OutputEvent> OutputParser::finish() {
  std::vector<OutputEvent> out;
  while (state_ == State::call) {
    ToolCall call;
    const size_t marker = rest().find(kEndCall);
    if (parse_call(rest(), &call) || marker == std::string_view::npos) {
      end_call(out, rest().size(), rest().size());
    } else {
      // A quote without its pair hid the end marker: this call is text, what follows is read anew.
      ++rereads_;
      end_call(out, marker, marker + kEndCall.size());
      while (step(out)) {
      }
    }
  }
  const bool reasoning = state_ == State::reasoning || state_ == State::reasoning_start;
  std::string_view last = rest();
  if (reasoning) {
    last = trim(last);
  } else if (after_call_ && trim(last).empty()) {
    last = {};
  }
  emit(out, reasoning ? OutputEvent::Kind::reasoning : OutputEvent::Kind::answer, last);
  pending_.clear();
  begin_ = spaces_ = 0;
  rereads_ = 0;
  state_ = State::answer;
  return out;
}

}  // namespace jaju
