// Cuts a template into text and the tokens inside {{ }} and {% %}, and applies white space control: the signs
// - and +, and trim_blocks and lstrip_blocks, which Transformers turns on. Comments and raw blocks end here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jaju::jinja {

struct Token {
  enum class Kind {
    text,          // literal template text
    output_begin,  // {{
    output_end,    // }}
    block_begin,   // {%
    block_end,     // %}
    name,
    string,  // value is unescaped
    integer,
    real,
    op,  // value is the operator or bracket
    end,
  };
  Kind kind = Kind::end;
  std::string value;
  int line = 0;
};

// Ends with one Token of kind end. Throws TemplateError with a line.
std::vector<Token> tokenize(std::string_view source);

}  // namespace jaju::jinja
