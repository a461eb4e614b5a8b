// The byte-level alphabet: every byte has a printable character, so any text becomes a string of them.
// Printable Latin-1 bytes stand for themselves, the other 68 are U+0100, U+0101, ... in byte order.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace jaju {

// Code point of each byte's character.
const std::array<uint16_t, 256>& byte_level_chars();

// Byte a character stands for, or -1.
int byte_of_char(uint32_t c);

// Each byte of `bytes` as its character, in UTF-8.
std::string to_byte_level(std::string_view bytes);

// The bytes `text` (valid UTF-8) stands for; false (and `out` unchanged) when some character is outside the
// alphabet.
bool from_byte_level(std::string_view text, std::string& out);

}  // namespace jaju
