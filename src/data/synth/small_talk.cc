// Families of small talk (greetings, who are you, what can you do) and of small facts (capitals, opposites,
// words in other languages). Answers are canonical, one per question's meaning, so that exact match is fair.
#include <string>

#include "base/check.h"
#include "data/synth/families.h"
#include "data/synth/phrases.h"
#include "data/synth/small_facts.h"
#include "data/synth/small_talk_lines.h"

namespace jaju::data {

std::span<const Talk> talks_ko();
std::span<const Talk> talks_en();
std::span<const Talk> talks_zh();
std::span<const Talk> talks_ja();
std::span<const Talk> talks_es();

std::span<const Talk> talks(Language language) {
  return choose<std::span<const Talk>>(language, talks_ko(), talks_en(), talks_zh(), talks_ja(), talks_es());
}

namespace {

std::string_view one_of(Dice& dice, std::initializer_list<std::string_view> items) {
  return dice.pick(std::span<const std::string_view>(items.begin(), items.size()));
}

bool ends_in_any(std::string_view s, std::initializer_list<std::string_view> ends) {
  for (const std::string_view end : ends) {
    if (s.ends_with(end)) return true;
  }
  return false;
}

// As people type: a mark more or less, a name in front, lower case.
std::string as_typed(Dice& dice, Language language, std::string_view question) {
  std::string s(question);
  const bool asks = ends_in_any(s, {"?", "？"});
  if (asks && dice.chance(0.12)) s.resize(s.size() - (s.ends_with("?") ? 1 : std::string_view("？").size()));
  if (!asks && dice.chance(0.4)) {
    switch (language) {
      case Language::ko:
        s += one_of(dice, {"!", ".", "~", "~!", "!!", " ㅎㅎ", " :)", "..."});
        break;
      case Language::en:
        s += one_of(dice, {"!", ".", "!!", " :)", "..."});
        break;
      case Language::zh:
        s += one_of(dice, {"！", "。", "～", "！！", "!"});
        break;
      case Language::ja:
        s += one_of(dice, {"！", "。", "～", "！！", "!"});
        break;
      case Language::es:
        s += one_of(dice, {"!", ".", " :)", "!!"});
        break;
    }
  }
  const bool latin = language == Language::en || language == Language::es;
  if (latin && dice.chance(0.25) && s.find("A.X") == std::string::npos && s.find("SK") == std::string::npos) {
    for (char& c : s) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (s.starts_with("¿") && dice.chance(0.2)) s.erase(0, std::string_view("¿").size());
  if (dice.chance(0.15) && s.find("jaju") == std::string::npos && s.find("자주") == std::string::npos) {
    if (latin && !s.starts_with("I ") && !s.starts_with("I'")) {
      const size_t first = s.starts_with("¿") ? std::string_view("¿").size() : 0;
      if (s[first] >= 'A' && s[first] <= 'Z') s[first] = static_cast<char>(s[first] - 'A' + 'a');
    }
    switch (language) {
      case Language::ko:
        s = std::string(one_of(dice, {"자주야, ", "자주, ", "저기, ", "있잖아, ", "음, ", "혹시 "})) + s;
        break;
      case Language::en:
        s = std::string(one_of(dice, {"Jaju, ", "Hey, ", "So, ", "Well, ", "Hey jaju, "})) + s;
        break;
      case Language::zh:
        s = std::string(one_of(dice, {"jaju，", "那个，", "嗯，", "请问，"})) + s;
        break;
      case Language::ja:
        s = std::string(one_of(dice, {"jaju、", "あの、", "えっと、", "ねえ、"})) + s;
        break;
      case Language::es:
        s = std::string(one_of(dice, {"Jaju, ", "Oye, ", "Bueno, ", "A ver, "})) + s;
        break;
    }
  }
  return s;
}

Problem small_talk(Dice& dice, Language language, int) {
  const Talk& talk = dice.pick(talks(language));
  Problem p;
  p.question = as_typed(dice, language, dice.pick(talk.questions));
  p.thinking = talk.thinking;
  p.answer = talk.answer;
  p.expected = talk.answer;
  return p;
}

constexpr std::string_view kNames[5][5] = {
    // kNames[in which language][of which language]
    {"한국어", "영어", "중국어", "일본어", "스페인어"},
    {"Korean", "English", "Chinese", "Japanese", "Spanish"},
    {"韩语", "英语", "中文", "日语", "西班牙语"},
    {"韓国語", "英語", "中国語", "日本語", "スペイン語"},
    {"coreano", "inglés", "chino", "japonés", "español"},
};

std::string quoted(std::string_view word) {
  return "'" + std::string(word) + "'";
}

Problem translation(Dice& dice, Language language) {
  static constexpr std::string_view ko[] = {
      "{q|은} {to|으로} 뭐야?",       "{q|을} {to|으로} 뭐라고 해?",  "{w|을} {to|으로} 뭐라고 하나요?",
      "{q|을} {to|으로} 옮겨 줘.",    "{to|으로} {q|은} 뭐예요?",     "{q|을} {to|으로} 번역해 주세요.",
      "{w|은} {to|으로} 무엇인가요?", "'{w}'의 {to} 단어를 알려 줘.", "{to|으로} {w|을} 어떻게 말해?",
      "{w|이} {to|으로} 뭐지?"};
  static constexpr std::string_view en[] = {
      "How do you say '{w}' in {to}?",    "What is '{w}' in {to}?",
      "Translate '{w}' into {to}.",       "'{w}' in {to}?",
      "What is the {to} word for '{w}'?", "Please translate {w} to {to}.",
      "How do I say {w} in {to}?",        "Give me the {to} word for {w}."};
  static constexpr std::string_view zh[] = {"“{w}”用{to}怎么说？", "{w}的{to}是什么？", "把“{w}”翻译成{to}。",
                                            "用{to}怎么说“{w}”？"};
  static constexpr std::string_view ja[] = {"「{w}」は{to}で何と言いますか？", "{w}は{to}で何？",
                                            "「{w}」を{to}に訳して。", "{to}で「{w}」は何と言う？"};
  static constexpr std::string_view es[] = {"¿Cómo se dice «{w}» en {to}?", "¿Qué es {w} en {to}?",
                                            "Traduce «{w}» al {to}.",
                                            "¿Cuál es la palabra en {to} para «{w}»?"};
  const FiveWords& word = dice.pick(common_words());
  Language to = language;
  while (to == language) to = dice.pick(std::span<const Language>(kLanguages));
  Problem p;
  p.question = phrase(dice, language, {ko, en, zh, ja, es},
                      {{"w", in_language(word, language)},
                       {"q", quoted(in_language(word, language))},
                       {"to", kNames[static_cast<size_t>(language)][static_cast<size_t>(to)]}});
  p.answer = in_language(word, to);
  p.thinking = std::string(in_language(word, language)) + " → " + p.answer;
  p.expected = p.answer;
  return p;
}

Problem capital(Dice& dice, Language language) {
  static constexpr std::string_view ko[] = {
      "{c}의 수도는?",           "{c}의 수도는 어디야?",         "{c}의 수도는 어디인가요?",
      "{c} 수도가 어디예요?",    "{c}의 수도를 알려 줘.",        "{c}의 수도 이름이 뭐야?",
      "{c} 수도는 어느 도시야?", "어느 도시가 {c}의 수도인가요?"};
  static constexpr std::string_view en[] = {
      "What is the capital of {c}?",       "Capital of {c}?",
      "Which city is the capital of {c}?", "Name the capital of {c}.",
      "Tell me the capital of {c}.",       "What's the capital city of {c}?",
      "Do you know the capital of {c}?"};
  static constexpr std::string_view zh[] = {"{c}的首都是哪里？", "{c}的首都是什么？", "哪个城市是{c}的首都？",
                                            "{c}的首都在哪儿？"};
  static constexpr std::string_view ja[] = {"{c}の首都はどこですか？", "{c}の首都は？", "{c}の首都を教えて。",
                                            "{c}の首都はどの都市？"};
  static constexpr std::string_view es[] = {"¿Cuál es la capital de {c}?", "Dime la capital de {c}.",
                                            "¿Qué ciudad es la capital de {c}?",
                                            "¿Sabes cuál es la capital de {c}?"};
  const Capital& row = dice.pick(capitals());
  Problem p;
  p.question = phrase(dice, language, {ko, en, zh, ja, es}, {{"c", in_language(row.country, language)}});
  p.answer = in_language(row.city, language);
  p.thinking = std::string(in_language(row.country, language)) + " → " + p.answer;
  p.expected = p.answer;
  return p;
}

Problem opposite(Dice& dice, Language language) {
  static constexpr std::string_view ko[] = {
      "'{w}'의 반대말은?",   "{w}의 반대말이 뭐야?",     "'{w}'의 반대말은 무엇인가요?",
      "{w} 반대말 알려 줘.", "{q|과} 뜻이 반대인 말은?", "'{w}'의 반대는 뭐예요?"};
  static constexpr std::string_view en[] = {"What is the opposite of '{w}'?", "Opposite of {w}?",
                                            "What's the opposite of {w}?", "Give me the opposite of '{w}'.",
                                            "Which word is the opposite of '{w}'?"};
  static constexpr std::string_view zh[] = {"“{w}”的反义词是什么？", "“{w}”的反义词？",
                                            "“{w}”的反面是什么？"};
  static constexpr std::string_view ja[] = {"「{w}」の反対は何ですか？", "「{w}」の反対は？",
                                            "「{w}」の反対の言葉を教えて。"};
  static constexpr std::string_view es[] = {"¿Cuál es lo contrario de «{w}»?", "¿Qué es lo opuesto de {w}?",
                                            "Dime el antónimo de «{w}»."};
  const Opposite& row = dice.pick(opposites());
  const bool turned = dice.chance(0.5);
  const FiveWords& from = turned ? row.opposite : row.word;
  const FiveWords& to = turned ? row.word : row.opposite;
  Problem p;
  p.question = phrase(dice, language, {ko, en, zh, ja, es},
                      {{"w", in_language(from, language)}, {"q", quoted(in_language(from, language))}});
  p.answer = in_language(to, language);
  p.thinking = std::string(in_language(from, language)) + " ↔ " + p.answer;
  p.expected = p.answer;
  return p;
}

Problem colour(Dice& dice, Language language) {
  static constexpr std::string_view ko[] = {"{t|은} 무슨 색이야?",   "{t|은} 무슨 색인가요?",
                                            "{t}의 색은?",           "{t} 색깔이 뭐야?",
                                            "{t|은} 어떤 색이에요?", "보통 {t|은} 무슨 색이야?"};
  static constexpr std::string_view en[] = {"What color is {t}?", "What colour is {t}?",
                                            "Which color is {t}?", "Tell me the color of {t}.",
                                            "What is the usual color of {t}?"};
  static constexpr std::string_view zh[] = {"{t}是什么颜色？", "{t}是什么颜色的？", "{t}的颜色是什么？"};
  static constexpr std::string_view ja[] = {"{t}は何色ですか？", "{t}は何色？", "{t}の色は？"};
  static constexpr std::string_view es[] = {"¿De qué color es {t}?", "¿Qué color tiene {t}?",
                                            "Dime de qué color es {t}."};
  const Coloured& row = dice.pick(coloured_things());
  Problem p;
  p.question = phrase(dice, language, {ko, en, zh, ja, es}, {{"t", in_language(row.thing, language)}});
  p.answer = in_language(row.colour, language);
  p.thinking = std::string(in_language(row.thing, language)) + " → " + p.answer;
  p.expected = p.answer;
  return p;
}

Problem legs(Dice& dice, Language language) {
  static constexpr std::string_view ko[] = {"{a|은} 다리가 몇 개야?", "{a|은} 다리가 몇 개인가요?",
                                            "{a}의 다리는 몇 개?", "{a} 다리 개수는?",
                                            "{a} 한 마리의 다리는 모두 몇 개일까?"};
  static constexpr std::string_view en[] = {"How many legs does a {a} have?", "A {a} has how many legs?",
                                            "How many legs has a {a}?", "Number of legs of a {a}?"};
  static constexpr std::string_view zh[] = {"{a}有几条腿？", "一只{a}有几条腿？", "{a}的腿有几条？"};
  static constexpr std::string_view ja[] = {"{a}の足は何本ですか？", "{a}の足は何本？",
                                            "{a}には足が何本ありますか？"};
  static constexpr std::string_view es[] = {"¿Cuántas patas tiene {a}?", "Dime cuántas patas tiene {a}.",
                                            "¿Con cuántas patas anda {a}?"};
  const Legged* row = &dice.pick(legged_animals());
  const bool an = in_language(row->animal, Language::en) == "ant";  // "an ant" needs its own sentences
  if (an && language == Language::en) row = &legged_animals()[0];
  Problem p;
  p.question = phrase(dice, language, {ko, en, zh, ja, es}, {{"a", in_language(row->animal, language)}});
  p.answer = std::to_string(row->legs);
  p.thinking = std::string(in_language(row->animal, language)) + " → " + p.answer;
  p.expected = p.answer;
  return p;
}

Problem small_fact(Dice& dice, Language language, int) {
  switch (dice.between(0, 9)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return translation(dice, language);
    case 4:
    case 5:
      return capital(dice, language);
    case 6:
    case 7:
      return opposite(dice, language);
    case 8:
      return colour(dice, language);
    default:
      return legs(dice, language);
  }
}

}  // namespace

std::span<const Family> chat_families() {
  static const std::vector<Family> families = {
      {"small_talk", "chat", 1, 1.0, small_talk},
      {"small_fact", "chat", 1, 0.7, small_fact},
  };
  return families;
}

}  // namespace jaju::data
