// UTF-8 as bytes arrive: validation and boundaries. Invalid bytes are data to handle, never undefined
// behaviour.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jaju {

// Length of the valid character at the start of `text` (1-4), or 0 when the first bytes are not valid UTF-8
// (overlong, surrogate, above U+10FFFF, truncated). If `code_point` is given it is set when valid.
int utf8_length(std::string_view text, uint32_t* code_point = nullptr);

// True when `text` could be the unfinished start of one valid character: needs more bytes, none wrong so far.
bool utf8_is_prefix(std::string_view text);

bool utf8_valid(std::string_view text);

// Every maximal invalid part becomes U+FFFD (the WHATWG rule, as Python's and Rust's "replace" do).
std::string utf8_replace_invalid(std::string_view text);

// A name from a file as a message may show it: invalid UTF-8 and control bytes replaced, cut at 120 bytes.
std::string printable(std::string_view name);

void utf8_append(std::string& out, uint32_t code_point);

}  // namespace jaju
