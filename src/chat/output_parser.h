// Splits the model's text, as it arrives, into reasoning, answer and tool calls.
//
// Markers are <think>, </think>, <tool_call> and </tool_call>. They are recognised by spelling, so a model
// that writes them as one added token each and one that writes them as ordinary text are read alike: feed the
// text of added tokens too (StreamDecoder with skip_special = false, stop tokens left out). However the text
// is cut into pieces, the events are the same once neighbouring deltas of one kind are joined.
//
// White space: around reasoning, behind the </think> that ends it and in front of <tool_call> it is dropped.
// An answer that starts without reasoning keeps its first white space: the prompt ended in </think>, and the
// turn must come back byte for byte in the next prompt. Markers inside a JSON string of a call are part of
// the string.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/chat.h"

namespace jaju {

struct OutputEvent {
  enum class Kind {
    reasoning,  // text: a delta
    answer,     // text: a delta
    tool_call,  // call; text: the raw call with its markers. call.id is empty: the server numbers calls
    malformed_tool_call,  // text: the raw call with its markers, to be shown as answer text
  };
  Kind kind;
  std::string text;
  ToolCall call;
};

class OutputParser {
 public:
  struct Options {
    bool thinking = false;  // the prompt ended in <think>
    bool tools = true;      // false: <tool_call> is ordinary text
  };
  explicit OutputParser(Options options);

  std::vector<OutputEvent> push(std::string_view text);
  // The end of the turn: what was held back, a call without its end marker included. A quote without its pair
  // hides the end marker of a call: that call is then malformed, and what follows it is read anew.
  std::vector<OutputEvent> finish();

 private:
  enum class State {
    answer_start,     // nothing seen yet, the prompt ended in </think> or in no tag
    reasoning_start,  // white space and one repeated <think> may come
    reasoning,
    after_reasoning,  // white space may come
    answer,
    call,
  };
  // Each handles what it can of pending_ and returns false when it needs more text.
  bool step(std::vector<OutputEvent>& out);
  bool start_answer();
  bool start_reasoning();
  bool read_reasoning(std::vector<OutputEvent>& out);
  bool read_answer(std::vector<OutputEvent>& out);
  bool read_call(std::vector<OutputEvent>& out);
  void begin_call(size_t payload);
  void end_call(std::vector<OutputEvent>& out, size_t payload_end, size_t raw_end);
  bool drop_space();
  std::string_view rest() const { return std::string_view(pending_).substr(begin_); }
  void consume(size_t n);

  const Options options_;
  State state_;
  std::string pending_;  // from begin_ on; what is before is dropped once per push
  size_t begin_ = 0;
  size_t spaces_ = 0;        // so much of rest() is known to be white space: a run of it is looked at once
  int rereads_ = 0;          // calls that finish() took apart again
  bool after_call_ = false;  // no answer text since the last call
  bool repeated_think_ = false;
  // Position in the payload of a call, rest() from behind <tool_call>.
  size_t scanned_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace jaju
