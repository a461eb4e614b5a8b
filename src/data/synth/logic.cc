// Small logic with numbers: odd and even, true and false, lists, positions in a line.
#include "data/synth/logic.h"

#include <algorithm>

#include "data/synth/families.h"
#include "data/synth/story.h"

namespace jaju::data {

namespace {

// Odd and even. Slots: e the number or expression.
constexpr const char* kEven[5][5] = {
    {"{e:은} 짝수<입니까|인가요|야>?", "{e:이} 짝수<입니까|인가요|야>?",
     "{e:은} 2로 나누어떨어<집니까|지나요|져>?", "{e:은} 짝수가 맞<습니까|나요|아>?",
     "{e:이} 짝수인지 답하<십시오|세요|여라>."},
    {"Is {e} even?", "Is {e} an even number?", "Can {e} be divided by 2 without remainder?",
     "Is {e} even, yes or no?", "Does 2 divide {e}?"},
    {"{e}是偶数吗？", "{e}是不是偶数？", "{e}能被2整除吗？", "请问{e}是偶数吗？", "{e}可以被2整除吗？"},
    {"{e}は偶数ですか。", "{e}は2で割り切れますか。", "{e}は偶数でしょうか。", "{e}という数は偶数ですか。",
     "{e}は偶数？"},
    {"¿Es {e} un número par?", "¿{e} es par?", "¿Es par {e}?", "¿Se puede dividir {e} entre 2 sin resto?",
     "¿{e} es divisible entre 2?"},
};
constexpr const char* kOdd[5][3] = {
    {"{e:은} 홀수<입니까|인가요|야>?", "{e:이} 홀수<입니까|인가요|야>?", "{e:은} 홀수가 맞<습니까|나요|아>?"},
    {"Is {e} odd?", "Is {e} an odd number?", "Is {e} odd, yes or no?"},
    {"{e}是奇数吗？", "{e}是不是奇数？", "请问{e}是奇数吗？"},
    {"{e}は奇数ですか。", "{e}は奇数でしょうか。", "{e}は奇数？"},
    {"¿Es {e} un número impar?", "¿{e} es impar?", "¿Es impar {e}?"},
};
constexpr const char* kDivisible[5][3] = {
    {"{e:은} {k:으로} 나누어떨어<집니까|지나요|져>?", "{e:은} {k}의 배수<입니까|인가요|야>?",
     "{k:은} {e}의 약수<입니까|인가요|야>?"},
    {"Is {e} divisible by {k}?", "Is {e} a multiple of {k}?", "Does {k} divide {e}?"},
    {"{e}能被{k}整除吗？", "{e}是{k}的倍数吗？", "{k}是{e}的因数吗？"},
    {"{e}は{k}で割り切れますか。", "{e}は{k}の倍数ですか。", "{k}は{e}の約数ですか。"},
    {"¿Es {e} divisible entre {k}?", "¿Es {e} múltiplo de {k}?", "¿{k} es divisor de {e}?"},
};
constexpr const char* kLastDigit[5][2] = {{"끝자리 {i:은} 짝수.", "끝자리 {i:은} 홀수."},
                                          {"The last digit {i} is even.", "The last digit {i} is odd."},
                                          {"末位{i}是偶数。", "末位{i}是奇数。"},
                                          {"一の位の{i}は偶数。", "一の位の{i}は奇数。"},
                                          {"La última cifra {i} es par.", "La última cifra {i} es impar."}};

Problem make_parity(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  Filler filler(dice);
  Trace trace;
  Problem problem;
  bool yes = false;
  if (difficulty >= 4) {  // another divisor
    const int64_t k = dice.between(3, 9);
    const int64_t q = dice.between(6, difficulty == 4 ? 33 : 140);
    const int64_t rest = dice.chance(0.5) ? 0 : dice.between(1, k - 1);
    filler.set("e", k * q + rest);
    filler.set("k", k);
    problem.question = filler.fill(dice.pick(kDivisible[l]));
    yes = trace.rem(k * q + rest, k) == 0;
  } else {
    int64_t value = 0;
    if (difficulty == 1) {
      value = dice.between(2, 999);
      filler.set("e", value);
    } else if (difficulty == 2) {
      const int64_t a = dice.between(2, 99);
      const int64_t b = dice.between(2, 99);
      filler.set("e", std::to_string(a) + "+" + std::to_string(b));
      value = trace.add(a, b);
    } else {
      const int64_t a = dice.between(3, 99);
      const int64_t b = dice.between(3, 9);
      filler.set("e", std::to_string(a) + "*" + std::to_string(b));
      value = trace.mul(a, b);
    }
    const bool ask_even = dice.chance(0.6);
    problem.question = filler.fill(ask_even ? dice.pick(kEven[l]) : dice.pick(kOdd[l]));
    const bool even = value % 2 == 0;
    yes = even == ask_even;
    filler.set("i", value % 10);
    trace.say(filler.fill(kLastDigit[l][even ? 0 : 1]));
  }
  problem.thinking = trace.text();
  problem.expected = yes_word(language, yes);
  problem.answer = yes_answer(language, yes);
  return problem;
}

// True and false. Claims are "7 > 5" and "3+4=8"; words join them.
constexpr const char* kTrue[5] = {"참", "true", "真", "真", "verdadero"};
constexpr const char* kFalse[5] = {"거짓", "false", "假", "偽", "falso"};
constexpr const char* kTrueSaid[5] = {"참.", "True.", "真。", "真。", "Verdadero."};
constexpr const char* kFalseSaid[5] = {"거짓.", "False.", "假。", "偽。", "Falso."};
constexpr const char* kAnd[5] = {" 그리고 ", " and ", " 并且 ", " かつ ", " y "};
constexpr const char* kOr[5] = {" 또는 ", " or ", " 或者 ", " または ", " o "};
constexpr const char* kNot[5] = {"아니다(", "not (", "并非（", "否定（", "no ("};
constexpr const char* kNotEnd[5] = {")", ")", "）", "）", ")"};
constexpr const char* kTruth[5][5] = {
    {"참인가 거짓인가? {e}", "다음은 참<입니까|인가요|이야>, 거짓<입니까|인가요|이야>? {e}",
     "{e}: 참 또는 거짓?", "[이 문장|이 식]은 참<입니까|인가요|이야>, 거짓<입니까|인가요|이야>? {e}",
     "참과 거짓 중 어느 쪽<입니까|인가요|이야>? {e}"},
    {"True or false: {e}", "Is this true or false? {e}", "{e}: true or false?",
     "Say whether this is true or false: {e}", "Is the statement true or false? {e}"},
    {"判断真假：{e}", "下面的说法是真还是假？{e}", "{e}：真还是假？", "请判断真假：{e}",
     "这个命题是真是假？{e}"},
    {"真か偽か：{e}", "次は真ですか、偽ですか。{e}", "{e}：真か偽か。", "真偽を答えなさい：{e}",
     "この文は真ですか、偽ですか。{e}"},
    {"¿Verdadero o falso? {e}", "Di si es verdadero o falso: {e}", "{e}: ¿verdadero o falso?",
     "¿Es verdadero o falso? {e}", "La frase {e}, ¿verdadero o falso?"},
};

struct Claim {
  std::string text;
  bool holds;
};

Claim make_claim(Dice& dice, int difficulty) {
  const int64_t top = difficulty <= 2 ? 20 : 99;
  const int64_t a = dice.between(2, top);
  const int64_t b = dice.between(2, top);
  const std::string left = std::to_string(a);
  const std::string right = std::to_string(b);
  switch (dice.between(0, 1)) {
    case 0:
      return {left + " > " + right, a > b};
    default:
      return {left + " < " + right, a < b};
  }
}

Problem make_truth(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  const auto word = [&](bool holds) { return std::string(holds ? kTrue[l] : kFalse[l]); };
  Trace trace;
  Problem problem;
  std::string statement;
  bool value = false;
  const int n_claims = difficulty <= 1 ? 1 : difficulty <= 3 ? 2 : 3;
  std::string known;
  for (int i = 0; i < n_claims; ++i) {
    Claim claim = make_claim(dice, difficulty);
    trace.say(claim.text + ": " + word(claim.holds));
    if ((difficulty == 3 || difficulty == 5) && dice.chance(0.4)) {
      claim = {kNot[l] + claim.text + kNotEnd[l], !claim.holds};
      trace.say(claim.text + ": " + word(claim.holds));
    }
    if (i == 0) {
      statement = claim.text;
      value = claim.holds;
    } else {
      // Left to right; brackets say so where there are three.
      const bool both = dice.chance(0.5);
      const char* joint = both ? kAnd[l] : kOr[l];
      statement = (i == 2 ? "(" + statement + ")" : statement) + joint + claim.text;
      const bool joined = both ? value && claim.holds : value || claim.holds;
      trace.say(word(value) + joint + word(claim.holds) + ": " + word(joined));
      value = joined;
    }
  }
  Filler filler(dice);
  filler.set("e", statement);
  problem.question = filler.fill(dice.pick(kTruth[l]));
  problem.thinking = trace.text();
  problem.expected = word(value);
  problem.answer = value ? kTrueSaid[l] : kFalseSaid[l];
  return problem;
}

// Lists. Slots: s and t lists, k a number.
constexpr const char* kMember[5][4] = {
    {"{s} 중에 {k:이} 있<습니까|나요|어>?", "{k:은} {s} 안에 있<습니까|나요|어>?",
     "목록 {s}에 {k:이} 들어 있<습니까|나요|어>?", "집합 ({s})에 {k:이} 속<합니까|하나요|해>?"},
    {"Is {k} among {s}?", "Is {k} in the list {s}?", "Does the list {s} contain {k}?", "Is {k} one of {s}?"},
    {"{s}中有{k}吗？", "{k}在{s}里面吗？", "列表{s}中包含{k}吗？", "集合（{s}）里有{k}吗？"},
    {"{s}の中に{k}はありますか。", "{k}は{s}に含まれますか。", "リスト{s}に{k}はありますか。",
     "集合（{s}）に{k}は入っていますか。"},
    {"¿Está {k} entre {s}?", "¿Está {k} en la lista {s}?", "¿La lista {s} contiene el {k}?",
     "¿Es {k} uno de {s}?"},
};
constexpr const char* kCountAbove[5][3] = {
    {"{s} 중에서 {k}보다 큰 수는 몇 개<입니까|인가요|야>?",
     "{s} 가운데 {k}보다 큰 수의 개수는 얼마<입니까|인가요|야>?",
     "목록 {s}에서 {k}보다 큰 수는 몇 개<입니까|예요|야>?"},
    {"How many of {s} are greater than {k}?", "How many numbers in {s} are larger than {k}?",
     "In the list {s}, how many numbers are above {k}?"},
    {"{s}中有几个数大于{k}？", "{s}里比{k}大的数有几个？", "在{s}中，大于{k}的数有多少个？"},
    {"{s}の中で{k}より大きい数はいくつですか。", "{s}のうち、{k}より大きいものは何個ですか。",
     "リスト{s}に{k}より大きい数は何個ありますか。"},
    {"¿Cuántos números de {s} son mayores que {k}?", "En la lista {s}, ¿cuántos números son mayores que {k}?",
     "¿Cuántos de {s} son mayores que {k}?"},
};
constexpr const char* kCommon[5][3] = {
    {"{s:과} {t}에 모두 있는 수는 몇 개<입니까|인가요|야>?",
     "목록 {s:과} 목록 {t}에 공통인 수는 몇 개<입니까|인가요|야>?",
     "두 집합 ({s}), ({t})에 함께 든 수는 몇 개<입니까|인가요|야>?"},
    {"How many numbers are in both {s} and {t}?", "How many numbers do the lists ({s}) and ({t}) share?",
     "The sets are ({s}) and ({t}). How many numbers are in both?"},
    {"（{s}）和（{t}）共有几个相同的数？", "既在（{s}）中又在（{t}）中的数有几个？",
     "两个集合（{s}）和（{t}）的公共元素有几个？"},
    {"（{s}）と（{t}）の両方にある数はいくつですか。", "2つの集合（{s}）と（{t}）に共通の数は何個ですか。",
     "リスト（{s}）とリスト（{t}）に共通する数はいくつですか。"},
    {"¿Cuántos números están a la vez en ({s}) y en ({t})?",
     "¿Cuántos números comparten las listas ({s}) y ({t})?",
     "Los conjuntos son ({s}) y ({t}). ¿Cuántos números están en los dos?"},
};
constexpr const char* kUnion[5][2] = {
    {"({s}), ({t}) 가운데 적어도 한쪽에 있는 수는 몇 개<입니까|인가요|야>?",
     "두 집합 ({s}), ({t})의 합집합의 원소는 몇 개<입니까|인가요|야>?"},
    {"How many different numbers are in ({s}) or ({t})?",
     "The sets are ({s}) and ({t}). How many numbers are in their union?"},
    {"（{s}）和（{t}）的并集有几个元素？", "两个集合（{s}）和（{t}）一共有几个不同的数？"},
    {"（{s}）と（{t}）の和集合の要素は何個ですか。",
     "2つの集合（{s}）と（{t}）に、違う数は全部でいくつありますか。"},
    {"¿Cuántos números diferentes hay en ({s}) o en ({t})?",
     "Los conjuntos son ({s}) y ({t}). ¿Cuántos elementos tiene su unión?"},
};
constexpr const char* kCountAnswer[5] = {"{r}개입니다.", "{r}.", "{r}个。", "{r}個です。", "{r}."};

std::string joined(const std::vector<int64_t>& values) {
  std::string out;
  for (const int64_t value : values) out += (out.empty() ? "" : ", ") + std::to_string(value);
  return out;
}
bool has(const std::vector<int64_t>& values, int64_t value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

Problem make_set(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  const auto draw = [&](size_t count, int64_t top) {
    std::vector<int64_t> values;
    while (values.size() < count) {
      const int64_t value = dice.between(1, top);
      if (!has(values, value)) values.push_back(value);
    }
    return values;
  };
  Filler filler(dice);
  Trace trace;
  Problem problem;
  if (difficulty <= 2) {
    const auto values = draw(static_cast<size_t>(difficulty == 1 ? dice.between(3, 4) : dice.between(5, 7)),
                             difficulty == 1 ? 9 : 99);
    int64_t wanted = values[static_cast<size_t>(dice.between(0, static_cast<int64_t>(values.size()) - 1))];
    if (dice.chance(0.5)) wanted = dice.between(1, difficulty == 1 ? 9 : 99);
    filler.set("s", joined(values));
    filler.set("k", wanted);
    problem.question = filler.fill(dice.pick(kMember[l]));
    const bool yes = has(values, wanted);
    std::string seen;
    for (const int64_t value : values) {
      seen += (seen.empty() ? "" : ", ") + std::to_string(value);
      if (value == wanted) break;
    }
    trace.say(std::to_string(wanted) + ": " + seen + ".");
    problem.expected = yes_word(language, yes);
    problem.answer = yes_answer(language, yes);
    problem.thinking = trace.text();
    return problem;
  }
  int64_t result = 0;
  std::string found;
  const auto find = [&](int64_t value) {
    found += (found.empty() ? "" : ", ") + std::to_string(value) + " (" + std::to_string(++result) + ")";
  };
  if (difficulty == 3) {
    const auto values = draw(static_cast<size_t>(dice.between(4, 7)), 60);
    const int64_t bound = dice.between(10, 50);
    filler.set("s", joined(values));
    filler.set("k", bound);
    problem.question = filler.fill(dice.pick(kCountAbove[l]));
    for (const int64_t value : values) {
      if (value > bound) find(value);
    }
  } else {
    const size_t size = static_cast<size_t>(dice.between(3, difficulty == 4 ? 4 : 5));
    const auto first = draw(size, difficulty == 4 ? 9 : 15);
    const auto second = draw(size, difficulty == 4 ? 9 : 15);
    filler.set("s", joined(first));
    filler.set("t", joined(second));
    const bool both = difficulty == 4 || dice.chance(0.5);
    problem.question = filler.fill(both ? dice.pick(kCommon[l]) : dice.pick(kUnion[l]));
    for (const int64_t value : first) {
      if (!both || has(second, value)) find(value);
    }
    for (const int64_t value : second) {
      if (!both && !has(first, value)) find(value);
    }
  }
  trace.say((found.empty() ? "-" : found) + " → " + std::to_string(result));
  problem.thinking = trace.text();
  filler.set("r", result);
  problem.answer = filler.fill(kCountAnswer[l]);
  problem.expected = std::to_string(result);
  return problem;
}

// A line of people. Slots: n and m names, i, j, k positions or counts.
constexpr const char* kBehind[5][2] = {
    {"{k}명이 한 줄로 서 <있습니다|있어요|있어>. {n:은} 앞에서 {i}번째<입니다|예요|야>. {n}의 뒤에는 몇 명이 "
     "<있습니까|있나요|있어>?",
     "줄에 {k}명이 <있습니다|있어요|있어>. 앞에서 {i}번째인 {n}의 뒤에 선 사람은 몇 명<입니까|인가요|이야>?"},
    {"{k} people stand in a line. {n} is number {i} from the front. How many people are behind {n}?",
     "In a line of {k} people, {n} stands in position {i}. How many are behind {n}?"},
    {"{k}个人排成一队，{n}从前面数第{i}个，{n}后面有几个人？", "一队有{k}人，{n}排第{i}，后面还有多少人？"},
    {"{k}人が1列に並んでいます。{n}は前から{i}番目です。{n}の後ろには何人いますか。",
     "列に{k}人います。前から{i}番目の{n}の後ろは何人ですか。"},
    {"Hay {k} personas en una fila. {n} está en el puesto {i}. ¿Cuántas personas hay detrás de {n}?",
     "En una fila de {k} personas, {n} ocupa el puesto {i}. ¿Cuántas hay detrás?"},
};
constexpr const char* kBetweenTwo[5][2] = {
    {"한 줄에서 {n:은} 앞에서 {i}번째, {m:은} 앞에서 {j}번째<입니다|예요|야>. 두 사람 사이에는 몇 명이 "
     "<있습니까|있나요|있어>?",
     "{n:은} {i}번째, {m:은} {j}번째로 줄을 <섰습니다|섰어요|섰어>. 둘 사이에 선 사람은 몇 "
     "명<입니까|인가요|이야>?"},
    {"In a line {n} is number {i} and {m} is number {j}. How many people stand between them?",
     "{n} is in position {i} of a line and {m} in position {j}. How many people are between the two?"},
    {"排队时{n}排第{i}，{m}排第{j}，两人之间有几个人？", "{n}在队伍第{i}位，{m}在第{j}位，中间有多少人？"},
    {"列で{n}は前から{i}番目、{m}は{j}番目です。2人の間に何人いますか。",
     "{n}は{i}番目、{m}は{j}番目に並んでいます。間には何人いますか。"},
    {"En una fila, {n} está en el puesto {i} y {m} en el puesto {j}. ¿Cuántas personas hay entre los dos "
     "puestos?",
     "{n} ocupa el puesto {i} y {m} el puesto {j}. ¿Cuántas personas hay en medio?"},
};
constexpr const char* kWhole[5][2] = {
    {"{n:은} 줄의 앞에서 {i}번째이고 뒤에서 {j}번째<입니다|예요|야>. 줄에는 모두 몇 명이 "
     "<있습니까|있나요|있어>?",
     "한 줄로 섰을 때 {n:은} 앞에서 {i}번째, 뒤에서 {j}번째<입니다|예요|야>. 모두 몇 "
     "명<입니까|인가요|이야>?"},
    {"{n} is number {i} from the front of a line and number {j} from the back. How many people are in the "
     "line?",
     "Counting from the front {n} is number {i}, from the back number {j}. How many people stand in the "
     "line?"},
    {"{n}从前面数第{i}个，从后面数第{j}个，这一队有多少人？",
     "排队时{n}前数第{i}，后数第{j}，一共有多少人？"},
    {"{n}は前から{i}番目、後ろから{j}番目です。列は全部で何人ですか。",
     "1列に並ぶと{n}は前から{i}番目で、後ろから{j}番目です。全部で何人いますか。"},
    {"{n} está en el puesto {i} desde delante y en el puesto {j} desde atrás. ¿Cuántas personas hay en la "
     "fila?",
     "En una fila, {n} es el número {i} por delante y el número {j} por detrás. ¿Cuántas personas hay?"},
};
constexpr const char* kFromBack[5][2] = {
    {"{k}명이 줄을 <섰습니다|섰어요|섰어>. {n:은} 앞에서 {i}번째<입니다|예요|야>. 뒤에서는 몇 "
     "번째<입니까|인가요|야>?",
     "{k}명 가운데 앞에서 {i}번째인 사람은 뒤에서 몇 번째<입니까|인가요|야>?"},
    {"{n} is number {i} from the front in a line of {k} people. What number is {n} from the back?",
     "In a line of {k} people, which position from the back is position {i} from the front?"},
    {"{k}人排队，{n}从前面数第{i}，从后面数是第几？", "一队{k}人，前数第{i}的人后数第几？"},
    {"{k}人の列で{n}は前から{i}番目です。後ろからは何番目ですか。",
     "{k}人の列で、前から{i}番目の人は後ろから何番目ですか。"},
    {"En una fila de {k} personas, {n} está en el puesto {i} desde delante. ¿Qué puesto ocupa desde atrás?",
     "En una fila de {k} personas, ¿qué puesto desde atrás es el puesto {i} desde delante?"},
};
constexpr const char* kPeopleAnswer[5] = {"{r}명입니다.", "{r}.", "{r}人。", "{r}人です。", "{r}."};
constexpr const char* kPlaceAnswer[5] = {"{r}번째입니다.", "{r}.", "第{r}。", "{r}番目です。", "{r}."};

Problem make_line(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  constexpr int64_t kTops[] = {9, 20, 50, 99, 500};
  const int64_t top = kTops[difficulty - 1];
  const auto two = people(dice, language, 2);
  Filler filler(dice);
  filler.set("n", two[0]);
  filler.set("m", two[1]);
  Trace trace;
  Problem problem;
  int64_t result = 0;
  const char* answer = kPeopleAnswer[l];
  const int64_t kind = dice.between(0, difficulty == 1 ? 1 : 3);
  if (kind == 0) {
    const int64_t all = dice.between(5, top);
    const int64_t at = dice.between(2, all - 2);
    filler.set("k", all);
    filler.set("i", at);
    problem.question = filler.fill(dice.pick(kBehind[l]));
    result = trace.sub(all, at);
  } else if (kind == 1) {
    const int64_t first = dice.between(1, top - 3);
    const int64_t second = dice.between(first + 2, top);
    filler.set("i", first);
    filler.set("j", second);
    problem.question = filler.fill(dice.pick(kBetweenTwo[l]));
    result = trace.sub(trace.sub(second, first), 1);
  } else if (kind == 2) {
    const int64_t front = dice.between(2, top / 2);
    const int64_t back = dice.between(2, top / 2);
    filler.set("i", front);
    filler.set("j", back);
    problem.question = filler.fill(dice.pick(kWhole[l]));
    result = trace.sub(trace.add(front, back), 1);
  } else {
    const int64_t all = dice.between(5, top);
    const int64_t at = dice.between(2, all - 1);
    filler.set("k", all);
    filler.set("i", at);
    problem.question = filler.fill(dice.pick(kFromBack[l]));
    result = trace.add(trace.sub(all, at), 1);
    answer = kPlaceAnswer[l];
  }
  problem.thinking = trace.text();
  filler.set("r", result);
  problem.answer = filler.fill(answer);
  problem.expected = std::to_string(result);
  return problem;
}

}  // namespace

std::string_view yes_word(Language language, bool yes) {
  constexpr std::string_view kYes[] = {"네", "yes", "是", "はい", "sí"};
  constexpr std::string_view kNo[] = {"아니요", "no", "不是", "いいえ", "no"};
  return yes ? kYes[index_of(language)] : kNo[index_of(language)];
}

std::string yes_answer(Language language, bool yes) {
  constexpr const char* kYes[] = {"네.", "Yes.", "是。", "はい。", "Sí."};
  constexpr const char* kNo[] = {"아니요.", "No.", "不是。", "いいえ。", "No."};
  return yes ? kYes[index_of(language)] : kNo[index_of(language)];
}

std::string_view full_stop(Language language) {
  return language == Language::zh || language == Language::ja ? "。" : ".";
}

std::vector<std::string> people(Dice& dice, Language language, size_t count) {
  std::vector<std::string> out;
  while (out.size() < count) {
    std::string name(dice.pick(names(language)));
    constexpr std::string_view kFriendly = "이";
    // Every Korean name in the list that ends in 이 has it as the friendly suffix.
    if (language == Language::ko && name.ends_with(kFriendly)) name.resize(name.size() - kFriendly.size());
    if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(std::move(name));
  }
  return out;
}

std::span<const Family> logic_families() {
  static const Family list[] = {
      {"parity", "logic", 5, 0.5, make_parity},   {"truth", "logic", 5, 0.5, make_truth},
      {"set", "logic", 5, 0.5, make_set},         {"line", "logic", 5, 0.5, make_line},
      {"order", "logic", 5, 0.8, make_order},     {"syllogism", "logic", 5, 0.6, make_syllogism},
      {"knights", "logic", 5, 0.4, make_knights},
  };
  return list;
}

}  // namespace jaju::data
