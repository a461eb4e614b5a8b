// One answer on its way to the screen: progress while the prompt is read, then reasoning and answer, and
// Ctrl-C.
#pragma once

#include <memory>
#include <string_view>

#include "base/progress.h"
#include "cli/answer_printer.h"
#include "cli/interrupt.h"

namespace jaju::cli {

class PrintedTurn {
 public:
  PrintedTurn(const PrinterOptions& options, bool second_interrupt_ends)
      : printer_(options), interrupt_(second_interrupt_ends) {}

  // Hooks: AskHooks or RemoteHooks. They must not outlive this object.
  template <typename Hooks>
  Hooks hooks() {
    Hooks hooks;
    hooks.cancel = interrupt_.flag();
    hooks.on_prefill = [this](int64_t done, int64_t total) {
      if (progress_ == nullptr) progress_ = std::make_unique<Progress>("reading the prompt", "tokens", total);
      progress_->update(done);
    };
    hooks.on_reasoning = [this](std::string_view text) {
      progress_.reset();
      printer_.reasoning(text);
    };
    hooks.on_answer = [this](std::string_view text) {
      progress_.reset();
      printer_.answer(text);
    };
    return hooks;
  }

  // Ends the answer. Returns whether it was interrupted.
  bool finish() {
    progress_.reset();
    printer_.finish();
    return interrupt_.hit();
  }

 private:
  AnswerPrinter printer_;
  InterruptScope interrupt_;
  std::unique_ptr<Progress> progress_;
};

}  // namespace jaju::cli
