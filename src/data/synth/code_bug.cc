// One wrong line out of a few numbered ones; the answer is its number. Levels 1 and 2: Python itself refuses
// the line (tests/data/python_oracle.py holds the line against CPython's). Level 3: it runs, but prints the
// wrong value.
#include <cctype>
#include <set>
#include <vector>

#include "base/check.h"
#include "data/synth/code_snippets.h"
#include "data/synth/code_tasks.h"
#include "data/synth/mini_python.h"
#include "data/synth/phrases.h"

namespace jaju::data {
namespace {

std::vector<std::string> lines_of(const std::string& code) {
  std::vector<std::string> lines;
  size_t from = 0;
  while (from <= code.size()) {
    const size_t end = std::min(code.find('\n', from), code.size());
    if (end > from) lines.push_back(code.substr(from, end - from));  // blank lines have no number
    from = end + 1;
  }
  return lines;
}

std::string numbered(const std::vector<std::string>& lines) {
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    out += (i > 0 ? "\n" : "") + std::to_string(i + 1) + ": " + lines[i];
  }
  return out;
}

bool is_header(const std::string& line) {
  return line.back() == ':';
}
std::string unindented(const std::string& line) {
  return line.substr(line.find_first_not_of(' '));
}

struct Bug {
  std::string line;  // the wrong line
  std::string why;   // the same in every language
};

// A way to break `line` that Python refuses on that very line; false where it does not apply.
bool break_line(Dice& dice, const std::vector<std::string>& lines, size_t at, Bug& bug) {
  const std::string& line = lines[at];
  switch (dice.between(0, 6)) {
    case 0:
      if (!is_header(line)) return false;
      bug = {line.substr(0, line.size() - 1), "no :"};
      return true;
    case 1:  // an open parenthesis eats the next lines: only where nothing follows, or the line is a header
      if (line.back() != ')' || at + 1 != lines.size()) return false;
      bug = {line.substr(0, line.size() - 1), "no )"};
      return true;
    case 2: {
      const std::string bare = unindented(line);
      const size_t pos = line.find(" == ");
      if (pos == std::string::npos || !(bare.starts_with("if ") || bare.starts_with("while "))) return false;
      bug = {line.substr(0, pos) + " = " + line.substr(pos + 4), "= is not =="};
      return true;
    }
    case 3: {
      const size_t pos = line.find_last_of("\"'");
      if (pos == std::string::npos) return false;
      bug = {line.substr(0, pos) + line.substr(pos + 1), "quote is open"};
      return true;
    }
    case 4: {  // a body without its indent
      if (at == 0 || !is_header(lines[at - 1])) return false;
      bug = {unindented(line), "no indent"};
      return true;
    }
    case 5: {  // a line deeper for no reason
      if (at == 0 || is_header(lines[at - 1])) return false;
      const size_t before = lines[at - 1].find_first_not_of(' ');
      const size_t here = line.find_first_not_of(' ');
      if (here > before) return false;
      bug = {std::string(before - here + 2, ' ') + line, "wrong indent"};
      return true;
    }
    default: {
      const std::string bare = unindented(line);
      for (const auto& [right, wrong] : {std::pair<std::string_view, std::string_view>{"print(", "pirnt("},
                                         {"print(", "prnt("},
                                         {"len(", "lenn("},
                                         {"sum(", "summ("},
                                         {"range(", "rnage("}}) {
        const size_t pos = line.find(right);
        if (pos == std::string::npos || dice.chance(0.3)) continue;
        std::string name(wrong.substr(0, wrong.size() - 1));
        bug = {line.substr(0, pos) + std::string(wrong) + line.substr(pos + right.size()),
               name + " is no name"};
        return true;
      }
      return false;
    }
  }
}

std::string trace_of(const std::vector<std::string>& lines, size_t at, const std::string& why) {
  std::string out;
  for (size_t i = 0; i <= at; ++i) {
    out += std::to_string(i + 1) + ": " + unindented(lines[i]) + " → " + (i == at ? why : "ok\n");
  }
  return out;
}

struct Broken {
  std::vector<std::string> lines;
  size_t at = 0;
  std::string why;
  std::string wanted, printed;  // level 3
};

Broken refused(Dice& dice, int difficulty) {
  const auto templates = snippet_templates();
  for (;;) {
    const SnippetTemplate& t = dice.pick(templates);
    if (t.level != difficulty + 1) continue;
    const std::string code = SnippetFiller(dice).fill(t.text);
    Broken broken;
    broken.lines = lines_of(code);
    if (broken.lines.size() < 2 || broken.lines.size() > 6 || code.size() > 130) continue;
    // A line that never runs hides a wrong name: only programs that run, and lines outside branches for
    // names.
    if (!run_mini_python(code).ok()) continue;
    broken.at = static_cast<size_t>(dice.between(0, static_cast<int64_t>(broken.lines.size()) - 1));
    Bug bug;
    if (!break_line(dice, broken.lines, broken.at, bug)) continue;
    const bool hidden = code.find("if ") != std::string::npos || code.find("while ") != std::string::npos;
    if (bug.why.ends_with("no name") && hidden) {
      continue;
    }
    broken.lines[broken.at] = bug.line;
    broken.why = bug.why;
    return broken;
  }
}

// A loop with a goal and one line that misses it.
Broken misled(Dice& dice) {
  struct Case {
    std::string_view right, wrong, why;
    size_t at;
  };
  static constexpr Case kCases[] = {
      {"{a} = 0\nfor {x} in {l0}:\n    {a} += {x}\nprint({a})",
       "{a} = 0\nfor {x} in {l0}:\n    {a} -= {x}\nprint({a})", "-= is not +=", 2},
      {"{a} = 0\nfor {x} in {l0}:\n    {a} += {x}\nprint({a})",
       "{a} = 1\nfor {x} in {l0}:\n    {a} += {x}\nprint({a})", "start is 0", 0},
      {"{a} = 0\nfor {x} in {l0}:\n    {a} += {x}\nprint({a})",
       "{a} = 0\nfor {x} in {l0}:\n    {a} += {x}\nprint({x})", "print {a}", 3},
      {"{a} = 0\nfor {x} in {l0}:\n    {a} += {x}\nprint({a})",
       "{a} = 0\nfor {x} in {l0}:\n    {a} = {x}\nprint({a})", "= is not +=", 2},
      {"{a} = 1\nfor {x} in {l0}:\n    {a} *= {x}\nprint({a})",
       "{a} = 0\nfor {x} in {l0}:\n    {a} *= {x}\nprint({a})", "start is 1", 0},
      {"{a} = 1\nfor {x} in {l0}:\n    {a} *= {x}\nprint({a})",
       "{a} = 1\nfor {x} in {l0}:\n    {a} += {x}\nprint({a})", "+= is not *=", 2},
      {"{a} = 0\nfor {x} in {l0}:\n    if {x} > {t0}:\n        {a} += 1\nprint({a})",
       "{a} = 0\nfor {x} in {l0}:\n    if {x} < {t0}:\n        {a} += 1\nprint({a})", "< is not >", 2},
      {"{a} = 0\nfor {x} in {l0}:\n    if {x} > {t0}:\n        {a} += 1\nprint({a})",
       "{a} = 0\nfor {x} in {l0}:\n    if {x} > {t0}:\n        {a} += {x}\nprint({a})", "count by 1", 3},
  };
  for (;;) {
    const Case& c = dice.pick(std::span<const Case>(kCases));
    SnippetFiller names(dice);
    const std::string a = names.fill("{a}"), x = names.fill("{x}");
    const std::string list = names.fill("{D3-4:1-9}");
    const std::string bound = std::to_string(dice.between(3, 6));
    const auto filled = [&](std::string_view text) {
      return fill(text, {{"a", a}, {"x", x}, {"l0", list}, {"t0", bound}});
    };
    const auto wanted = run_mini_python(filled(c.right));
    const auto printed = run_mini_python(filled(c.wrong));
    if (!wanted.ok() || !printed.ok() || wanted->output == printed->output) continue;
    return {lines_of(filled(c.wrong)), c.at, filled(c.why), wanted->output, printed->output};
  }
}

// The goals of `misled`, told by what its code gathers.
std::string_view goal(Language language, const Broken& broken) {
  static constexpr std::string_view sum[] = {"수들의 합", "the sum of the numbers", "这些数的和", "数の合計",
                                             "la suma de los números"};
  static constexpr std::string_view product[] = {"수들의 곱", "the product of the numbers", "这些数的积",
                                                 "数の積", "el producto de los números"};
  static constexpr std::string_view count[] = {
      "기준보다 큰 수의 개수", "how many numbers are greater than the bound", "大于界限的数的个数",
      "基準より大きい数の個数", "cuántos números son mayores que el límite"};
  const auto at = static_cast<size_t>(language);
  if (broken.lines.size() == 5) return count[at];
  return broken.why.find("start is 1") != std::string::npos || broken.why.find("*=") != std::string::npos
             ? product[at]
             : sum[at];
}

}  // namespace

Problem python_bug(Dice& dice, Language language, int difficulty) {
  static constexpr std::string_view ko[] = {"다음 코드에서 틀린 줄은 몇 번째야?",
                                            "이 코드의 오류는 몇 번 줄에 있나요?",
                                            "몇 번째 줄이 잘못됐어?",
                                            "버그가 있는 줄 번호를 알려 줘.",
                                            "오류가 있는 줄은 몇 번인가요?",
                                            "이 코드에서 고쳐야 할 줄은?",
                                            "이 파이썬 코드는 실행되지 않아. 몇 번 줄이 문제야?",
                                            "잘못된 줄의 번호를 쓰세요.",
                                            "어느 줄이 틀렸나요?",
                                            "코드에 오류가 하나 있습니다. 줄 번호는?"};
  static constexpr std::string_view en[] = {"Which line has the error?",
                                            "Which line of this code is wrong?",
                                            "Find the line with the bug.",
                                            "This Python code does not run. Which line is the problem?",
                                            "What is the number of the wrong line?",
                                            "One line has a mistake. Which one?",
                                            "Tell me the line number of the error.",
                                            "Where is the bug? Give the line number.",
                                            "Which line must be fixed?",
                                            "Find the bug."};
  static constexpr std::string_view zh[] = {"哪一行有错误？", "这段代码的错误在第几行？",
                                            "请找出有错的行号。", "第几行写错了？"};
  static constexpr std::string_view ja[] = {"間違っている行は何行目ですか？", "エラーは何行目にありますか？",
                                            "バグのある行の番号を教えて。", "どの行を直せばいい？"};
  static constexpr std::string_view es[] = {"¿Qué línea tiene el error?", "¿En qué línea está el fallo?",
                                            "Di el número de la línea incorrecta.",
                                            "¿Qué línea hay que corregir?"};
  static constexpr std::string_view ko3[] = {
      "{g|을} 출력해야 하는데 {w|이} 아니라 {p|이} 나와. 몇 번 줄이 틀렸어?",
      "이 코드는 {g|을} 출력해야 합니다. {w|이} 나와야 하는데 {p|이} 나옵니다. 틀린 줄은 몇 번인가요?",
      "{g}({w})을 구하려는 코드인데 결과가 {p}입니다. 잘못된 줄 번호는?",
      "{w|이} 출력되어야 하는데 {p|이} 나와. {g|을} 구하는 코드야. 어느 줄이 문제야?"};
  static constexpr std::string_view en3[] = {
      "It should print {g}, {w}, but it prints {p}. Which line is wrong?",
      "This code should print {g}. I expect {w} but get {p}. Which line has the bug?",
      "I want {g} ({w}), but the output is {p}. Which line must be fixed?",
      "Find the wrong line: the output should be {w} ({g}), but it is {p}."};
  static constexpr std::string_view zh3[] = {"它应该打印{g} {w}，却打印了 {p}。哪一行错了？",
                                             "这段代码要算{g}，应得 {w}，却得到 {p}。错误在第几行？"};
  static constexpr std::string_view ja3[] = {
      "{g} {w} を表示するはずが {p} になります。何行目が間違っていますか？",
      "{g}を求めるコードです。{w} のはずが {p} になります。どの行が間違い？"};
  static constexpr std::string_view es3[] = {
      "Debería imprimir {g}, {w}, pero imprime {p}. ¿Qué línea está mal?",
      "Quiero {g} ({w}), pero sale {p}. ¿En qué línea está el fallo?"};
  const Broken broken = difficulty < 3 ? refused(dice, difficulty) : misled(dice);
  const std::string sentence =
      difficulty < 3 ? phrase(dice, language, {ko, en, zh, ja, es}, {})
                     : phrase(dice, language, {ko3, en3, zh3, ja3, es3},
                              {{"g", goal(language, broken)}, {"w", broken.wanted}, {"p", broken.printed}});
  const std::string code = numbered(broken.lines);
  Problem p;
  const std::string block = dice.chance(0.4) ? "```\n" + code + "\n```" : code;
  p.question = dice.chance(0.7) ? sentence + "\n" + block : block + "\n" + sentence;
  p.thinking = trace_of(broken.lines, broken.at, broken.why);
  p.expected = std::to_string(broken.at + 1);
  p.answer = p.expected;
  return p;
}

}  // namespace jaju::data
