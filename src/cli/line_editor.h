// Typing a message: line editing with history over libedit, in UTF-8, with paste and $EDITOR.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace jaju::cli {

class LineEditor {
 public:
  enum class Outcome {
    line,
    interrupted,
    end
  };  // a line; Ctrl-C; Ctrl-D on an empty line or the terminal gone

  LineEditor();
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // Shows `prompt` (on stderr) and reads one line without its newline. A pasted text may hold newlines, and
  // so may what came back from $EDITOR (Ctrl-g).
  Outcome read(const std::string& prompt, std::string* line);
  void add_history(const std::string& entry);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace jaju::cli
