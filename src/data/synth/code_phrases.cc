#include "data/synth/code_phrases.h"

#include <vector>

namespace jaju::data {
namespace {

using Phrases = std::vector<std::string_view>;

// Sentences that point at a snippet above or below.
const Phrases& pointing(Language language) {
  static const Phrases ko = {
      "다음 파이썬 코드의 출력은?",
      "다음 코드의 출력은 무엇인가요?",
      "이 코드를 실행하면 뭐가 출력돼?",
      "이 코드를 실행하면 무엇이 출력되나요?",
      "이 파이썬 코드의 실행 결과는?",
      "이 코드의 실행 결과를 알려 주세요.",
      "이 프로그램은 뭘 출력해?",
      "이 프로그램이 출력하는 값은 무엇인가요?",
      "이 코드 돌리면 뭐 나와?",
      "이 코드를 돌리면 결과가 어떻게 되나요?",
      "화면에 무엇이 출력될까요?",
      "화면에 뭐가 나올까?",
      "출력 결과를 써 줘.",
      "출력 결과를 적어 주세요.",
      "출력만 알려 줘.",
      "이 파이썬 코드는 무엇을 출력하나요?",
      "이 파이썬 코드가 출력하는 것을 말해 봐.",
      "실행하면 어떤 결과가 나와?",
      "코드를 읽고 출력을 맞혀 봐.",
      "코드를 읽고 출력 결과를 구하세요.",
      "이 코드의 결과는?",
      "이 코드의 출력을 예측해 보세요.",
      "파이썬에서 이 코드를 실행하면?",
      "이걸 실행하면 뭐가 찍혀?",
      "이 코드는 어떤 값을 출력할까?",
      "다음 코드를 따라가며 출력을 구해 줘.",
      "결과가 뭐야?",
      "무엇이 출력될까요?",
  };
  static const Phrases en = {
      "What does this Python code print?",
      "What does this code print?",
      "What does this snippet print?",
      "What will this print?",
      "What is the output of this code?",
      "What is the output of this Python snippet?",
      "What's the output?",
      "What gets printed?",
      "What is printed when this runs?",
      "What do I see if I run this?",
      "What would this program print?",
      "What does this program output?",
      "Tell me the output of this code.",
      "Tell me what this prints.",
      "Give the output of this Python program.",
      "Give me just the output.",
      "Predict the output.",
      "Predict what this code prints.",
      "Run this in your head. What does it print?",
      "Trace this code and give its output.",
      "Work out the output of this code.",
      "If I run this in Python, what comes out?",
      "If I run this, what is printed?",
      "Read the code and write down its output.",
      "Which output does this produce?",
      "Can you tell me what this code prints?",
      "Could you tell me the output of this snippet?",
      "Find the output.",
      "Output of this code?",
  };
  static const Phrases zh = {
      "这段 Python 代码输出什么？",   "下面的代码会输出什么？",
      "运行这段代码的结果是什么？",   "这段代码打印什么？",
      "请写出这段代码的输出。",       "请问这段程序的输出结果是什么？",
      "执行后会显示什么？",           "读一读代码，说出它的输出。",
      "这个程序会打印出什么？",       "输出是什么？",
      "运行下面的程序，会得到什么？", "告诉我这段代码的运行结果。",
  };
  static const Phrases ja = {
      "この Python コードの出力は？",
      "このコードは何を出力しますか？",
      "このコードを実行すると何が表示されますか？",
      "次のコードの出力を教えて。",
      "このプログラムの実行結果は何ですか？",
      "実行すると何が出る？",
      "出力結果を書いてください。",
      "このコードの出力を答えてください。",
      "何が表示される？",
      "コードを読んで出力を当てて。",
      "このプログラムは何を表示しますか？",
      "出力を教えてください。",
  };
  static const Phrases es = {
      "¿Qué imprime este código de Python?", "¿Qué imprime este código?",
      "¿Cuál es la salida de este código?",  "¿Qué muestra este programa?",
      "¿Qué sale al ejecutar este código?",  "Dime la salida de este código.",
      "Escribe la salida de este programa.", "¿Cuál es el resultado de este programa?",
      "Si ejecuto esto, ¿qué se imprime?",   "Lee el código y di qué imprime.",
      "¿Qué se ve en la pantalla?",          "¿Qué escribe este fragmento de Python?",
  };
  return choose<const Phrases&>(language, ko, en, zh, ja, es);
}

// Sentences with the snippet in them; % stands for it.
const Phrases& holding(Language language) {
  static const Phrases ko = {
      "`%`의 출력은?",
      "`%`의 결과는 뭐야?",
      "`%`를 실행하면 뭐가 나와?",
      "파이썬에서 `%`를 실행하면 무엇이 출력되나요?",
      "파이썬 코드 `%`의 출력은 무엇인가요?",
      "`%`는 뭘 출력해?",
      "다음을 실행하면 뭐가 출력돼? %",
      "% 이 코드의 출력은?",
  };
  static const Phrases en = {
      "What does `%` print?",
      "What does `%` print in Python?",
      "What is the output of `%`?",
      "In Python, what does `%` print?",
      "What is the result of `%`?",
      "If I type `%` in Python, what do I get?",
      "Tell me what `%` prints.",
      "What does % print?",
      "Output of `%`?",
  };
  static const Phrases zh = {"`%` 输出什么？", "在 Python 中，`%` 的输出是什么？", "运行 `%` 会得到什么？",
                             "`%` 会打印什么？"};
  static const Phrases ja = {"`%` の出力は？", "Python で `%` を実行すると何が出ますか？",
                             "`%` は何を出力しますか？", "`%` の結果は何ですか？"};
  static const Phrases es = {"¿Qué imprime `%`?", "En Python, ¿qué imprime `%`?",
                             "¿Cuál es la salida de `%`?", "¿Qué resultado da `%`?"};
  return choose<const Phrases&>(language, ko, en, zh, ja, es);
}

}  // namespace

std::string beside_code(Dice& dice, const std::string& sentence, const std::string& code) {
  std::string block = code;
  const double form = static_cast<double>(dice.between(0, 99)) / 100;
  if (form < 0.5)
    block = "```python\n" + code + "\n```";
  else if (form < 0.7)
    block = "```\n" + code + "\n```";
  const std::string gap = dice.chance(0.8) ? "\n" : "\n\n";
  return dice.chance(0.7) ? sentence + gap + block : block + gap + sentence;
}

std::string ask_output(Dice& dice, Language language, const std::string& code) {
  if (code.find('\n') == std::string::npos && dice.chance(0.6)) {
    std::string sentence(dice.pick(holding(language)));
    return sentence.replace(sentence.find('%'), 1, code);
  }
  return beside_code(dice, std::string(dice.pick(pointing(language))), code);
}

}  // namespace jaju::data
