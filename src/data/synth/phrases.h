// Sentences from patterns: slots, and Korean particles that fit the word or the number read aloud.
//
//   fill("{a|와} {b|을} 더하면 얼마야?", {{"a", "47"}, {"b", "86"}})   "47과 86을 더하면 얼마야?"
//   josa("사과", Josa::object)                                          "를"
//   josa("3/4", Josa::topic)                                            "은"   (4분의 3은)
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "data/synth.h"

namespace jaju::data {

// The two forms of a particle: after a closed syllable, after an open one.
enum class Josa {
  topic,      // 은, 는
  subject,    // 이, 가
  object,     // 을, 를
  with,       // 과, 와
  together,   // 이랑, 랑
  by,         // 으로, 로 (로 after ㄹ, too)
  is_polite,  // 이에요, 예요
  is_casual,  // 이야, 야
  is_plain,   // 이다, 다
  is_right,   // 이죠, 죠
  is_and,     // 이고, 고
  is_when,    // 이면, 면
  is_as,      // 이라, 라
  or_so,      // 이나, 나
  ask,        // 이니, 니
};

// The form of the particle that follows `word_or_number`. A number is heard in Sino-Korean (10 is 십, 3.5 삼
// 점 오, 3/4 사분의 삼, 14:05 열네 시 오 분, 20% 퍼센트, 5kg 킬로그램); closing quotes and brackets are not
// heard. A word in Latin letters is judged by its last letter: a single one by its name (x 엑스, n 엔).
std::string_view josa(std::string_view word_or_number, Josa kind);

// `word_or_number` with its particle.
std::string with_josa(std::string_view word_or_number, Josa kind);

using Slot = std::pair<std::string_view, std::string_view>;  // name, value

// `pattern` with every "{name}" replaced by its value; "{name|을}" adds the particle that fits the value,
// named by either of its forms. "{{" stands for "{". A name without a slot or an unknown particle is a
// mistake of ours and stops the process (JAJU_CHECK).
std::string fill(std::string_view pattern, std::span<const Slot> slots);
std::string fill(std::string_view pattern, std::initializer_list<Slot> slots);

// Patterns of one family in the five languages.
struct Patterns {
  std::span<const std::string_view> ko, en, zh, ja, es;
  std::span<const std::string_view> in(Language language) const;
};

// One pattern of `patterns` in `language`, each as likely, filled.
std::string phrase(Dice& dice, Language language, const Patterns& patterns,
                   std::initializer_list<Slot> slots);

// "1,234,567"
std::string with_commas(int64_t n);

}  // namespace jaju::data
