// Units and percentages: one rule each, said first, then applied.
#include "data/synth/phrases.h"
#include "data/synth/story.h"

namespace jaju::data {

namespace {

// A large unit, the small unit it is made of, and how many. Names in the order of Language; English and
// Spanish say one and many.
struct Unit {
  int64_t factor;
  const char* large[5];
  const char* large_one[5];
  const char* small[5];
};
constexpr Unit kUnits[] = {
    {100, {"m", "m", "米", "m", "m"}, {"m", "m", "米", "m", "m"}, {"cm", "cm", "厘米", "cm", "cm"}},
    {10,
     {"cm", "cm", "厘米", "cm", "cm"},
     {"cm", "cm", "厘米", "cm", "cm"},
     {"mm", "mm", "毫米", "mm", "mm"}},
    {1000, {"km", "km", "千米", "km", "km"}, {"km", "km", "千米", "km", "km"}, {"m", "m", "米", "m", "m"}},
    {1000, {"kg", "kg", "千克", "kg", "kg"}, {"kg", "kg", "千克", "kg", "kg"}, {"g", "g", "克", "g", "g"}},
    {1000, {"L", "L", "升", "L", "L"}, {"L", "L", "升", "L", "L"}, {"mL", "mL", "毫升", "mL", "mL"}},
    {60,
     {"시간", "hours", "小时", "時間", "horas"},
     {"시간", "hour", "小时", "時間", "hora"},
     {"분", "minutes", "分钟", "分", "minutos"}},
    {60,
     {"분", "minutes", "分钟", "分", "minutos"},
     {"분", "minute", "分钟", "分", "minuto"},
     {"초", "seconds", "秒", "秒", "segundos"}},
    {24,
     {"일", "days", "天", "日", "días"},
     {"일", "day", "天", "日", "día"},
     {"시간", "hours", "小时", "時間", "horas"}},
    {7,
     {"주", "weeks", "周", "週間", "semanas"},
     {"주", "week", "周", "週間", "semana"},
     {"일", "days", "天", "日", "días"}},
    {12,
     {"년", "years", "年", "年", "años"},
     {"년", "year", "年", "年", "año"},
     {"개월", "months", "个月", "か月", "meses"}},
};

std::string quantity(Language language, int64_t count, const char* name) {
  const bool spaced = language == Language::en || language == Language::es;
  return std::to_string(count) + (spaced ? " " : "") + name;
}

// Slots: x the quantity asked about, u the unit of the answer (Korean: uya and uro with its particle), v one
// large unit, w what it is worth.
constexpr const char* kConvert[5][8] = {
    {"{x:은} <몇 {u}입니까|몇 {u}인가요|몇 {uya}>?",
     "{x:을} {uro} 바꾸면 <몇 {u}입니까|몇 {u}인가요|몇 {uya}>?", "{x:은} {uro} 얼마<입니까|인가요|야>?",
     "{x} = ? {u}", "{x:을} {uro} 나타내<십시오|세요|줘>.", "{x:은} 몇 {u}<입니까|일까요|일까>?",
     "{x:과} 같은 것은 <몇 {u}입니까|몇 {u}인가요|몇 {uya}>?",
     "{x:이면} <몇 {u}입니까|몇 {u}인가요|몇 {uya}>?"},
    {"How many {u} are in {x}?", "How many {u} is {x}?", "Convert {x} to {u}.", "{x} = ? {u}",
     "What is {x} in {u}?", "{x} is how many {u}?", "Write {x} in {u}.", "How many {u} make {x}?"},
    {"{x}等于多少{u}？", "{x}是多少{u}？", "把{x}换算成{u}。", "{x} = ? {u}", "{x}有多少{u}？",
     "多少{u}等于{x}？", "{x}合多少{u}？", "请把{x}写成{u}。"},
    {"{x}は何{u}ですか。", "{x}を{u}で表しなさい。", "{x}を{u}に直すといくつですか。", "{x} = ? {u}",
     "{x}は{u}で言うといくつですか。", "{x}は何{u}？", "何{u}が{x}と同じですか。",
     "{x}を{u}にしてください。"},
    {"¿Cuántos {u} son {x}?", "¿Cuántos {u} hay en {x}?", "Convierte {x} a {u}.", "{x} = ? {u}",
     "¿Cuánto es {x} en {u}?", "Expresa {x} en {u}.", "Pasa {x} a {u}.", "¿{x} es lo mismo que cuántos {u}?"},
};
constexpr const char* kRule[5] = {"{v:은} {w}.", "{v} is {w}.", "{v}是{w}。", "{v}は{w}。", "{v} son {w}."};
constexpr const char* kAnswer[5] = {"{R}입니다.", "{R}.", "{R}。", "{R}です。", "{R}."};
constexpr const char* kAnd[5] = {"{x} {y}", "{x} {y}", "{x}{y}", "{x}{y}", "{x} {y}"};
constexpr const char* kPlus[5][3] = {
    {"{x:과} {y:을} 더하면 <몇 {u}입니까|몇 {u}인가요|몇 {uya}>?",
     "{x} 더하기 {y:은} <몇 {u}입니까|몇 {u}인가요|몇 {uya}>?", "{x} + {y} = ? {u}"},
    {"How many {u} are {x} and {y} together?", "Add {x} and {y}. How many {u} is that?", "{x} + {y} = ? {u}"},
    {"{x}加{y}是多少{u}？", "{x}和{y}一共多少{u}？", "{x} + {y} = ? {u}"},
    {"{x}と{y}を足すと何{u}ですか。", "{x}と{y}を合わせると何{u}ですか。", "{x} + {y} = ? {u}"},
    {"¿Cuántos {u} son {x} más {y}?", "Suma {x} y {y}. ¿Cuántos {u} son?", "{x} + {y} = ? {u}"},
};
constexpr const char* kMinus[5][2] = {
    {"{x}에서 {y:을} 빼면 <몇 {u}입니까|몇 {u}인가요|몇 {uya}>?", "{x} - {y} = ? {u}"},
    {"How many {u} is {x} minus {y}?", "{x} - {y} = ? {u}"},
    {"{x}减去{y}是多少{u}？", "{x} - {y} = ? {u}"},
    {"{x}から{y}を引くと何{u}ですか。", "{x} - {y} = ? {u}"},
    {"¿Cuántos {u} son {x} menos {y}?", "{x} - {y} = ? {u}"},
};

bool feminine_es(const std::string& unit) {
  return unit == "horas" || unit == "semanas";
}

}  // namespace

Problem make_units(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  const Unit& unit = dice.pick(std::span<const Unit>(kUnits));
  const int64_t f = unit.factor;
  const auto large = [&](int64_t n) {
    return quantity(language, n, n == 1 ? unit.large_one[l] : unit.large[l]);
  };
  const auto small = [&](int64_t n) { return quantity(language, n, unit.small[l]); };
  Filler filler(dice);
  const auto mixed = [&](int64_t n, int64_t m) {
    filler.set("x", large(n));
    filler.set("y", small(m));
    return filler.fill(kAnd[l]);
  };
  constexpr int64_t kMost[] = {9, 20, 30, 30, 40};
  // Long products and quotients would hide the rule: few of what is not tens.
  const bool tens = f % 10 == 0 && f != 60;
  const int64_t most = !tens && difficulty >= 3 ? 9 : kMost[difficulty - 1];
  const bool spanish = language == Language::es;

  Trace trace;
  const auto to_small = [&](int64_t count) {
    if (f == 60 || f < 100) return trace.mul(count, f);
    trace.say(std::to_string(count) + "*" + std::to_string(f) + "=" +
              std::to_string(count * f));  // zeros hung on
    return count * f;
  };
  filler.set("v", large(1));
  filler.set("w", small(f));
  trace.say(filler.fill(kRule[l]));
  const int64_t n = dice.between(2, most);
  const int64_t m = dice.between(2, f - 1);
  int64_t result = 0;
  const char* asked = unit.small[l];
  const char* skeleton = kConvert[l][dice.between(0, 7)];
  const bool backwards = difficulty <= 3 && difficulty >= 2 && dice.chance(0.4);
  if (difficulty == 5) {
    const int64_t n2 = dice.between(1, n - 1);
    const int64_t m2 = dice.between(2, f - 1);
    const std::string first = mixed(n, m);
    const std::string second = mixed(n2, m2);
    filler.set("x", first);
    filler.set("y", second);
    skeleton = kMinus[l][dice.between(0, 1)];
    const int64_t a = trace.add(to_small(n), m);
    const int64_t b = trace.add(n2 == 1 ? f : to_small(n2), m2);
    result = trace.sub(a, b);
  } else if (difficulty == 4) {
    const int64_t m2 = dice.between(2, 5 * f);
    const std::string first = dice.chance(0.5) ? mixed(n, m) : large(n);
    const bool whole = first == large(n);
    filler.set("x", first);
    filler.set("y", small(m2));
    skeleton = kPlus[l][dice.between(0, 2)];
    result = to_small(n);
    if (!whole) result = trace.add(result, m);
    result = trace.add(result, m2);
  } else if (difficulty == 3 && !backwards) {
    filler.set("x", mixed(n, m));
    result = trace.add(to_small(n), m);
  } else if (backwards) {
    filler.set("x", small(n * f));
    asked = unit.large[l];
    result = n;
    const std::string claim = std::to_string(n * f) + "/" + std::to_string(f);
    if (f == 60) {
      trace.say(claim + "=" + std::to_string(n * 6) + "/6");  // a zero struck off
      trace.div(n * 6, 6);
    } else if (tens) {
      trace.say(claim + "=" + std::to_string(n));  // zeros struck off
    } else {
      trace.div(n * f, f);
    }
  } else {
    filler.set("x", large(n));
    result = to_small(n);
  }
  filler.set("u", asked);
  if (language == Language::ko) {  // "km" is heard as a unit after a number only
    filler.set("uya", asked + std::string(josa("1" + std::string(asked), Josa::is_casual)));
    filler.set("uro", asked + std::string(josa("1" + std::string(asked), Josa::by)));
  }
  filler.set("R", quantity(language, result, result == 1 && backwards ? unit.large_one[l] : asked));

  Problem problem;
  problem.question = filler.fill(skeleton);
  if (language == Language::ko) {
    constexpr std::string_view kWrong = "몇 일";
    const size_t at = problem.question.find(kWrong);
    if (at != std::string::npos) problem.question.replace(at, kWrong.size(), "며칠");
  }
  if (spanish && feminine_es(asked)) {
    for (const auto& [from, to] : {std::pair{"Cuántos", "Cuántas"}, std::pair{"cuántos", "cuántas"}}) {
      const size_t at = problem.question.find(from);
      if (at != std::string::npos) problem.question.replace(at, std::string_view(from).size(), to);
    }
  }
  problem.thinking = trace.text();
  problem.answer = filler.fill(kAnswer[l]);
  problem.expected = std::to_string(result);
  return problem;
}

namespace {

// Slots: n name, a the whole, p the percentage.
struct Wording {
  const char* of[4];   // p percent of a
  const char* off[4];  // a less p percent
  const char* up[2];   // a more p percent
  const char* plan_of;
  const char* plan_off;
  const char* plan_up;
  const char* answer_of;
  const char* answer_people;  // of the last question in `of`
  const char* answer;
};
constexpr Wording kWordings[5] = {
    {{"{a}의 {p}%는 얼마<입니까|인가요|야>?", "{a}의 {p}퍼센트는 [얼마|몇]<입니까|인가요|야>?",
      "{a}의 {p}%를 구하<십시오|세요|여라>.",
      "학생 {a}명 중 {p}%가 안경을 <썼습니다|썼어요|썼어>. 안경을 쓴 학생은 몇 명<입니까|인가요|이야>?"},
     {"{a}원짜리 [옷|가방|신발|책]을 {p}% 할인하면 얼마<입니까|인가요|야>?",
      "정가 {a}원인 [옷|가방|신발|책상]을 {p}% 싸게 <팝니다|팔아요|팔아>. 얼마<입니까|인가요|야>?",
      "{n:은} {a}원짜리 [옷|가방|책]을 {p}% 할인받아 <샀습니다|샀어요|샀어>. 낸 돈은 얼마<입니까|인가요|야>?",
      "{a}원에서 {p}% 할인된 가격은 얼마<입니까|인가요|야>?"},
     {"{a}원이던 [책|표|옷]의 값이 {p}% <올랐습니다|올랐어요|올랐어>. 지금 값은 얼마<입니까|인가요|야>?",
      "{a}원에서 {p}% 오르면 얼마<입니까|인가요|야>?"},
     "{a}의 {p}%.",
     "정가 {a}원, 할인 {p}%.",
     "처음 {a}원, 오른 것 {p}%.",
     "{r}입니다.",
     "{r}명입니다.",
     "{r}원입니다."},
    {{"What is {p}% of {a}?", "What's {p} percent of {a}?", "How much is {p}% of {a}?",
      "{p}% of {a} students walk to school. How many students is that?"},
     {"A [coat|bag|lamp|bike|chair] costs ${a}. It is {p}% off. What is the new price?",
      "A ${a} [coat|bag|lamp|chair] is on sale for {p}% off. How much is it now?",
      "{n} gets a {p}% discount on a [bag|watch|jacket] of ${a}. How much does {n} pay?",
      "What is ${a} less {p}%?"},
     {"A ticket cost ${a}. The price went up by {p}%. What does it cost now?", "What is ${a} plus {p}%?"},
     "{p}% of {a}.",
     "Price {a}, {p}% off.",
     "Price {a}, {p}% more.",
     "{r}.",
     "{r} student{s}.",
     "${r}."},
    {{"{a}的{p}%是多少？", "{a}的百分之{p}是多少？", "求{a}的{p}%。",
      "{a}名学生中有{p}%戴眼镜，戴眼镜的有多少名？"},
     {"一件衣服原价{a}元，降价{p}%，现在多少元？", "原价{a}元的[书包|鞋子]便宜{p}%，现价多少元？",
      "{n}买了原价{a}元的书包，优惠{p}%，付了多少元？", "{a}元减少{p}%是多少元？"},
     {"一张票原价{a}元，涨价{p}%，现在多少元？", "{a}元增加{p}%是多少元？"},
     "{a}的{p}%。",
     "原价{a}元，减{p}%。",
     "原价{a}元，加{p}%。",
     "{r}。",
     "{r}名。",
     "{r}元。"},
    {{"{a}の{p}%は[いくつ|何]ですか。", "{a}の{p}パーセントはいくつですか。", "{a}の{p}%を求めなさい。",
      "生徒{a}人のうち{p}%がめがねをかけています。何人ですか。"},
     {"{a}円の[服|かばん|くつ]が{p}%引きです。いくらですか。",
      "定価{a}円の[服|本|時計]を{p}%引きで買うと何円ですか。",
      "{n}は{a}円のかばんを{p}%引きで買いました。何円払いましたか。", "{a}円の{p}%引きは何円ですか。"},
     {"{a}円の切符が{p}%値上がりしました。今いくらですか。", "{a}円から{p}%上がると何円ですか。"},
     "{a}の{p}%。",
     "定価{a}円、{p}%引き。",
     "もと{a}円、{p}%増し。",
     "{r}です。",
     "{r}人です。",
     "{r}円です。"},
    {{"¿Cuánto es el {p} % de {a}?", "¿Cuál es el {p} por ciento de {a}?", "Calcula el {p} % de {a}.",
      "El {p} % de {a} alumnos lleva gafas. ¿Cuántos alumnos son?"},
     {"Un [abrigo|bolso|libro] cuesta {a} euros y tiene un {p} % de descuento. ¿Cuánto cuesta ahora?",
      "{n} compra un [abrigo|bolso] de {a} euros con un {p} % de descuento. ¿Cuánto paga?",
      "¿Cuánto es {a} euros menos el {p} %?",
      "Una [silla|lámpara] de {a} euros se rebaja un {p} %. ¿Cuál es el nuevo precio?"},
     {"Un billete costaba {a} euros y sube un {p} %. ¿Cuánto cuesta ahora?",
      "¿Cuánto es {a} euros más el {p} %?"},
     "El {p} % de {a}.",
     "Precio {a}, menos {p} %.",
     "Precio {a}, más {p} %.",
     "{r}.",
     "{r} alumno{s}.",
     "{r} euro{s}."},
};

}  // namespace

Problem make_percent(Dice& dice, Language language, int difficulty) {
  const Wording& wording = kWordings[index_of(language)];
  int64_t percent = 10 * dice.between(1, 9);
  if (difficulty == 1) percent = dice.chance(0.5) ? 10 : 50;
  if (difficulty >= 4) percent = 5 * dice.between(1, 19);
  const bool coins =
      language == Language::ko || language == Language::ja;  // prices of thousands, not of tens
  const bool of = difficulty <= 2 || dice.chance(0.25);
  const bool up = !of && dice.chance(0.3);
  int64_t whole = 0;
  if (of || !coins) {
    const int64_t unit = percent % 10 == 0 ? 10 : 100;
    whole = unit * dice.between(2, percent % 10 != 0 ? 12 : difficulty <= 2 ? 30 : difficulty <= 4 ? 50 : 99);
  } else {
    const int64_t unit = language == Language::ko ? 1000 : 100;
    whole = unit * dice.between(2, difficulty <= 4 ? 50 : 99);
    // One digit that is not zero against two of the percentage.
    if (percent % 10 != 0) whole = unit * dice.between(1, 9) * (dice.chance(0.5) ? 1 : 10);
  }
  const std::string_view name = dice.pick(names(language));
  Filler filler(dice);
  filler.set("a", whole);
  filler.set("p", percent);
  filler.set("n", std::string(name));

  Trace trace;
  trace.say(filler.fill(of ? wording.plan_of : up ? wording.plan_up : wording.plan_off));
  // Zeros struck off: two of the whole, or one of each.
  const auto strike = [&](int64_t value, int64_t by) {
    trace.say(std::to_string(value) + "/" + std::to_string(by) + "=" + std::to_string(value / by));
    return value / by;
  };
  int64_t part = 0;
  if (whole % 100 == 0) {
    part = trace.mul(strike(whole, 100), percent);
  } else {
    const int64_t tenth = strike(whole, 10);
    part = trace.mul(tenth, strike(percent, 10));
  }
  const int64_t result = of ? part : up ? trace.add(whole, part) : trace.sub(whole, part);
  filler.set("r", result);
  filler.set("s", result == 1 ? "" : "s");

  Problem problem;
  const size_t which = static_cast<size_t>(dice.between(0, 3));
  const bool people = of && which == 3;
  const char* skeleton = of ? wording.of[which] : up ? wording.up[which % 2] : wording.off[which];
  problem.question = filler.fill(skeleton);
  problem.thinking = trace.text();
  problem.answer = filler.fill(people ? wording.answer_people : of ? wording.answer_of : wording.answer);
  problem.expected = std::to_string(result);
  return problem;
}

}  // namespace jaju::data
