// Clocks: a time before or after a span, the span between two times. Times are written on 24 hours, "09:05".
#include <array>

#include "data/synth/dates.h"
#include "data/synth/families.h"
#include "data/synth/steps.h"
#include "data/synth/story.h"

namespace jaju::data {

namespace {

std::string two(int64_t n) {
  return n < 10 ? "0" + std::to_string(n) : std::to_string(n);
}
std::string clock_text(int64_t hour, int64_t minute) {
  return two(hour) + ":" + two(minute);
}

std::string span_text(Language language, int64_t hours, int64_t minutes) {
  const auto part = [&](int64_t n, const char* ko, const char* en, const char* zh, const char* ja,
                        const char* es) {
    const char* const names[] = {ko, en, zh, ja, es};
    const bool spaced = language == Language::en || language == Language::es;
    std::string out = std::to_string(n) + (spaced ? " " : "") + names[index_of(language)];
    if (spaced && n != 1) out += "s";
    return out;
  };
  const std::string h = hours > 0 ? part(hours, "시간", "hour", "小时", "時間", "hora") : "";
  const std::string m = minutes > 0 ? part(minutes, "분", "minute", "分钟", "分", "minuto") : "";
  if (h.empty() || m.empty()) return h + m;
  switch (language) {
    case Language::en:
      return h + " and " + m;
    case Language::es:
      return h + " y " + m;
    case Language::ko:
      return h + " " + m;
    default:
      return h + m;
  }
}

// Slots: t the time, s the span.
constexpr const char* kLater[5][8] = {
    {"지금은 {t}<입니다|이에요|이야>. {s} [뒤|후]는 몇 시 몇 분<입니까|인가요|이야>?",
     "{t}에서 {s} [뒤|후]는 몇 시<입니까|인가요|야>?",
     "{n:은} {t}에 출발해서 {s} 걸려 <도착했습니다|도착했어요|도착했어>. 도착한 시각은 "
     "언제<입니까|인가요|야>?",
     "영화가 {t}에 시작해서 {s} 동안 <합니다|해요|해>. 끝나는 시각은 [언제|몇 시]<입니까|인가요|야>?",
     "{t}의 {s} [뒤|후]는 몇 시 몇 분<입니까|일까요|일까>?",
     "{n:은} {t}부터 {s} 동안 공부<했습니다|했어요|했어>. 공부를 마친 시각은 몇 시<입니까|인가요|야>?",
     "수업이 {t}에 시작해서 {s} 뒤에 <끝납니다|끝나요|끝나>. 몇 시에 <끝납니까|끝나나요|끝나>?",
     "{t}에 {s:을} 더하면 몇 시 몇 분<입니까|인가요|이야>?"},
    {"It is {t}. What time is it in {s}?", "What time is it {s} after {t}?",
     "{n} leaves at {t} and arrives {s} later. When does {n} arrive?",
     "A movie starts at {t} and lasts {s}. When does it end?",
     "A [class|game|meeting] begins at {t} and takes {s}. At what time is it over?",
     "{n} reads from {t} for {s}. At what time does {n} stop?",
     "The clock shows {t}. What will it show {s} later?", "{t} plus {s}: what time is that?"},
    {"现在是{t}，{s}后是几点几分？", "{t}之后{s}是几点？", "{n}{t}出发，走了{s}到达，到达时是几点？",
     "电影{t}开始，放映{s}，几点结束？", "[会议|课程|比赛]{t}开始，进行{s}，什么时候结束？",
     "{n}从{t}开始看书，看了{s}，结束时是几点？", "钟表显示{t}，再过{s}是几点几分？", "{t}加{s}是几点几分？"},
    {"今は{t}です。{s}後は何時何分ですか。", "{t}の{s}後は何時何分ですか。",
     "{n}は{t}に出発し、{s}かかって着きました。着いたのは何時何分ですか。",
     "映画は{t}に始まり、{s}続きます。終わるのは何時何分ですか。",
     "[会議|授業|試合]は{t}に始まり、{s}かかります。いつ終わりますか。",
     "{n}は{t}から{s}、本を読みました。終わったのは何時何分ですか。",
     "時計は{t}です。{s}たつと何時何分ですか。", "{t}に{s}を足すと何時何分ですか。"},
    {"Son las {t}. ¿Qué hora será dentro de {s}?", "¿Qué hora es {s} después de las {t}?",
     "{n} sale a las {t} y llega {s} más tarde. ¿A qué hora llega?",
     "Una película empieza a las {t} y dura {s}. ¿A qué hora termina?",
     "Una [clase|reunión|visita] empieza a las {t} y dura {s}. ¿Cuándo termina?",
     "{n} lee desde las {t} durante {s}. ¿A qué hora termina?",
     "El reloj marca las {t}. ¿Qué hora marcará {s} más tarde?", "¿Qué hora es si a las {t} le sumamos {s}?"},
};
constexpr const char* kEarlier[5][4] = {
    {"지금은 {t}<입니다|이에요|이야>. {s} 전은 몇 시 몇 분이었<습니까|나요|어>?",
     "{t}의 {s} 전은 몇 시<입니까|인가요|야>?",
     "{n:은} {t}에 <도착했습니다|도착했어요|도착했어>. {s} <걸렸습니다|걸렸어요|걸렸어>. 몇 시에 "
     "출발<했습니까|했나요|했어>?",
     "{t}에서 {s:을} 빼면 몇 시 몇 분<입니까|인가요|이야>?"},
    {"It is {t}. What time was it {s} ago?", "What time is it {s} before {t}?",
     "{n} arrived at {t} after a trip of {s}. When did the trip begin?",
     "A movie of {s} ends at {t}. When does it start?"},
    {"现在是{t}，{s}前是几点几分？", "{t}之前{s}是几点？", "{n}{t}到达，路上用了{s}，几点出发的？",
     "电影放映{s}，{t}结束，几点开始？"},
    {"今は{t}です。{s}前は何時何分でしたか。", "{t}の{s}前は何時何分ですか。",
     "{n}は{s}かかって{t}に着きました。出発は何時何分でしたか。",
     "{s}の映画が{t}に終わります。始まるのは何時何分ですか。"},
    {"Son las {t}. ¿Qué hora era hace {s}?", "¿Qué hora es {s} antes de las {t}?",
     "{n} llegó a las {t} después de un viaje de {s}. ¿A qué hora salió?",
     "Una película de {s} termina a las {t}. ¿A qué hora empieza?"},
};
// Slots: t and v the two times.
constexpr const char* kSpan[5][6] = {
    {"{t}부터 {v}까지는 몇 분<입니까|인가요|이야>?", "{t}에서 {v}까지 몇 분 <걸립니까|걸리나요|걸려>?",
     "{n:은} {t}에 출발해서 {v}에 <도착했습니다|도착했어요|도착했어>. 몇 분 <걸렸습니까|걸렸나요|걸렸어>?",
     "영화가 {t}에 시작해서 {v}에 <끝납니다|끝나요|끝나>. 영화는 몇 분<입니까|인가요|이야>?",
     "지금은 {t}<입니다|이에요|이야>. {v}까지 몇 분 <남았습니까|남았나요|남았어>?",
     "{n:은} {t}부터 {v}까지 책을 <읽었습니다|읽었어요|읽었어>. 몇 분 동안 <읽었습니까|읽었나요|읽었어>?"},
    {"How many minutes are there from {t} to {v}?",
     "{n} leaves at {t} and arrives at {v}. How many minutes does it take?",
     "A movie starts at {t} and ends at {v}. How many minutes long is it?",
     "It is {t}. How many minutes is it until {v}?",
     "A [class|game|meeting] runs from {t} to {v}. How many minutes is that?",
     "How many minutes pass between {t} and {v}?"},
    {"从{t}到{v}有多少分钟？", "{n}{t}出发，{v}到达，用了多少分钟？",
     "电影{t}开始，{v}结束，放映了多少分钟？", "现在是{t}，到{v}还有多少分钟？", "{t}和{v}之间有多少分钟？",
     "[会议|课程|比赛]从{t}到{v}，一共多少分钟？"},
    {"{t}から{v}まで何分ありますか。", "{n}は{t}に出発し、{v}に着きました。何分かかりましたか。",
     "映画は{t}に始まり、{v}に終わります。何分間ですか。", "今は{t}です。{v}まであと何分ですか。",
     "{t}と{v}の間は何分ですか。", "[会議|授業|試合]は{t}から{v}までです。何分間ですか。"},
    {"¿Cuántos minutos hay de las {t} a las {v}?",
     "{n} sale a las {t} y llega a las {v}. ¿Cuántos minutos tarda?",
     "Una película empieza a las {t} y termina a las {v}. ¿Cuántos minutos dura?",
     "Son las {t}. ¿Cuántos minutos faltan para las {v}?", "¿Cuántos minutos pasan entre las {t} y las {v}?",
     "Una [clase|reunión|visita] va de las {t} a las {v}. ¿Cuántos minutos son?"},
};
constexpr const char* kMinutes[5] = {"분", "Minutes", "分", "分", "Minutos"};
constexpr const char* kHours[5] = {"시", "Hours", "时", "時", "Horas"};
constexpr const char* kTimeAnswer[5] = {"{r}입니다.", "{r}.", "{r}。", "{r}です。", "{r}."};
constexpr const char* kSpanAnswer[5] = {"{r}분입니다.", "{r} minute{s}.", "{r}分钟。", "{r}分です。",
                                        "{r} minuto{s}."};

Problem make_clock(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  const bool earlier = difficulty >= 2 && dice.chance(0.35);
  int64_t hour = dice.between(difficulty == 5 ? 0 : 6, difficulty == 5 ? 23 : 18);
  // Spanish says "es la una"; "las 01:20" is left out.
  if (language == Language::es && (hour == 1 || hour == 0)) hour = 2;
  const int64_t step = difficulty <= 2 ? 5 : 1;
  int64_t minute = dice.between(0, step == 5 ? 11 : 59) * step;
  int64_t hours = 0;
  int64_t minutes = 0;
  if (difficulty == 1) {  // within the hour, or whole hours
    if (dice.chance(0.3)) {
      hours = dice.between(1, 5);
    } else {
      minute = dice.between(0, 10) * 5;
      minutes = dice.between(1, 11 - minute / 5) * 5;
      if (minute + minutes > 59) minutes = 55 - minute;
    }
  } else if (difficulty <= 3) {
    minutes = dice.between(1, 59 / step) * step;
    if (difficulty == 3) hours = dice.between(0, 3);
  } else {
    hours = dice.between(1, difficulty == 4 ? 5 : 11);
    minutes = dice.between(1, 59);
  }
  if (hours == 0 && minutes == 0) minutes = step;

  Filler filler(dice);
  filler.set("t", clock_text(hour, minute));
  filler.set("s", span_text(language, hours, minutes));
  filler.set("n", std::string(dice.pick(names(language))));
  Problem problem;
  problem.question = filler.fill(earlier ? kEarlier[l][dice.between(0, 3)] : kLater[l][dice.between(0, 7)]);

  Trace trace;
  trace.say(clock_text(hour, minute) + (earlier ? " - " : " + ") + span_text(language, hours, minutes));
  const std::string minutes_label = std::string(kMinutes[l]) + " ";
  const std::string hours_label = std::string(kHours[l]) + " ";
  int64_t at = minute;
  int64_t h = hour;
  bool over = false;  // an hour carried or borrowed
  if (minutes > 0 && !earlier) {
    trace.say(minutes_label + add_steps(minute, minutes));
    at = minute + minutes;
    over = at >= 60;
    if (over) at = trace.sub(at, 60);
  } else if (minutes > 0) {
    over = minute < minutes;
    if (over) trace.say(minutes_label + add_steps(minute, 60));
    at = minute + (over ? 60 : 0);
    trace.say((over ? "" : minutes_label) + sub_steps(at, minutes));
    at -= minutes;
  }
  if (over && hours > 0) trace.add(hours, 1);
  if (over) hours += 1;
  if (hours > 0 && !earlier) {
    trace.say(hours_label + add_steps(h, hours));
    h += hours;
    if (h >= 24) h = trace.sub(h, 24);
  } else if (hours > 0) {
    const bool yesterday = h < hours;
    if (yesterday) trace.say(hours_label + add_steps(h, 24));
    h += yesterday ? 24 : 0;
    trace.say((yesterday ? "" : hours_label) + sub_steps(h, hours));
    h -= hours;
  }
  problem.expected = clock_text(h, at);
  trace.say(problem.expected);
  problem.thinking = trace.text();
  filler.set("r", problem.expected);
  problem.answer = filler.fill(kTimeAnswer[l]);
  return problem;
}

Problem make_duration(Dice& dice, Language language, int difficulty) {
  const size_t l = index_of(language);
  const bool midnight = difficulty == 5 && dice.chance(0.4);
  const int64_t step = difficulty <= 2 ? 5 : 1;
  const auto minute = [&] { return dice.between(0, step == 5 ? 11 : 59) * step; };
  int64_t hour = midnight ? dice.between(20, 23) : dice.between(6, difficulty <= 2 ? 21 : 17);
  int64_t from = minute();
  int64_t to = minute();
  int64_t hours = 0;
  if (difficulty == 1) {
    if (from == to) to = from >= 30 ? from - 5 : from + 5;
    if (from > to) std::swap(from, to);
  } else if (difficulty == 2) {
    hours = 1;
  } else {
    hours = difficulty == 3 ? dice.between(1, 3) : dice.between(2, 6);
  }
  if (midnight) hours = dice.between(24 - hour + 2, 24 - hour + 6);
  const int64_t end = hour + hours;
  Filler filler(dice);
  filler.set("t", clock_text(hour, from));
  filler.set("v", clock_text(end % 24, to));
  filler.set("n", std::string(dice.pick(names(language))));
  Problem problem;
  problem.question = filler.fill(kSpan[l][dice.between(0, 5)]);

  Trace trace;
  trace.say(clock_text(hour, from) + " → " + clock_text(end % 24, to));
  if (hours == 0) {
    trace.sub(to, from);
  } else {
    const int64_t until = end >= 24 ? trace.add(end % 24, 24) : end;  // past midnight
    const int64_t apart = trace.sub(until, hour);
    const int64_t total = trace.add(trace.mul(60, apart), to);
    trace.sub(total, from);
  }
  const int64_t result = hours * 60 + to - from;
  problem.thinking = trace.text();
  filler.set("r", result);
  filler.set("s", result == 1 ? "" : "s");
  problem.answer = filler.fill(kSpanAnswer[l]);
  problem.expected = std::to_string(result);
  return problem;
}

}  // namespace

std::span<const Family> clock_families() {
  static const Family list[] = {
      {"clock", "clock", 5, 0.8, make_clock},       {"duration", "clock", 5, 0.6, make_duration},
      {"weekday", "clock", 5, 0.8, make_weekday},   {"date", "clock", 5, 0.6, make_date},
      {"calendar", "clock", 3, 0.3, make_calendar},
  };
  return list;
}

}  // namespace jaju::data
