// One message of a session on the terminal: a line, or the lines between two """.
#pragma once

#include <string>

#include "cli/line_editor.h"

namespace jaju::cli {

enum class Typed {
  message,
  command,  // one line that begins with '/'; between """ it is a message
  nothing,
  end,
};

// Reads the next one; commands without the white space around them.
Typed read_message(LineEditor& editor, std::string* message);

}  // namespace jaju::cli
