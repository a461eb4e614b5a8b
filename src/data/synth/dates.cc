// Days and months: weekdays, days between dates, dates after days, facts of the calendar.
#include "data/synth/dates.h"

#include <array>

#include "data/synth/story.h"

namespace jaju::data {

namespace {

// Monday to Sunday, numbered 1 to 7; 0 is Sunday, too.
constexpr const char* kWeekdays[5][7] = {
    {"월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일"},
    {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"},
    {"星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"},
    {"月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日", "日曜日"},
    {"lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"},
};
constexpr const char* kMonthsEn[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
constexpr const char* kMonthsEs[] = {"enero", "febrero", "marzo",      "abril",   "mayo",      "junio",
                                     "julio", "agosto",  "septiembre", "octubre", "noviembre", "diciembre"};
constexpr int64_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

bool leap(int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

std::string month_name(Language language, int64_t month) {
  return choose<std::string>(language, std::to_string(month) + "월", kMonthsEn[month - 1],
                             std::to_string(month) + "月", std::to_string(month) + "月",
                             kMonthsEs[month - 1]);
}

std::string date(Language language, int64_t month, int64_t day) {
  const std::string name = month_name(language, month);
  const std::string number = std::to_string(day);
  switch (language) {
    case Language::ko:
      return name + " " + number + "일";
    case Language::en:
      return name + " " + number;
    case Language::zh:
    case Language::ja:
      return name + number + "日";
    case Language::es:
      return number + " de " + name;
  }
  return {};
}

// A full stop of the language.
const char* stop(Language language) {
  return language == Language::zh || language == Language::ja ? "。" : ".";
}

// Slots: w weekday, n days, x the weekday that is asked about.
constexpr const char* kAfter[5][6] = {
    {"오늘은 {w}<입니다|이에요|이야>. {n}일 [뒤|후]는 무슨 요일<입니까|인가요|이야>?",
     "{w}에서 {n}일 [뒤|후]는 무슨 요일<입니까|일까요|이지>?",
     "오늘이 {w}이면 {n}일 [뒤|후]는 무슨 요일<입니까|인가요|이야>?",
     "{w}의 {n}일 [뒤|후]는 [무슨|어떤] 요일<입니까|이에요|이야>?",
     "오늘은 {w}<입니다|이에요|이야>. 시험은 {n}일 뒤<입니다|예요|야>. 시험은 무슨 요일<입니까|인가요|이야>?",
     "오늘이 {w}인데 {n}일 뒤에 여행을 <갑니다|가요|가>. 여행 가는 날은 무슨 요일<입니까|인가요|이야>?"},
    {"Today is {w}. What day is it in {n} days?",
     "If today is {w}, what day [of the week |]will it be in {n} days?", "What day comes {n} days after {w}?",
     "It is {w}. Which day is it {n} days from now?",
     "Today is {w} and the exam is in {n} days. On what day is the exam?",
     "{w} is the start of a trip of {n} days. What day is it {n} days later?"},
    {"今天是{w}，{n}天后是星期几？", "如果今天是{w}，再过{n}天是星期几？", "{w}之后{n}天是星期几？",
     "今天{w}，{n}天后考试，考试是星期几？", "今天是{w}，过{n}天是星期几？", "从{w}算起，{n}天后是星期几？"},
    {"今日は{w}です。{n}日後は何曜日ですか。", "今日が{w}なら、{n}日後は何曜日ですか。",
     "{w}の{n}日後は何曜日ですか。", "今日は{w}で、試験は{n}日後です。試験は何曜日ですか。",
     "{w}から{n}日たつと何曜日ですか。", "{w}の{n}日後は？"},
    {"Hoy es {w}. ¿Qué día será dentro de {n} días?", "Si hoy es {w}, ¿qué día será dentro de {n} días?",
     "¿Qué día es {n} días después del {w}?",
     "Hoy es {w} y el examen es dentro de {n} días. ¿Qué día es el examen?",
     "Hoy es {w}. ¿Qué día de la semana será {n} días más tarde?",
     "¿Qué día cae {n} días después de un {w}?"},
};
constexpr const char* kBefore[5][3] = {
    {"오늘은 {w}<입니다|이에요|이야>. {n}일 전은 무슨 요일이었<습니까|나요|어>?",
     "오늘이 {w}이면 {n}일 전은 무슨 요일<입니까|인가요|이야>?",
     "{w}의 {n}일 전은 무슨 요일<입니까|이에요|이야>?"},
    {"Today is {w}. What day was it {n} days ago?", "If today is {w}, what day was it {n} days ago?",
     "What day comes {n} days before {w}?"},
    {"今天是{w}，{n}天前是星期几？", "如果今天是{w}，{n}天前是星期几？", "{w}之前{n}天是星期几？"},
    {"今日は{w}です。{n}日前は何曜日でしたか。", "今日が{w}なら、{n}日前は何曜日ですか。",
     "{w}の{n}日前は何曜日ですか。"},
    {"Hoy es {w}. ¿Qué día fue hace {n} días?", "Si hoy es {w}, ¿qué día era hace {n} días?",
     "¿Qué día es {n} días antes del {w}?"},
};
constexpr const char* kDateDay[5][3] = {
    {"{d:이} {w}이면 {e:은} 무슨 요일<입니까|인가요|이야>?",
     "{d:은} {w}<입니다|이에요|이야>. {e:은} 무슨 요일<입니까|인가요|이야>?",
     "{d:이} {w}일 때 {e:은} 무슨 요일<입니까|인가요|이야>?"},
    {"If {d} is a {w}, what day is {e}?", "{d} is a {w}. What day of the week is {e}?",
     "{d} falls on a {w}. On what day does {e} fall?"},
    {"{d}是{w}，{e}是星期几？", "如果{d}是{w}，那么{e}是星期几？", "已知{d}是{w}，求{e}是星期几。"},
    {"{d}が{w}なら、{e}は何曜日ですか。", "{d}は{w}です。{e}は何曜日ですか。",
     "{d}が{w}のとき、{e}は何曜日ですか。"},
    {"Si el {d} es {w}, ¿qué día es el {e}?", "El {d} es {w}. ¿Qué día de la semana es el {e}?",
     "El {d} cae en {w}. ¿En qué día cae el {e}?"},
};
// Slots: w the weekday, i its number.
constexpr const char* kNumber[5] = {"{w:은} {i}.", "{w} is {i}.", "{w}是{i}。", "{w}は{i}。", "{w} es {i}."};
constexpr const char* kNumberBack[5] = {"{i:은} {w}.", "{i} is {w}.", "{i}是{w}。", "{i}は{w}。",
                                        "{i} es {w}."};
constexpr const char* kMonthDays[5] = {"{m:은} {i}일까지.", "{m} has {i} days.", "{m}有{i}天。",
                                       "{m}は{i}日まで。", "{m} tiene {i} días."};

void say_weekday(Filler& filler, Trace& trace, size_t l, int64_t number, bool back) {
  filler.set("w", kWeekdays[l][(number + 6) % 7]);
  filler.set("i", number);
  trace.say(filler.fill(back ? kNumberBack[l] : kNumber[l]));
}

// Slots: d the first date, e the second, m the month, n days, y the year.
constexpr const char* kBetween[5][5] = {
    {"{d}부터 {e}까지 며칠 <지났습니까|지났나요|지났어>?", "{d}에서 {e}까지는 며칠<입니까|인가요|이야>?",
     "오늘은 {d}<입니다|이에요|이야>. {e}까지 며칠 <남았습니까|남았나요|남았어>?",
     "{e:은} {d}의 며칠 뒤<입니까|인가요|야>?", "{d}의 며칠 뒤가 {e}<입니까|인가요|이야>?"},
    {"How many days are there from {d} to {e}?", "How many days is it from {d} to {e}?",
     "Today is {d}. How many days are left until {e}?", "{e} is how many days after {d}?",
     "How many days after {d} is {e}?"},
    {"从{d}到{e}过了多少天？", "今天是{d}，到{e}还有多少天？", "{e}是{d}之后的第几天？",
     "{d}到{e}相隔多少天？", "{d}过多少天是{e}？"},
    {"{d}から{e}まで何日ありますか。", "今日は{d}です。{e}まであと何日ですか。", "{e}は{d}の何日後ですか。",
     "{d}の何日後が{e}ですか。", "{d}から{e}までは何日間たちますか。"},
    {"¿Cuántos días hay del {d} al {e}?", "Hoy es {d}. ¿Cuántos días faltan para el {e}?",
     "¿Cuántos días después del {d} es el {e}?", "¿Cuántos días pasan del {d} al {e}?",
     "Del {d} al {e}, ¿cuántos días hay?"},
};
constexpr const char* kYearDate[5] = {"{y}년 {d}", "{d}, {y}", "{y}年{d}", "{y}年{d}", "{d} de {y}"};
constexpr const char* kDayAnswer[5] = {"{r}일입니다.", "{r} day{s}.", "{r}天。", "{r}日です。",
                                       "{r} día{s}."};
constexpr const char* kDateAfter[5][4] = {
    {"{d}에서 {n}일 [뒤|후]는 몇 월 며칠<입니까|인가요|이야>?",
     "오늘은 {d}<입니다|이에요|이야>. {n}일 [뒤|후]는 몇 월 며칠<입니까|인가요|이야>?",
     "{d}의 {n}일 [뒤|후]는 며칠<입니까|인가요|이야>?",
     "{d}부터 {n}일이 지나면 몇 월 며칠<입니까|인가요|이야>?"},
    {"What is the date {n} days after {d}?", "Today is {d}. What is the date in {n} days?",
     "It is {d}. Which date is {n} days later?", "{n} days after {d}: what date is it?"},
    {"{d}之后{n}天是几月几日？", "今天是{d}，{n}天后是几月几日？", "从{d}起过{n}天是几月几日？",
     "{d}再过{n}天是几月几日？"},
    {"{d}の{n}日後は何月何日ですか。", "今日は{d}です。{n}日後は何月何日ですか。",
     "{d}から{n}日たつと何月何日ですか。", "{d}の{n}日後はいつですか。"},
    {"¿Qué fecha es {n} días después del {d}?", "Hoy es {d}. ¿Qué fecha será dentro de {n} días?",
     "¿Qué día y mes son {n} días después del {d}?", "Es {d}. ¿Qué fecha será {n} días más tarde?"},
};

// The rule of February, said with the year's remainders; true when it has 29 days.
constexpr const char* kLeapYes[5] = {"윤년.", "A leap year.", "是闰年。", "うるう年。", "Es bisiesto."};
constexpr const char* kLeapNo[5] = {"윤년 아님.", "Not a leap year.", "不是闰年。", "うるう年ではない。",
                                    "No es bisiesto."};

bool say_leap(Trace& trace, Language language, int64_t year) {
  const std::string y = std::to_string(year);
  if (year % 100 == 0) {  // 100 and 400 look at the first two digits
    const std::string century = std::to_string(year / 100);
    trace.say(y + "/100=" + century + " r 0");
    trace.rem(year / 100, 4);
  } else {
    const std::string last = std::to_string(year % 100);
    trace.say(y + ": " + last);
    trace.rem(year % 100, 4);
  }
  const bool yes = leap(year);
  trace.say(yes ? kLeapYes[index_of(language)] : kLeapNo[index_of(language)]);
  return yes;
}

}  // namespace

Problem make_weekday(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  const int64_t from = dice.between(1, 7);
  Filler filler(dice);
  filler.set("w", kWeekdays[l][from - 1]);
  Problem problem;
  Trace trace;
  int64_t days = 0;
  bool before = false;
  if (difficulty == 5) {  // two dates, the second in the same or the next month
    const int64_t month = dice.between(1, 11);
    const int64_t day = dice.between(1, 25);
    const int64_t length = kDays[month - 1];
    const bool next = month != 2 && dice.chance(0.6);  // February would need the year
    const int64_t month2 = next ? month + 1 : month;
    const int64_t day2 = next ? dice.between(1, 28) : dice.between(day + 1, 28);
    filler.set("d", date(language, month, day));
    filler.set("e", date(language, month2, day2));
    problem.question = filler.fill(kDateDay[l][dice.between(0, 2)]);
    if (next) {
      filler.set("m", month_name(language, month));
      filler.set("i", length);
      trace.say(filler.fill(kMonthDays[l]));
      days = trace.add(trace.sub(length, day), day2);
    } else {
      days = trace.sub(day2, day);
    }
  } else {
    constexpr int64_t kMost[] = {6, 20, 50, 300};
    days = dice.between(difficulty == 4 ? 50 : difficulty <= 2 ? 2 : 8, kMost[difficulty - 1]);
    before = difficulty >= 2 && dice.chance(0.3);
    filler.set("n", days);
    problem.question = filler.fill(before ? kBefore[l][dice.between(0, 2)] : kAfter[l][dice.between(0, 5)]);
  }
  say_weekday(filler, trace, l, from, false);
  const int64_t rest = days >= 7 ? trace.rem(days, 7) : days;
  int64_t at = 0;
  if (rest == 0) {
    at = from;
  } else if (before) {
    at = from > rest ? trace.sub(from, rest) : trace.sub(trace.add(from, 7), rest);
  } else {
    at = trace.add(from, rest);
    if (at > 7) at = trace.sub(at, 7);
  }
  say_weekday(filler, trace, l, at, true);
  problem.thinking = trace.text();
  problem.expected = kWeekdays[l][at - 1];
  problem.answer = problem.expected + stop(language);
  return problem;
}

Problem make_date(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  Filler filler(dice);
  Trace trace;
  Problem problem;
  const auto say_month = [&](int64_t month, int64_t length) {
    filler.set("m", month_name(language, month));
    filler.set("i", length);
    trace.say(filler.fill(kMonthDays[l]));
  };
  if (difficulty == 2 || difficulty == 4) {  // which date
    const int64_t month = dice.between(1, 12);
    if (difficulty == 2) {
      const int64_t days = dice.between(2, 20);
      const int64_t day = dice.between(1, 28 - days);
      filler.set("d", date(language, month, day));
      filler.set("n", days);
      problem.question = filler.fill(kDateAfter[l][dice.between(0, 3)]);
      problem.expected = date(language, month, trace.add(day, days));
    } else {
      const int64_t safe = month == 2 ? 3 : month;  // February needs a year: level 5
      const int64_t length = kDays[safe - 1];
      const int64_t day = dice.between(5, length);
      const int64_t days = length - day + dice.between(1, 27);
      filler.set("d", date(language, safe, day));
      filler.set("n", days);
      problem.question = filler.fill(kDateAfter[l][dice.between(0, 3)]);
      say_month(safe, length);
      const int64_t at = trace.sub(trace.add(day, days), length);
      problem.expected = date(language, safe % 12 + 1, at);
    }
    trace.say(problem.expected);
    problem.answer = problem.expected + stop(language);
  } else {
    int64_t result = 0;
    if (difficulty == 1) {
      const int64_t month = dice.between(1, 12);
      const int64_t first = dice.between(1, 26);
      const int64_t second = dice.between(first + 1, 28);
      filler.set("d", date(language, month, first));
      filler.set("e", date(language, month, second));
      problem.question = filler.fill(kBetween[l][dice.between(0, 4)]);
      result = trace.sub(second, first);
    } else {
      int64_t month = dice.between(1, 11);
      if (difficulty == 3 && month == 2) month = 4;
      const bool with_year = difficulty == 5;
      if (with_year) month = dice.chance(0.6) ? 2 : 1;
      const int64_t year = 4 * dice.between(475, 525) + (dice.chance(0.5) ? 0 : dice.between(1, 3));
      const int64_t span = with_year && month == 1 ? 2 : 1;  // January to March passes February whole
      const int64_t first = dice.between(5, 28);
      const int64_t second = dice.between(1, 28);
      filler.set("d", date(language, month, first));
      filler.set("e", date(language, month + span, second));
      filler.set("y", year);
      if (with_year) filler.set("d", filler.fill(kYearDate[l]));
      problem.question = filler.fill(kBetween[l][dice.between(0, 4)]);
      int64_t february = 28;
      if (with_year && say_leap(trace, language, year)) february = 29;
      const int64_t length = month == 2 ? february : kDays[month - 1];
      say_month(month, length);
      result = trace.sub(length, first);
      if (span == 2) {
        say_month(2, february);
        result = trace.add(result, february);
      }
      result = trace.add(result, second);
    }
    filler.set("r", result);
    filler.set("s", result == 1 ? "" : "s");
    problem.answer = filler.fill(kDayAnswer[l]);
    problem.expected = std::to_string(result);
  }
  problem.thinking = trace.text();
  return problem;
}

namespace {

constexpr const char* kLeapQuestion[5][4] = {
    {"{y}년은 윤년<입니까|인가요|이야>?", "{y}년이 윤년인지 [말하|답하]<십시오|세요|여라>.",
     "{y}년에는 2월 29일이 <있습니까|있나요|있어>?", "{y}년은 윤년이 맞<습니까|나요|아>?"},
    {"Is {y} a leap year?", "Was {y} a leap year, yes or no?", "Does {y} have a February 29?",
     "Is the year {y} a leap year?"},
    {"{y}年是闰年吗？", "{y}年有2月29日吗？", "请问{y}年是不是闰年？", "{y}年的二月有29天吗？"},
    {"{y}年はうるう年ですか。", "{y}年に2月29日はありますか。", "西暦{y}年はうるう年ですか。",
     "{y}年の2月は29日までありますか。"},
    {"¿Es {y} un año bisiesto?", "¿El año {y} es bisiesto?", "¿Tiene {y} un 29 de febrero?",
     "¿Es bisiesto {y}?"},
};
constexpr const char* kYes[5] = {"네", "yes", "是", "はい", "sí"};
constexpr const char* kNo[5] = {"아니요", "no", "不是", "いいえ", "no"};
constexpr const char* kYesSaid[5] = {"네.", "Yes.", "是。", "はい。", "Sí."};
constexpr const char* kNoSaid[5] = {"아니요.", "No.", "不是。", "いいえ。", "No."};

constexpr const char* kLength[5][4] = {
    {"{m:은} [며칠까지|며칠] 있<습니까|나요|어>?", "{m:은} 모두 며칠<입니까|인가요|이야>?",
     "{m}에는 날이 며칠 있<습니까|나요|어>?", "{m}의 날수는 얼마<입니까|인가요|야>?"},
    {"How many days does {m} have?", "How many days are there in {m}?", "How many days are in {m}?",
     "How long is {m} in days?"},
    {"{m}有多少天？", "{m}一共有几天？", "{m}有几天？", "请问{m}有多少天？"},
    {"{m}は何日ありますか。", "{m}は何日までですか。", "{m}は全部で何日ですか。", "{m}は何日まである？"},
    {"¿Cuántos días tiene {m}?", "¿Cuántos días hay en {m}?", "¿Cuántos días dura {m}?",
     "¿De cuántos días es {m}?"},
};
constexpr const char* kOfYear[5] = {"{y}년 {m}", "{m} {y}", "{y}年{m}", "{y}年{m}", "{m} de {y}"};
constexpr const char* kMonthAfter[5][3] = {
    {"{m}의 {n}개월 [뒤|후]는 몇 월<입니까|인가요|이야>?",
     "지금은 {m}<입니다|이에요|이야>. {n}달 [뒤|후]는 몇 월<입니까|인가요|이야>?",
     "{m}에서 {n}개월이 지나면 몇 월<입니까|인가요|이야>?"},
    {"Which month comes {n} months after {m}?", "It is {m}. What month is it in {n} months?",
     "What month is {n} months after {m}?"},
    {"{m}之后{n}个月是几月？", "现在是{m}，{n}个月后是几月？", "{m}再过{n}个月是几月？"},
    {"{m}の{n}か月後は何月ですか。", "今は{m}です。{n}か月後は何月ですか。",
     "{m}から{n}か月たつと何月ですか。"},
    {"¿Qué mes es {n} meses después de {m}?", "Estamos en {m}. ¿Qué mes será dentro de {n} meses?",
     "¿Qué mes viene {n} meses después de {m}?"},
};

}  // namespace

Problem make_calendar(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  Filler filler(dice);
  Trace trace;
  Problem problem;
  const int64_t year = dice.chance(0.2) ? 100 * dice.between(15, 29) : dice.between(1801, 2199);
  if (difficulty == 1 || (difficulty == 2 && dice.chance(0.7))) {  // which month
    const int64_t month = dice.between(1, 12);
    const int64_t months = dice.between(2, difficulty == 1 ? 11 : 40);
    filler.set("m", month_name(language, month));
    filler.set("n", months);
    problem.question = filler.fill(kMonthAfter[l][dice.between(0, 2)]);
    filler.set("w", month_name(language, month));
    filler.set("i", month);
    if (language == Language::en || language == Language::es) trace.say(filler.fill(kNumber[l]));
    int64_t at = trace.add(month, months);
    while (at > 12) at = trace.sub(at, 12);
    filler.set("w", month_name(language, at));
    filler.set("i", at);
    if (language == Language::en || language == Language::es) trace.say(filler.fill(kNumberBack[l]));
    problem.expected = month_name(language, at);
    problem.answer = problem.expected + stop(language);
  } else if (difficulty == 2 || (difficulty == 3 && dice.chance(0.5))) {  // how long is a month
    const int64_t month = difficulty == 3 ? 2 : dice.between(1, 12);
    const bool february = month == 2;
    filler.set("y", year);
    filler.set("m", month_name(language, month));
    const std::string name = filler.fill(kOfYear[l]);
    filler.set("m", name);
    problem.question = filler.fill(kLength[l][dice.between(0, 3)]);
    const bool long_one = february && say_leap(trace, language, year);
    const int64_t length = kDays[month - 1] + (long_one ? 1 : 0);
    filler.set("m", month_name(language, month));
    filler.set("i", length);
    trace.say(filler.fill(kMonthDays[l]));
    filler.set("r", length);
    filler.set("s", "s");
    problem.answer = filler.fill(kDayAnswer[l]);
    problem.expected = std::to_string(length);
  } else {
    filler.set("y", year);
    problem.question = filler.fill(kLeapQuestion[l][dice.between(0, 3)]);
    const bool yes = say_leap(trace, language, year);
    problem.expected = yes ? kYes[l] : kNo[l];
    problem.answer = yes ? kYesSaid[l] : kNoSaid[l];
  }
  problem.thinking = trace.text();
  return problem;
}

}  // namespace jaju::data
