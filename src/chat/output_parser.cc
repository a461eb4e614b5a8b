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

// End of `text` without the white space before `end`.
size_t before_space(std::string_view text, size_t end) {
  while (end > 0 && is_space(text[end - 1])) --end;
  return end;
}

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
  return out;
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
  size_t n = 0;
  while (n < pending_.size() && is_space(pending_[n])) ++n;
  pending_.erase(0, n);
  return !pending_.empty();
}

// A model whose prompt carries no tag may open its own reasoning, or close one that was never opened.
bool OutputParser::start_answer() {
  size_t n = 0;
  while (n < pending_.size() && is_space(pending_[n])) ++n;
  std::string_view rest = std::string_view(pending_).substr(n);
  if (unfinished(rest, kThink) || unfinished(rest, kEndThink)) return false;
  if (rest.starts_with(kThink)) {
    pending_.erase(0, n + kThink.size());
    repeated_think_ = true;
    state_ = State::reasoning_start;
  } else if (rest.starts_with(kEndThink)) {
    pending_.erase(0, n + kEndThink.size());
    state_ = State::after_reasoning;
  } else {
    state_ = State::answer;
  }
  return true;
}

bool OutputParser::start_reasoning() {
  if (!drop_space()) return false;
  if (!repeated_think_) {
    if (unfinished(pending_, kThink)) return false;
    if (std::string_view(pending_).starts_with(kThink)) {
      repeated_think_ = true;
      pending_.erase(0, kThink.size());
      return true;
    }
  }
  state_ = State::reasoning;
  return true;
}

bool OutputParser::read_reasoning(std::vector<OutputEvent>& out) {
  const std::string_view text = pending_;
  size_t marker = text.find(kEndThink);
  if (marker != std::string_view::npos) {
    emit(out, OutputEvent::Kind::reasoning, text.substr(0, before_space(text, marker)));
    pending_.erase(0, marker + kEndThink.size());
    state_ = State::after_reasoning;
    return true;
  }
  size_t keep = before_space(text, text.size() - unfinished_suffix(text, kEndThink));
  emit(out, OutputEvent::Kind::reasoning, text.substr(0, keep));
  pending_.erase(0, keep);
  return false;
}

bool OutputParser::read_answer(std::vector<OutputEvent>& out) {
  const std::string_view text = pending_;
  if (!options_.tools) {
    emit(out, OutputEvent::Kind::answer, text);
    pending_.clear();
    return false;
  }
  size_t marker = text.find(kCall);
  const bool found = marker != std::string_view::npos;
  const size_t end = found ? marker : text.size() - unfinished_suffix(text, kCall);
  const size_t keep = before_space(text, end);
  if (keep > 0) after_call_ = false;
  emit(out, OutputEvent::Kind::answer, text.substr(0, keep));
  if (!found) {
    pending_.erase(0, keep);
    return false;
  }
  begin_call(marker + kCall.size());
  return true;
}

void OutputParser::begin_call(size_t payload) {
  pending_.erase(0, payload);
  state_ = State::call;
  scanned_ = 0;
  in_string_ = escaped_ = false;
}

void OutputParser::end_call(std::vector<OutputEvent>& out, size_t payload_end, size_t raw_end) {
  OutputEvent event{OutputEvent::Kind::malformed_tool_call, std::string(kCall), {}};
  event.text += std::string_view(pending_).substr(0, raw_end);
  if (parse_call(std::string_view(pending_).substr(0, payload_end), &event.call)) {
    event.kind = OutputEvent::Kind::tool_call;
  } else {
    event.call = {};
  }
  out.push_back(std::move(event));
  pending_.erase(0, raw_end);
  state_ = State::answer;
  after_call_ = true;
}

bool OutputParser::read_call(std::vector<OutputEvent>& out) {
  const std::string_view text = pending_;
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
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '<') {
      const std::string_view rest = text.substr(scanned_);
      if (rest.starts_with(kEndCall)) {
        end_call(out, scanned_, scanned_ + kEndCall.size());
        return true;
      }
      if (rest.starts_with(kCall)) {  // the last call was never closed
        end_call(out, scanned_, before_space(text, scanned_));
        return true;
      }
      if (unfinished(rest, kEndCall) || unfinished(rest, kCall)) return false;
    }
  }
  return false;
}

std::vector<OutputEvent> OutputParser::finish() {
  std::vector<OutputEvent> out;
  while (state_ == State::call) {
    ToolCall call;
    size_t marker = pending_.find(kEndCall);
    if (parse_call(pending_, &call) || marker == std::string::npos) {
      end_call(out, pending_.size(), pending_.size());
    } else {
      // A quote without its pair hid the end marker: this call is text, what follows is read anew.
      end_call(out, marker, marker + kEndCall.size());
      while (step(out)) {
      }
    }
  }
  const bool reasoning = state_ == State::reasoning || state_ == State::reasoning_start;
  std::string_view rest = pending_;
  if (reasoning) {
    rest = trim(rest);
  } else if (after_call_ && trim(rest).empty()) {
    rest = {};
  }
  emit(out, reasoning ? OutputEvent::Kind::reasoning : OutputEvent::Kind::answer, rest);
  pending_.clear();
  state_ = State::answer;
  return out;
}

}  // namespace jaju
