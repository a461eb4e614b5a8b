// Lists and tables: what has to be known by heart stands here by itself, again and again.
#include <cctype>
#include <string>
#include <vector>

#include "data/synth/code_snippets.h"
#include "data/synth/lexicon.h"
#include "data/synth/mini_python.h"
#include "data/synth/phrases.h"
#include "data/synth/small_facts.h"
#include "data/synth/text.h"
#include "data/synth/text_words.h"

namespace jaju::data {
namespace {

std::string text_of(int64_t n) {
  return std::to_string(n);
}

bool wide(Language language) {
  return language == Language::zh || language == Language::ja;
}

// "12 twelve, 13 thirteen, ..."
std::string numbers_in_words(Dice& dice, Language language) {
  const int64_t from = dice.between(1, 90);
  std::string out;
  for (int64_t n = from; n < from + 8; ++n) {
    out += (n > from ? ", " : "") + text_of(n) + " " + number_in_words(language, n);
    if (language == Language::ko) out += " " + native_number(n, false);
  }
  return out;
}

// "7*1=7, 7*2=14, ...": one table of one digit.
std::string facts(Dice& dice) {
  const int64_t a = dice.between(2, 9);
  const int64_t kind = dice.between(0, 3);
  const std::string gap = dice.chance(0.5) ? "\n" : ", ";
  std::string out;
  for (int64_t b = 1; b <= 9; ++b) {
    if (b > 1) out += gap;
    switch (kind) {
      case 0:
        out += text_of(a) + "*" + text_of(b) + "=" + text_of(a * b);
        break;
      case 1:
        out += text_of(a) + "+" + text_of(b) + "=" + text_of(a + b);
        break;
      case 2:
        out += text_of(a + b) + "-" + text_of(b) + "=" + text_of(a);
        break;
      default:
        out += text_of(a * b) + "/" + text_of(a) + "=" + text_of(b);
        break;
    }
  }
  return out;
}

// Sentences that say a sum, difference, product or comparison, four of them.
std::string facts_in_words(Dice& dice, Language language) {
  static constexpr std::string_view ko[] = {
      "{a}에 {b|을} 더하면 {s|이야}.",  "{a} 더하기 {b|은} {s}입니다.",
      "{a} 곱하기 {b|은} {p}입니다.",   "{a|과} {b|을} 곱하면 {p}입니다.",
      "{s}에서 {b|을} 빼면 {a}입니다.", "{p|을} {b|으로} 나누면 {a}입니다.",
      "{s|은} {a}보다 {b}만큼 큽니다.", "{a|은} {s}보다 작습니다."};
  static constexpr std::string_view en[] = {
      "{a} plus {b} is {s}.",  "The sum of {a} and {b} is {s}.",    "{a} times {b} is {p}.",
      "{s} minus {b} is {a}.", "{p} divided by {b} is {a}.",        "{s} is greater than {a} by {b}.",
      "{a} is less than {s}.", "The product of {a} and {b} is {p}."};
  static constexpr std::string_view zh[] = {"{a}加{b}等于{s}。", "{a}乘{b}等于{p}。", "{s}减{b}等于{a}。",
                                            "{p}除以{b}等于{a}。", "{s}比{a}大{b}。"};
  static constexpr std::string_view ja[] = {"{a}たす{b}は{s}です。", "{a}かける{b}は{p}です。",
                                            "{s}ひく{b}は{a}です。", "{p}わる{b}は{a}です。",
                                            "{s}は{a}より{b}大きいです。"};
  static constexpr std::string_view es[] = {"{a} más {b} son {s}.", "{a} por {b} son {p}.",
                                            "{s} menos {b} son {a}.", "{p} entre {b} son {a}.",
                                            "{s} es mayor que {a}."};
  std::string out;
  for (int k = 0; k < 4; ++k) {
    const int64_t a = dice.between(2, 9);
    const int64_t b = dice.between(2, 9);
    const std::string x = text_of(a), y = text_of(b), sum = text_of(a + b), product = text_of(a * b);
    out += (k > 0 && !wide(language) ? " " : "") +
           phrase(dice, language, {ko, en, zh, ja, es}, {{"a", x}, {"b", y}, {"s", sum}, {"p", product}});
  }
  return out;
}

// "17 > 9, 12 < 40, 8 = 8"
std::string comparisons(Dice& dice) {
  std::string out;
  for (int k = 0; k < 8; ++k) {
    const int64_t a = dice.between(1, 99);
    const int64_t b = dice.chance(0.1) ? a : dice.between(1, 99);
    out += (k > 0 ? ", " : "") + text_of(a) + (a > b ? " > " : a < b ? " < " : " = ") + text_of(b);
  }
  return out;
}

// "banana: b a n a n a, 6, BANANA, ananab": what the code families need of words.
std::string spelling(Dice& dice) {
  std::string out;
  for (int k = 0; k < 4; ++k) {
    const std::string_view word = dice.pick(snippet_words());
    std::string letters, upper;
    for (const char c : word) {
      letters += (letters.empty() ? "" : " ") + std::string(1, c);
      upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    out += (k > 0 ? "\n" : "") + std::string(word) + ": " + letters + ", " +
           text_of(static_cast<int64_t>(word.size())) + ", " + upper + ", " +
           std::string(word.rbegin(), word.rend());
  }
  return out;
}

// "사과 열두 개는 사과 12개입니다."
std::string counted_in_words(Dice& dice, Language language) {
  std::string out;
  for (int k = 0; k < 4; ++k) {
    const Thing& thing = dice.pick(things(language));
    const int64_t n = dice.between(2, 30);
    const std::string digits = counted(language, n, thing);
    const std::string word = number_in_words(language, n);
    if (k > 0) out += wide(language) ? "" : " ";
    switch (language) {
      case Language::ko:
        out += fill("{t} {n} {c|은} {d}입니다.",
                    {{"t", thing.one}, {"n", native_number(n, true)}, {"c", thing.counter}, {"d", digits}});
        break;
      case Language::en:
        out += word + " " + thing.many + ": " + digits + ".";
        break;
      case Language::es: {
        // uno agrees with its noun (veintiún, veintiuna); leave those out.
        out += (n % 10 == 1 && n > 20 ? digits : word + " " + thing.many + ": " + digits) + ".";
        break;
      }
      case Language::zh:
        out += (n == 2 ? "两" : word) + thing.counter + thing.one + "就是" + digits + "。";
        break;
      case Language::ja:
        out += std::string(thing.one) + word + thing.counter + "は" + digits + "です。";
        break;
    }
  }
  return out;
}

// "사과: apple, 苹果, りんご, manzana"
std::string dictionary(Dice& dice, Language language) {
  std::string out;
  for (int k = 0; k < 5; ++k) {
    const int64_t kind = dice.between(0, 3);
    const FiveWords& word = kind == 0   ? dice.pick(capitals()).city
                            : kind == 1 ? dice.pick(capitals()).country
                                        : dice.pick(common_words());
    out += (k > 0 ? "\n" : "") + std::string(in_language(word, language)) + ":";
    for (const Language other : kLanguages) {
      if (other != language) out += (out.back() == ':' ? " " : ", ") + std::string(in_language(word, other));
    }
  }
  return out;
}

// What a closed set says in sentences: capitals, opposites, colours.
std::string closed_facts(Dice& dice, Language language) {
  static constexpr std::string_view ko[] = {"{c}의 수도는 {v}입니다.", "{w}의 반대말은 {o}입니다.",
                                            "{t|은} {k}입니다."};
  static constexpr std::string_view en[] = {"The capital of {c} is {v}.", "The opposite of {w} is {o}.",
                                            "The color of {t}: {k}."};
  static constexpr std::string_view zh[] = {"{c}的首都是{v}。", "“{w}”的反义词是“{o}”。", "{t}是{k}的。"};
  static constexpr std::string_view ja[] = {"{c}の首都は{v}です。", "「{w}」の反対は「{o}」です。",
                                            "{t}の色は{k}です。"};
  static constexpr std::string_view es[] = {"La capital de {c} es {v}.", "Lo contrario de {w} es {o}.",
                                            "El color de {t}: {k}."};
  std::string out;
  for (int k = 0; k < 4; ++k) {
    const Capital& capital = dice.pick(capitals());
    const Opposite& pair = dice.pick(opposites());
    const Coloured& thing = dice.pick(coloured_things());
    std::string colour(in_language(thing.colour, language));
    if (language == Language::en)
      colour[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(colour[0])));
    out += (k > 0 && !wide(language) ? " " : "") + phrase(dice, language, {ko, en, zh, ja, es},
                                                          {{"c", in_language(capital.country, language)},
                                                           {"v", in_language(capital.city, language)},
                                                           {"w", in_language(pair.word, language)},
                                                           {"o", in_language(pair.opposite, language)},
                                                           {"t", in_language(thing.thing, language)},
                                                           {"k", colour}});
  }
  return out;
}

// A snippet, what happens, what it prints.
std::string code_and_output(Dice& dice, Language language) {
  static constexpr FiveWords kCode = {"코드", "Code", "代码", "コード", "Código"};
  static constexpr FiveWords kSteps = {"실행", "Steps", "执行", "実行", "Pasos"};
  static constexpr FiveWords kOutput = {"출력", "Output", "输出", "出力", "Salida"};
  for (;;) {
    const SnippetTemplate& t = dice.pick(snippet_templates());
    const std::string code = SnippetFiller(dice).fill(t.text);
    const auto run = run_mini_python(code);
    if (!run.ok() || run->trace.size() > 160 || run->output.empty() || run->output.size() > 40) continue;
    return std::string(in_language(kCode, language)) + ":\n" + code + "\n" +
           std::string(in_language(kSteps, language)) + ":\n" + run->trace + "\n" +
           std::string(in_language(kOutput, language)) + ":\n" + run->output;
  }
}

}  // namespace

std::string make_table(Dice& dice, Language language) {
  switch (dice.between(0, 11)) {
    case 0:
      return numbers_in_words(dice, language);
    case 1:
      return facts(dice);
    case 2:
    case 3:
      return facts_in_words(dice, language);
    case 4:
      return comparisons(dice);
    case 5:
    case 6:
      return spelling(dice);
    case 7:
      return counted_in_words(dice, language);
    case 8:
      return dictionary(dice, language);
    case 9:
      return closed_facts(dice, language);
    default:
      return code_and_output(dice, language);
  }
}

}  // namespace jaju::data
