// A report as tables, Markdown and JSON.
#include "eval/report.h"

#include <utf8proc.h>

#include <algorithm>

#include "base/utf8.h"

namespace jaju::eval {
namespace {

using Json = nlohmann::ordered_json;

// One line of a table: a name and the tally of each mode, null where a mode has none.
struct Line {
  std::string name;
  std::vector<const Tally*> tallies;
};
struct Section {
  std::string title;  // "task"
  std::vector<Line> lines;
};

template <typename Key, typename Name>
Section section(const EvalReport& report, const char* title, std::map<Key, Tally> ModeReport::*group,
                const Name& name) {
  Section s{title, {}};
  std::map<Key, std::vector<const Tally*>> lines;
  for (size_t m = 0; m < report.modes.size(); ++m) {
    for (const auto& [key, tally] : report.modes[m].*group) {
      auto& line = lines[key];
      line.resize(report.modes.size(), nullptr);
      line[m] = &tally;
    }
  }
  for (auto& [key, tallies] : lines) s.lines.push_back({name(key), std::move(tallies)});
  return s;
}

std::vector<Section> sections(const EvalReport& report) {
  const auto text = [](const std::string& name) {
    return name.empty() ? std::string("(not given)") : printable(name);
  };
  const auto level = [](int n) { return n == 0 ? std::string("(not given)") : fmt::format("level {}", n); };
  std::vector<Section> all{{"", {{"all", {}}}}};
  for (const ModeReport& mode : report.modes) all[0].lines[0].tallies.push_back(&mode.all);
  all.push_back(section(report, "task", &ModeReport::by_task, text));
  all.push_back(section(report, "language", &ModeReport::by_language, text));
  all.push_back(section(report, "difficulty", &ModeReport::by_difficulty, level));
  // A table of one line says nothing that "all" does not, unless its name does.
  std::erase_if(all, [](const Section& s) {
    return s.lines.empty() || (!s.title.empty() && s.lines.size() == 1 && s.lines[0].name == "(not given)");
  });
  return all;
}

std::string percent(double share) {
  return fmt::format("{:.1f}", 100 * share);
}

std::string interval(const Tally& t) {
  const auto [low, high] = wilson95(t.correct, t.n);
  return fmt::format("{}-{}", percent(low), percent(high));
}

const char* heading(Mode mode) {
  return mode == Mode::think ? "thinking" : "direct";
}

// "4 no end of turn, 2 no </think>"
std::string format_kinds(const Tally& t) {
  std::string out;
  for (const FormatError kind : kFormatErrors) {
    const int64_t n = t.formats[static_cast<size_t>(kind)];
    if (n > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", n, describe(kind));
  }
  return out;
}

int columns_of(std::string_view text) {
  int columns = 0;
  while (!text.empty()) {
    uint32_t c = 0;
    const int n = utf8_length(text, &c);
    if (n == 0) break;
    columns += utf8proc_charwidth(static_cast<utf8proc_int32_t>(c));
    text.remove_prefix(static_cast<size_t>(n));
  }
  return columns;
}

// `text` in exactly `columns` columns: cut with "..", or filled up with blanks.
std::string fit(std::string_view text, int columns) {
  std::string out;
  int used = 0;
  const bool cut = columns_of(text) > columns;
  const int room = cut ? columns - 2 : columns;
  while (!text.empty()) {
    uint32_t c = 0;
    const int n = utf8_length(text, &c);
    if (n == 0) break;
    const int width = utf8proc_charwidth(static_cast<utf8proc_int32_t>(c));
    if (used + width > room) break;
    out.append(text.substr(0, static_cast<size_t>(n)));
    used += width;
    text.remove_prefix(static_cast<size_t>(n));
  }
  if (cut) {
    out += "..";
    used += 2;
  }
  return out.append(static_cast<size_t>(columns - used), ' ');
}

constexpr int kNameColumns = 24;

Json tally_json(const Tally& t) {
  const auto [low, high] = wilson95(t.correct, t.n);
  Json formats = Json::object();
  for (const FormatError kind : kFormatErrors) {
    formats[std::string(name_of(kind))] = t.formats[static_cast<size_t>(kind)];
  }
  const double rate = t.n == 0 ? 0 : static_cast<double>(t.format_errors()) / static_cast<double>(t.n);
  return {{"n", t.n},
          {"correct", t.correct},
          {"accuracy", t.accuracy()},
          {"low", low},
          {"high", high},
          {"format_errors", t.format_errors()},
          {"format_error_rate", rate},
          {"formats", std::move(formats)},
          {"tokens", {{"mean", t.mean_tokens()}, {"p50", t.tokens_at(0.5)}, {"p95", t.tokens_at(0.95)}}}};
}

template <typename Key>
Json group_json(const std::map<Key, Tally>& group) {
  Json out = Json::object();
  for (const auto& [key, tally] : group) out[fmt::format("{}", key)] = tally_json(tally);
  return out;
}

double format_rate(const Tally& t) {
  return t.n == 0 ? 0 : static_cast<double>(t.format_errors()) / static_cast<double>(t.n);
}

// Markdown cells end at a bar.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string to_text(const EvalReport& report) {
  const std::vector<Section> all = sections(report);
  std::string out = fit("", kNameColumns) + "       ";
  for (const ModeReport& mode : report.modes) out += fmt::format("  {:^32}", heading(mode.mode));
  out.erase(out.find_last_not_of(' ') + 1);
  out += "\n" + fit("", kNameColumns) + "      n";
  for (size_t m = 0; m < report.modes.size(); ++m)
    out += fmt::format("  {:>8}  {:>11}  {:>9}", "correct", "95 %", "tokens");
  out += "\n";
  for (const Section& s : all) {
    if (!s.title.empty()) out += "by " + s.title + "\n";
    for (const Line& line : s.lines) {
      int64_t n = 0;
      for (const Tally* t : line.tallies) n = std::max(n, t == nullptr ? 0 : t->n);
      out += fit((s.title.empty() ? "" : "  ") + line.name, kNameColumns) + fmt::format("{:>7}", n);
      for (const Tally* t : line.tallies) {
        out += t == nullptr ? fmt::format("  {:>8}  {:>11}  {:>9}", "-", "-", "-")
                            : fmt::format("  {:>6} %  {:>11}  {:>9.1f}", percent(t->accuracy()), interval(*t),
                                          t->mean_tokens());
      }
      out += "\n";
    }
  }
  out += "\n";
  for (const ModeReport& mode : report.modes) {
    const Tally& t = mode.all;
    out += fmt::format("{:<9} format errors {:.2f} % ({} of {}); tokens p50 {}, p95 {}\n", heading(mode.mode),
                       100 * format_rate(t), t.format_errors(), t.n, t.tokens_at(0.5), t.tokens_at(0.95));
    if (t.format_errors() > 0) out += fmt::format("{:<9} {}\n", "", format_kinds(t));
  }
  return out;
}

std::string to_markdown(const EvalReport& report, const std::string& title) {
  std::string out = fmt::format("## {}\n", title);
  for (const Section& s : sections(report)) {
    out += fmt::format("\n| {} | n |", s.title);
    for (const ModeReport& mode : report.modes) {
      const char* const name = heading(mode.mode);
      out += fmt::format(" {} correct, % | 95 % interval | tokens |", name);
    }
    out += "\n|---|---:|";
    for (size_t m = 0; m < report.modes.size(); ++m) out += "---:|---:|---:|";
    out += "\n";
    for (const Line& line : s.lines) {
      int64_t n = 0;
      for (const Tally* t : line.tallies) n = std::max(n, t == nullptr ? 0 : t->n);
      out += fmt::format("| {} | {} |", cell(line.name), n);
      for (const Tally* t : line.tallies) {
        out += t == nullptr ? std::string(" - | - | - |")
                            : fmt::format(" {} | {} | {:.1f} |", percent(t->accuracy()), interval(*t),
                                          t->mean_tokens());
      }
      out += "\n";
    }
  }
  out += "\n| mode | format errors, % | which | tokens mean | p50 | p95 |\n|---|---:|---|---:|---:|---:|\n";
  for (const ModeReport& mode : report.modes) {
    const Tally& t = mode.all;
    const std::string kinds = format_kinds(t);
    out += fmt::format("| {} | {:.2f} | {} | {:.1f} | {} | {} |\n", heading(mode.mode), 100 * format_rate(t),
                       kinds.empty() ? "-" : kinds, t.mean_tokens(), t.tokens_at(0.5), t.tokens_at(0.95));
  }
  return out;
}

nlohmann::ordered_json to_json(const EvalReport& report) {
  Json modes = Json::object();
  for (const ModeReport& mode : report.modes) {
    modes[std::string(name_of(mode.mode))] = {{"all", tally_json(mode.all)},
                                              {"by_task", group_json(mode.by_task)},
                                              {"by_language", group_json(mode.by_language)},
                                              {"by_difficulty", group_json(mode.by_difficulty)}};
  }
  return {{"items", report.items},
          {"complete", !report.cancelled},
          {"tokens", report.tokens},
          {"seconds", report.seconds},
          {"modes", std::move(modes)}};
}

std::string wrong_answers(const EvalReport& report, std::span<const Item> items) {
  std::string out;
  for (const ScoredAnswer& a : report.answers) {
    const Scored& s = a.scored;
    if (s.correct && s.format == FormatError::none) continue;
    const data::Problem& p = items[a.item].problem;
    Json line = {{"mode", name_of(a.mode)},
                 {"id", p.id},
                 {"task", p.task},
                 {"language", p.language},
                 {"difficulty", p.difficulty},
                 {"question", p.question},
                 {"expected", p.expected},
                 {"correct", s.correct},
                 {"format", name_of(s.format)},
                 {"answer", s.answer},
                 {"reasoning", s.reasoning},
                 {"tokens", s.tokens},
                 {"text", s.text},
                 {"thinking", p.thinking}};
    out += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return out;
}

}  // namespace jaju::eval
