// Shows an answer as it comes: the answer on stdout, the reasoning dim on stderr.
//
// On a terminal words are wrapped and control characters are made visible, so a model can not move the
// cursor, set the window's title or worse. Into a pipe or a file the answer goes byte for byte.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/status.h"

namespace jaju::cli {

// Columns of one character: 0 for combining ones, 2 for Hangul and other wide ones.
int column_width(uint32_t code_point);

// Text for a terminal of `columns` columns (0: never wrap). Words move to the next line whole; a word longer
// than the line is cut; wide ideographs may break anywhere.
class TerminalText {
 public:
  explicit TerminalText(int columns) : columns_(columns) {}
  // What to write now; the unfinished last word is held back.
  std::string push(std::string_view text);
  std::string finish();
  bool at_line_start() const { return column_ == 0 && word_.empty(); }

 private:
  void flush_word(std::string& out);

  int columns_;
  int column_ = 0;
  std::string spaces_;  // blanks between the last word and the one being collected
  std::string word_;
  int word_width_ = 0;
};

struct PrinterOptions {
  bool hide_thinking = false;
  bool word_wrap = true;
};

class AnswerPrinter {
 public:
  explicit AnswerPrinter(const PrinterOptions& options);
  ~AnswerPrinter();
  AnswerPrinter(const AnswerPrinter&) = delete;
  AnswerPrinter& operator=(const AnswerPrinter&) = delete;

  void reasoning(std::string_view text);
  void answer(std::string_view text);
  // Ends the answer: the last line gets its newline.
  void finish();
  double thinking_seconds() const { return thinking_seconds_; }

 private:
  using Clock = std::chrono::steady_clock;
  void end_reasoning();

  const PrinterOptions options_;
  const bool stdout_terminal_;
  const bool stderr_terminal_;
  const bool dim_;
  TerminalText answer_text_;
  TerminalText reasoning_text_;
  bool thinking_ = false;
  bool answered_ = false;
  bool ends_with_newline_ = false;
  bool finished_ = false;
  Clock::time_point thinking_start_{};
  double thinking_seconds_ = 0;
};

}  // namespace jaju::cli
