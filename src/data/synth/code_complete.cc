// One blank in a short function, and examples or a sentence that leave one way to fill it. The answer is the
// text of the blank in a code span.
#include <vector>

#include "base/check.h"
#include "data/synth/code_phrases.h"
#include "data/synth/code_snippets.h"
#include "data/synth/code_tasks.h"
#include "data/synth/phrases.h"
#include "data/synth/small_facts.h"

namespace jaju::data {
namespace {

std::string text_of(int64_t n) {
  return std::to_string(n);
}

struct Blank {
  std::string code;      // with ___
  std::string examples;  // "f(2) = 6, f(5) = 15"; or a sentence in the language
  std::string trace;
  std::string fill;
};

// "f(2) = 6": what goes into every question of this kind.
std::string example(const std::string& function, const std::string& args, int64_t result) {
  return function + "(" + args + ") = " + text_of(result);
}

int64_t apply(char op, int64_t a, int64_t b) {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    default:
      return a % b;
  }
}
std::string sign(char op) {
  return op == '/' ? "//" : std::string(1, op);
}

// return x * ___
Blank missing_number(Dice& dice) {
  SnippetFiller names(dice);
  const std::string f = names.fill("{f}");
  const std::string x = names.fill("{p}");
  const char op = "+-*"[dice.between(0, 2)];
  const int64_t n = dice.between(2, 9);
  const int64_t low = dice.between(1, 9);
  const int64_t first = op == '-' ? n + low : low;
  const int64_t second = first + dice.between(1, 5);
  const auto fact = [&](int64_t a, const std::string& b) {
    return text_of(a) + sign(op) + b + "=" + text_of(apply(op, a, n));
  };
  return {"def " + f + "(" + x + "):\n    return " + x + " " + sign(op) + " ___",
          example(f, text_of(first), apply(op, first, n)) + ", " +
              example(f, text_of(second), apply(op, second, n)),
          fact(first, "___") + " → " + text_of(n) + "\n" + fact(second, text_of(n)) + " ok", text_of(n)};
}

// return x ___ 3
Blank missing_operator(Dice& dice) {
  for (;;) {
    SnippetFiller names(dice);
    const std::string f = names.fill("{f}");
    const std::string x = names.fill("{p}");
    const std::string y = names.fill("{q}");
    const bool two = dice.chance(0.5);
    static constexpr char ops[] = {'+', '-', '*', '/', '%'};
    const char right = ops[dice.between(0, 4)];
    const int64_t a = dice.between(4, 19);
    const int64_t b = dice.between(2, 9);
    if (a < b || (right == '*' && a > 9)) continue;
    int same = 0;
    std::string trace;
    for (const char op : ops) same += apply(op, a, b) == apply(right, a, b) ? 1 : 0;
    if (same != 1) continue;
    for (const char op : ops) {
      if (op == '*' && a > 9) {  // a product beyond the tables, and too large anyway
        trace += text_of(a) + "*" + text_of(b) + " > " + text_of(apply(right, a, b)) + " no\n";
        continue;
      }
      const bool found = op == right;
      trace +=
          text_of(a) + sign(op) + text_of(b) + "=" + text_of(apply(op, a, b)) + (found ? " ok" : " no\n");
      if (found) break;
    }
    const std::string head = "def " + f + "(" + x + (two ? ", " + y : "") + "):\n    return " + x + " ___ ";
    return {head + (two ? y : text_of(b)),
            example(f, text_of(a) + (two ? ", " + text_of(b) : ""), apply(right, a, b)), trace, sign(right)};
  }
}

// return ___(items)
Blank missing_builtin(Dice& dice) {
  for (;;) {
    SnippetFiller names(dice);
    const std::string f = names.fill("{f}");
    const std::string items = names.fill("{l}");
    std::vector<int64_t> list;
    for (int64_t k = dice.between(3, 4); k > 0; --k) list.push_back(dice.between(1, 9));
    int64_t sum = 0, most = list[0], least = list[0];
    std::string shown;
    for (const int64_t n : list) {
      sum += n;
      most = std::max(most, n);
      least = std::min(least, n);
      shown += (shown.empty() ? "" : ", ") + text_of(n);
    }
    const std::string_view kinds[] = {"len", "sum", "max", "min"};
    const int64_t values[] = {static_cast<int64_t>(list.size()), sum, most, least};
    const auto pick = static_cast<size_t>(dice.between(0, 3));
    int same = 0;
    for (const int64_t v : values) same += v == values[pick] ? 1 : 0;
    if (same != 1) continue;
    std::string trace;
    for (size_t k = 0; k <= pick; ++k) {
      trace += std::string(kinds[k]) + " " + text_of(values[k]) + (k == pick ? " ok" : " no\n");
    }
    return {"def " + f + "(" + items + "):\n    return ___(" + items + ")",
            example(f, "[" + shown + "]", values[pick]), trace, std::string(kinds[pick])};
  }
}

// for i in range(___):
Blank missing_range(Dice& dice, Language language) {
  static constexpr FiveWords kPrints = {"{e|을} 출력한다", "prints {e}", "打印 {e}", "{e} を表示する",
                                        "imprime {e}"};
  SnippetFiller names(dice);
  const std::string i = names.fill("{i}");
  const int64_t n = dice.between(3, 6);
  const int64_t from = dice.chance(0.5) ? 0 : dice.between(1, 4);
  std::string shown;
  for (int64_t k = from; k < from + n; ++k) shown += (k > from ? ", " : "") + text_of(k);
  const std::string bound = from == 0 ? "___" : text_of(from) + ", ___";
  return {"for " + i + " in range(" + bound + "):\n    print(" + i + ")",
          fill(in_language(kPrints, language), {{"e", shown}}),
          shown + "\n" + text_of(from + n - 1) + "+1=" + text_of(from + n), text_of(from + n)};
}

struct Meaning {
  std::string_view code, fill;
  FiveWords says;
};
constexpr Meaning kMeanings[] = {
    {"def {f}({p}, {q}):\n    return {p} ___ {q}",
     "+",
     {"{p|과} {q}의 합을 돌려준다", "returns the sum of {p} and {q}", "返回 {p} 与 {q} 的和",
      "{p} と {q} の和を返す", "devuelve la suma de {p} y {q}"}},
    {"def {f}({p}, {q}):\n    return {p} ___ {q}",
     "-",
     {"{p}에서 {q|을} 뺀 값을 돌려준다", "returns {p} minus {q}", "返回 {p} 减 {q} 的差",
      "{p} から {q} を引いた値を返す", "devuelve {p} menos {q}"}},
    {"def {f}({p}, {q}):\n    return {p} ___ {q}",
     "*",
     {"{p|과} {q}의 곱을 돌려준다", "returns the product of {p} and {q}", "返回 {p} 与 {q} 的积",
      "{p} と {q} の積を返す", "devuelve el producto de {p} y {q}"}},
    {"def {f}({p}, {q}):\n    return {p} ___ {q}",
     "%",
     {"{p|을} {q|으로} 나눈 나머지를 돌려준다", "returns the remainder of {p} divided by {q}",
      "返回 {p} 除以 {q} 的余数", "{p} を {q} で割った余りを返す",
      "devuelve el resto de dividir {p} entre {q}"}},
    {"def {f}({p}, {q}):\n    return {p} ___ {q}",
     "//",
     {"{p|을} {q|으로} 나눈 몫을 정수로 돌려준다", "returns the whole quotient of {p} divided by {q}",
      "返回 {p} 除以 {q} 的整数商", "{p} を {q} で割った整数の商を返す",
      "devuelve el cociente entero de {p} entre {q}"}},
    {"def {f}({p}, {q}):\n    return {p} ___ {q}",
     ">",
     {"{p|이} {q}보다 크면 True를 돌려준다", "returns True if {p} is greater than {q}",
      "如果 {p} 大于 {q} 就返回 True", "{p} が {q} より大きければ True を返す",
      "devuelve True si {p} es mayor que {q}"}},
    {"def {f}({p}, {q}):\n    return {p} ___ {q}",
     "<",
     {"{p|이} {q}보다 작으면 True를 돌려준다", "returns True if {p} is less than {q}",
      "如果 {p} 小于 {q} 就返回 True", "{p} が {q} より小さければ True を返す",
      "devuelve True si {p} es menor que {q}"}},
    {"def {f}({p}, {q}):\n    return {p} ___ {q}",
     "==",
     {"{p|과} {q|이} 같으면 True를 돌려준다", "returns True if {p} and {q} are equal",
      "如果 {p} 和 {q} 相等就返回 True", "{p} と {q} が等しければ True を返す",
      "devuelve True si {p} y {q} son iguales"}},
    {"def {f}({s}):\n    return {s}.___()",
     "upper",
     {"글자를 모두 대문자로 바꿔 돌려준다", "returns the text in upper case", "返回大写的文字",
      "大文字にして返す", "devuelve el texto en mayúsculas"}},
    {"def {f}({s}):\n    return {s}.___()",
     "lower",
     {"글자를 모두 소문자로 바꿔 돌려준다", "returns the text in lower case", "返回小写的文字",
      "小文字にして返す", "devuelve el texto en minúsculas"}},
    {"{l} = {L2-3:1-9}\n{l}.___({1-9})",
     "append",
     {"리스트 끝에 값을 하나 더한다", "adds a value at the end of the list", "在列表末尾加一个值",
      "リストの最後に値を一つ加える", "añade un valor al final de la lista"}},
    {"{l} = {L2-4:1-9}\nprint(___({l}))",
     "len",
     {"리스트에 든 값의 개수를 출력한다", "prints the number of items in the list", "打印列表中值的个数",
      "リストの要素の数を表示する", "imprime el número de elementos de la lista"}},
    {"{l} = {L2-4:1-9}\nprint(___({l}))",
     "sum",
     {"리스트에 든 값의 합을 출력한다", "prints the sum of the list", "打印列表的和",
      "リストの合計を表示する", "imprime la suma de la lista"}},
    {"{l} = {D3-4:1-9}\nprint(___({l}))",
     "max",
     {"리스트에서 가장 큰 값을 출력한다", "prints the largest value of the list", "打印列表中最大的值",
      "リストで一番大きい値を表示する", "imprime el mayor valor de la lista"}},
    {"{l} = {D3-4:1-9}\nprint(___({l}))",
     "min",
     {"리스트에서 가장 작은 값을 출력한다", "prints the smallest value of the list", "打印列表中最小的值",
      "リストで一番小さい値を表示する", "imprime el menor valor de la lista"}},
    {"___ {f}({p}):\n    return {p} + {1-9}",
     "def",
     {"{f}라는 함수를 정의한다", "defines a function {f}", "定义函数 {f}", "関数 {f} を定義する",
      "define una función {f}"}},
    {"def {f}({p}):\n    ___ {p} * {2-9}",
     "return",
     {"계산한 값을 돌려준다", "gives the value back", "返回算出的值", "計算した値を返す",
      "devuelve el valor calculado"}},
    {"___ {x} in {L2-4:1-9}:\n    print({x})",
     "for",
     {"리스트의 값을 하나씩 출력한다", "prints the items one by one", "逐个打印列表中的值",
      "リストの値を一つずつ表示する", "imprime los elementos uno a uno"}},
    {"{a} = {1-9}\nif {a} > 5:\n    print(\"{W}\")\n___:\n    print(\"{W}\")",
     "else",
     {"조건이 거짓이면 두 번째 말을 출력한다", "prints the second word if the condition is false",
      "条件为假时打印第二个词", "条件が偽なら二つ目の言葉を表示する",
      "imprime la segunda palabra si la condición es falsa"}},
};

Blank missing_by_meaning(Dice& dice, Language language) {
  const Meaning& m = dice.pick(std::span<const Meaning>(kMeanings));
  SnippetFiller names(dice);
  Blank blank;
  blank.code = names.fill(m.code);
  const std::string f = names.fill("{f}"), p = names.fill("{p}"), q = names.fill("{q}");
  blank.examples = fill(in_language(m.says, language), {{"f", f}, {"p", p}, {"q", q}});
  blank.trace = blank.examples + " → " + std::string(m.fill);
  blank.fill = m.fill;
  return blank;
}

}  // namespace

Problem python_complete(Dice& dice, Language language, int difficulty) {
  static constexpr std::string_view ko[] = {
      "빈칸 ___에 들어갈 것은? {e}",       "___에 무엇을 써야 하나요? {e}",
      "코드의 빈칸을 채워 줘. {e}",        "다음 코드의 ___를 채우세요. {e}",
      "___ 자리에 알맞은 것을 써 줘. {e}", "이 코드를 완성해 줘. {e}",
      "빠진 부분을 채워 주세요. {e}",      "빈칸에 뭐가 들어가야 해? {e}",
      "조건: {e}. ___에 들어갈 코드는?",   "{e}. 이렇게 되려면 ___에 뭘 써야 해?",
      "{e}. 빈칸을 완성하세요.",           "함수를 완성해 주세요. {e}"};
  static constexpr std::string_view en[] = {
      "What goes in the blank ___? {e}", "Fill in the blank. {e}",
      "Complete this code. {e}",         "Complete the function. {e}",
      "What should replace ___? {e}",    "Replace ___ so that it fits: {e}",
      "Fill in what is missing: {e}.",   "Which text belongs at ___? {e}",
      "Finish this code: {e}.",          "Condition: {e}. What goes at ___?",
      "Please complete the code. {e}",   "What is missing at ___? {e}"};
  static constexpr std::string_view zh[] = {"___ 处应填什么？{e}", "请把代码补全。{e}", "填空：{e}。",
                                            "空白处该写什么？{e}"};
  static constexpr std::string_view ja[] = {"___ には何が入りますか？ {e}", "コードの空欄を埋めて。 {e}",
                                            "次のコードを完成させてください。 {e}",
                                            "空欄に入るものは何？ {e}"};
  static constexpr std::string_view es[] = {"¿Qué va en el hueco ___? {e}", "Completa este código. {e}",
                                            "Rellena el hueco: {e}.", "¿Qué falta en ___? {e}"};
  Blank blank;
  const bool second = dice.chance(0.5);
  switch (difficulty) {
    case 1:
      blank = missing_by_meaning(dice, language);
      break;
    case 2:
      blank = second ? missing_number(dice) : missing_range(dice, language);
      break;
    default:
      blank = second ? missing_operator(dice) : missing_builtin(dice);
      break;
  }
  Problem p;
  std::string sentence = phrase(dice, language, {ko, en, zh, ja, es}, {{"e", blank.examples}});
  p.question = beside_code(dice, sentence, blank.code);
  p.thinking = blank.trace;
  p.answer = "`" + blank.fill + "`";
  p.expected = blank.fill;
  return p;
}

}  // namespace jaju::data
