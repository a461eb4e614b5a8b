// Stop strings, matched on the text of an answer whatever token borders they cross.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jaju {

class StopText {
 public:
  explicit StopText(std::vector<std::string> stops);

  // Takes the next text; returns what may be shown: everything up to the first stop string, less an end that
  // could still grow into one.
  std::string push(std::string_view text);
  // What was held back, when the answer ends without a stop string.
  std::string finish();
  bool stopped() const { return stopped_; }
  // The stop string that ended it; empty before.
  const std::string& which() const { return which_; }

 private:
  std::vector<std::string> stops_;  // none is empty
  std::string held_;
  std::string which_;
  bool stopped_ = false;
};

}  // namespace jaju
