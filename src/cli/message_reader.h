// What is typed in a session on the terminal, one message at a time, and kept for the next session.
#pragma once

#include <string>

#include "cli/line_editor.h"

namespace jaju::cli {

enum class Typed {
  message,  // a line, or the lines between two """
  command,  // one line that begins with '/'; between """ it is a message
  nothing,
  end,
};

class MessageReader {
 public:
  // What was typed in earlier sessions is at hand.
  MessageReader();
  // Reads the next one; commands without the white space around them. `keep`: in the history file as well,
  // until that cannot be written, which is told once.
  Typed read(std::string* message, bool keep);

 private:
  Typed read_one(std::string* message);

  LineEditor editor_;
  bool history_works_ = true;
};

}  // namespace jaju::cli
