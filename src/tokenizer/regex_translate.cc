// From Oniguruma's Ruby syntax to PCRE2's (see regex.h). One pass; every single character is written as
// \x{hex}, so nothing depends on what is special where.
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/utf8.h"
#include "tokenizer/regex.h"

namespace jaju {
namespace {

constexpr int kMaxClassDepth = 8;

// PCRE2's \s counts U+180E, and its \w leaves out marks and connectors (and Oniguruma's counts the
// superscripts and fractions of Latin-1): spell both out.
constexpr std::string_view kSpace =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{"
    "3000}";
constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";
constexpr std::string_view kHexDigit = "0-9A-Fa-f";

struct Name {
  std::string_view ours;  // lower case, without space, '_' and '-'
  std::string_view pcre;
};

// Everything else is taken for a script.
constexpr auto kProperties = std::to_array<Name>({
    {"any", "Any"},
    {"l", "L"},
    {"letter", "L"},
    {"lu", "Lu"},
    {"uppercaseletter", "Lu"},
    {"ll", "Ll"},
    {"lowercaseletter", "Ll"},
    {"lt", "Lt"},
    {"titlecaseletter", "Lt"},
    {"lm", "Lm"},
    {"modifierletter", "Lm"},
    {"lo", "Lo"},
    {"otherletter", "Lo"},
    {"m", "M"},
    {"mark", "M"},
    {"combiningmark", "M"},
    {"mn", "Mn"},
    {"nonspacingmark", "Mn"},
    {"mc", "Mc"},
    {"spacingmark", "Mc"},
    {"me", "Me"},
    {"enclosingmark", "Me"},
    {"n", "N"},
    {"number", "N"},
    {"nd", "Nd"},
    {"decimalnumber", "Nd"},
    {"digit", "Nd"},
    {"nl", "Nl"},
    {"letternumber", "Nl"},
    {"no", "No"},
    {"othernumber", "No"},
    {"p", "P"},
    {"punctuation", "P"},
    {"pc", "Pc"},
    {"connectorpunctuation", "Pc"},
    {"pd", "Pd"},
    {"dashpunctuation", "Pd"},
    {"ps", "Ps"},
    {"openpunctuation", "Ps"},
    {"pe", "Pe"},
    {"closepunctuation", "Pe"},
    {"pi", "Pi"},
    {"initialpunctuation", "Pi"},
    {"pf", "Pf"},
    {"finalpunctuation", "Pf"},
    {"po", "Po"},
    {"otherpunctuation", "Po"},
    {"s", "S"},
    {"symbol", "S"},
    {"sm", "Sm"},
    {"mathsymbol", "Sm"},
    {"sc", "Sc"},
    {"currencysymbol", "Sc"},
    {"sk", "Sk"},
    {"modifiersymbol", "Sk"},
    {"so", "So"},
    {"othersymbol", "So"},
    {"z", "Z"},
    {"separator", "Z"},
    {"zs", "Zs"},
    {"spaceseparator", "Zs"},
    {"zl", "Zl"},
    {"lineseparator", "Zl"},
    {"zp", "Zp"},
    {"paragraphseparator", "Zp"},
    {"c", "C"},
    {"other", "C"},
    {"cc", "Cc"},
    {"control", "Cc"},
    {"cntrl", "Cc"},
    {"cf", "Cf"},
    {"format", "Cf"},
    {"cn", "Cn"},
    {"unassigned", "Cn"},
    {"co", "Co"},
    {"privateuse", "Co"},
    {"cs", "Cs"},
    {"surrogate", "Cs"},
    {"alphabetic", "Alphabetic"},
    {"alpha", "Alphabetic"},
    {"uppercase", "Uppercase"},
    {"upper", "Uppercase"},
    {"lowercase", "Lowercase"},
    {"lower", "Lowercase"},
    {"whitespace", "White_Space"},
    {"space", "White_Space"},
    {"ideographic", "Ideographic"},
    {"emoji", "Emoji"},
    {"emojipresentation", "Emoji_Presentation"},
    {"emojimodifier", "Emoji_Modifier"},
    {"emojimodifierbase", "Emoji_Modifier_Base"},
    {"emojicomponent", "Emoji_Component"},
    {"extendedpictographic", "Extended_Pictographic"},
    {"math", "Math"},
    {"dash", "Dash"},
    {"diacritic", "Diacritic"},
    {"idstart", "ID_Start"},
    {"idcontinue", "ID_Continue"},
    {"xidstart", "XID_Start"},
    {"xidcontinue", "XID_Continue"},
});

class Translator {
 public:
  explicit Translator(std::string_view in) : in_(in) {}

  Result<std::string> run() {
    while (i_ < in_.size()) JAJU_RETURN_IF_ERROR(step());
    if (!groups_.empty()) return error("a '(' is not closed");
    return std::move(out_);
  }

 private:
  // What `\` introduces.
  struct Escape {
    enum class Kind { character, set, anchor } kind = Kind::character;
    uint32_t character = 0;
    std::string set;            // one-character matcher body, to stand inside [...]
    bool negated = false;       // the set's complement is meant
    std::string anchor;         // outside classes only
    bool quantifiable = false;  // anchor is something that may repeat (back-reference, \R, \X)
  };

  bool at(std::string_view s) const { return in_.substr(i_).starts_with(s); }
  static std::string hex(uint32_t c) { return fmt::format("\\x{{{:x}}}", c); }

  Result<uint32_t> take_char() {
    uint32_t c = 0;
    const int n = utf8_length(in_.substr(i_), &c);
    if (n == 0) return error("it is not valid UTF-8 at byte {}", i_);
    i_ += static_cast<size_t>(n);
    return c;
  }

  void begin_atom() {
    atom_ = out_.size();
    quantified_ = false;
  }

  Status step() {
    switch (in_[i_]) {
      case '\\':
        return escape_outside();
      case '[': {
        begin_atom();
        JAJU_ASSIGN(const std::string set, parse_class(0));
        out_ += set;
        return {};
      }
      case '(':
        return open_group();
      case ')':
        if (groups_.empty()) return error("a ')' has no '('");
        atom_ = groups_.back();
        groups_.pop_back();
        quantified_ = false;
        out_ += in_[i_++];
        return {};
      case '|':
      case '^':
      case '$':
        atom_.reset();
        out_ += in_[i_++];
        return {};
      case '.':
        begin_atom();
        out_ += in_[i_++];
        return {};
      case '*':
      case '+':
      case '?':
        return quantifier(std::string(1, in_[i_++]), /*interval=*/false, false);
      case '{':
        return interval();
      default: {
        begin_atom();
        JAJU_ASSIGN(const uint32_t c, take_char());
        out_ += hex(c);
        return {};
      }
    }
  }

  // An operator behind the last atom. A second operator repeats the repetition, so that is wrapped.
  Status quantifier(const std::string& op, bool is_interval, bool exact) {
    if (!atom_) return error("the repetition at byte {} has nothing to repeat", i_ - 1);
    if (quantified_) {
      out_.insert(*atom_, "(?:");
      out_ += ')';
    }
    out_ += op;
    quantified_ = true;
    if (i_ >= in_.size()) return {};
    // Lazy "?" (but {n}? repeats nought or one time, which the next step does); possessive "+" (but {n,m}+
    // repeats).
    if (in_[i_] == '?' && !exact) {
      out_ += in_[i_++];
    } else if (in_[i_] == '+' && !is_interval) {
      out_ += in_[i_++];
    }
    return {};
  }

  Status interval() {
    size_t j = i_ + 1;
    const auto number = [&] {
      const size_t start = j;
      while (j < in_.size() && in_[j] >= '0' && in_[j] <= '9') ++j;
      return std::string(in_.substr(start, j - start));
    };
    std::string low = number();
    const bool comma = j < in_.size() && in_[j] == ',';
    std::string high;
    if (comma) {
      ++j;
      high = number();
    }
    if (j >= in_.size() || in_[j] != '}' || (low.empty() && high.empty())) {  // a plain brace
      begin_atom();
      out_ += hex('{');
      ++i_;
      return {};
    }
    if (low.empty()) low = "0";
    i_ = j + 1;
    return quantifier(comma ? fmt::format("{{{},{}}}", low, high) : fmt::format("{{{}}}", low), true, !comma);
  }

  Status open_group() {
    const size_t start = out_.size();
    if (!at("(?")) {
      ++i_;
      out_ += '(';
    } else if (at("(?#")) {
      const size_t close = in_.find(')', i_);
      if (close == std::string_view::npos) return error("a comment is not closed");
      i_ = close + 1;
      return {};
    } else {
      static constexpr std::array<std::string_view, 6> kPlain = {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!"};
      const auto* plain =
          std::find_if(kPlain.begin(), kPlain.end(), [&](std::string_view p) { return at(p); });
      if (plain != kPlain.end()) {
        i_ += plain->size();
        out_ += *plain;
      } else if (at("(?<")) {
        const size_t close = in_.find('>', i_);
        if (close == std::string_view::npos) return error("a group name is not closed");
        out_ += in_.substr(i_, close + 1 - i_);
        i_ = close + 1;
      } else {
        return flag_group(start);
      }
    }
    groups_.push_back(start);
    atom_.reset();
    return {};
  }

  // (?im-x:...) or (?i). Ruby's m lets '.' match a newline: s for PCRE2.
  Status flag_group(size_t start) {
    const size_t from = i_;
    std::string flags = "(?";
    for (i_ += 2; i_ < in_.size() && in_[i_] != ':' && in_[i_] != ')'; ++i_) {
      const char c = in_[i_];
      if (c != 'i' && c != 'm' && c != '-')
        return error("group '{}' is of a kind we do not know", in_.substr(from, 8));
      flags += c == 'm' ? 's' : c;
    }
    if (i_ >= in_.size()) return error("a '(' is not closed");
    if (in_[i_] == ')' && start != (groups_.empty() ? 0 : groups_.back() + 1) &&
        !(groups_.empty() && start == 0)) {
      // Ruby ends the flag's reach at '|', PCRE2 does not.
      return error("flags '{}' in the middle of a group; write (?i:...) instead",
                   in_.substr(from, i_ + 1 - from));
    }
    out_ += flags;
    out_ += in_[i_];
    atom_.reset();
    if (in_[i_++] == ':') groups_.push_back(start);
    return {};
  }

  Status escape_outside() {
    JAJU_ASSIGN(const Escape e, parse_escape(/*in_class=*/false));
    if (e.kind == Escape::Kind::anchor) {
      if (e.quantifiable) {
        begin_atom();
      } else {
        atom_.reset();
      }
      out_ += e.anchor;
      return {};
    }
    begin_atom();
    if (e.kind == Escape::Kind::character) {
      out_ += hex(e.character);
    } else {
      out_ += (e.negated ? "[^" : "[") + e.set + "]";
    }
    return {};
  }

  Result<Escape> parse_escape(bool in_class) {
    const size_t from = i_;
    ++i_;
    if (i_ >= in_.size()) return error("it ends with a '\\'");
    Escape e;
    JAJU_ASSIGN(const uint32_t c, take_char());
    const auto set = [&](std::string_view body, bool negated) {
      e.kind = Escape::Kind::set;
      e.set = body;
      e.negated = negated;
      return e;
    };
    const auto anchor = [&](std::string text, bool quantifiable) {
      e.kind = Escape::Kind::anchor;
      e.anchor = std::move(text);
      e.quantifiable = quantifiable;
      return e;
    };
    switch (c) {
      case 's':
        return set(kSpace, false);
      case 'S':
        return set(kSpace, true);
      case 'w':
        return set(kWord, false);
      case 'W':
        return set(kWord, true);
      case 'd':
        return set("\\p{Nd}", false);
      case 'D':
        return set("\\p{Nd}", true);
      case 'h':
        return set(kHexDigit, false);
      case 'H':
        return set(kHexDigit, true);
      case 'p':
      case 'P':
        return parse_property(c == 'P');
      case 't':
        e.character = '\t';
        return e;
      case 'n':
        e.character = '\n';
        return e;
      case 'r':
        e.character = '\r';
        return e;
      case 'f':
        e.character = '\f';
        return e;
      case 'v':
        e.character = 0x0b;
        return e;
      case 'a':
        e.character = 0x07;
        return e;
      case 'e':
        e.character = 0x1b;
        return e;
      case 'x':
      case 'u': {
        JAJU_ASSIGN(e.character, parse_hex(c == 'u'));
        return e;
      }
      default:
        break;
    }
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!alphanumeric) {
      e.character = c;
      return e;
    }
    if (!in_class) {
      const std::string w = fmt::format("[{}]", kWord);
      switch (c) {
        case 'b':
          return anchor(fmt::format("(?:(?<={0})(?!{0})|(?<!{0})(?={0}))", w), false);
        case 'B':
          return anchor(fmt::format("(?:(?<={0})(?={0})|(?<!{0})(?!{0}))", w), false);
        case 'A':
        case 'z':
        case 'Z':
          return anchor(fmt::format("\\{}", static_cast<char>(c)), false);
        case 'R':
        case 'X':
          return anchor(fmt::format("\\{}", static_cast<char>(c)), true);
        default:
          break;
      }
      if (c >= '1' && c <= '9' && (i_ >= in_.size() || in_[i_] < '0' || in_[i_] > '9')) {
        return anchor(fmt::format("\\g{{{}}}", static_cast<char>(c)), true);
      }
    } else if (c == 'b') {
      e.character = 0x08;
      return e;
    }
    return error("escape '{}' is of a kind we do not know", in_.substr(from, i_ - from));
  }

  // \xH, \xHH (ASCII: above that Ruby means a byte), \x{H...}, \uHHHH; the letter is already taken.
  Result<uint32_t> parse_hex(bool four) {
    const bool braces = !four && at("{");
    if (braces) ++i_;
    uint32_t value = 0;
    int n = 0;
    const int max_digits = four ? 4 : braces ? 6 : 2;
    while (n < max_digits && i_ < in_.size()) {
      const char c = in_[i_];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) break;
      value = value * 16 + static_cast<uint32_t>(digit);
      ++n;
      ++i_;
    }
    const bool complete = n > 0 && (!four || n == 4) && (!braces || at("}"));
    if (braces && complete) ++i_;
    if (!complete || value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ||
        (!four && !braces && value >= 0x80)) {
      return error("the hexadecimal escape before byte {} is not a character", i_);
    }
    return value;
  }

  Result<Escape> parse_property(bool negated) {
    std::string name;
    if (at("{")) {
      const size_t close = in_.find('}', i_);
      if (close == std::string_view::npos) return error("a property name is not closed");
      name = in_.substr(i_ + 1, close - i_ - 1);
      i_ = close + 1;
    } else if (i_ < in_.size()) {
      name = in_[i_++];
    }
    if (name.starts_with('^')) {
      negated = !negated;
      name.erase(0, 1);
    }
    std::string key;
    for (const char c : name) {
      if (c == ' ' || c == '_' || c == '-') continue;
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (!letter) return error("property '{}' is not a name", name);
      key += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    Escape e;
    e.kind = Escape::Kind::set;
    e.negated = negated;
    const auto found =
        std::find_if(kProperties.begin(), kProperties.end(), [&](const Name& p) { return p.ours == key; });
    if (found != kProperties.end()) {
      e.set = fmt::format("\\p{{{}}}", found->pcre);
    } else if (key == "alnum") {
      e.set = "\\p{Alphabetic}\\p{Nd}";
    } else if (key == "word") {
      e.set = kWord;
    } else if (key == "punct") {
      e.set = "\\p{P}\\p{S}";
    } else if (key == "ascii") {
      e.set = "\\x{0}-\\x{7f}";
    } else if (key.empty()) {
      return error("a property has no name");
    } else {
      e.set = fmt::format("\\p{{sc:{}}}", key);  // \p{Han} alone would mean script extensions
    }
    return e;
  }

  // [...] from its '[': an expression that matches exactly one character.
  Result<std::string> parse_class(int depth) {
    if (depth > kMaxClassDepth) return error("character classes are nested deeper than {}", kMaxClassDepth);
    ++i_;
    const bool negated = at("^");
    if (negated) ++i_;
    std::vector<std::string> operands;  // of &&
    std::string body;                   // plain items of the current operand
    std::vector<std::string> others;    // items that need their own brackets
    bool first = true;
    const auto finish_operand = [&]() -> Status {
      if (body.empty() && others.empty()) return error("a character class is empty");
      if (others.empty()) {
        operands.push_back("[" + body + "]");
      } else {
        std::string all = "(?:";
        if (!body.empty()) all += "[" + body + "]|";
        for (size_t k = 0; k < others.size(); ++k) all += (k > 0 ? "|" : "") + others[k];
        operands.push_back(all + ")");
      }
      body.clear();
      others.clear();
      return {};
    };
    for (;; first = false) {
      if (i_ >= in_.size()) return error("a '[' is not closed");
      if (at("]") && !first) break;
      if (at("&&")) {
        i_ += 2;
        JAJU_RETURN_IF_ERROR(finish_operand());
        continue;
      }
      if (at("[:")) {
        const size_t close = in_.find(":]", i_);
        if (close == std::string_view::npos) return error("'[:' is not closed");
        const std::string name(in_.substr(i_ + 2, close - i_ - 2));
        JAJU_RETURN_IF_ERROR(posix_class(name, body, others));
        i_ = close + 2;
        continue;
      }
      if (at("[")) {
        JAJU_ASSIGN(std::string nested, parse_class(depth + 1));
        others.push_back(std::move(nested));
        continue;
      }
      JAJU_ASSIGN(Escape low, class_item());
      if (low.kind == Escape::Kind::set) {
        if (low.negated) {
          others.push_back("[^" + low.set + "]");
        } else {
          body += low.set;
        }
        continue;
      }
      // A range needs a character on both sides; otherwise '-' is itself.
      if (at("-") && i_ + 1 < in_.size() && in_[i_ + 1] != ']' && in_[i_ + 1] != '[' && !at("-&&")) {
        ++i_;
        JAJU_ASSIGN(const Escape high, class_item());
        if (high.kind != Escape::Kind::character || high.character < low.character) {
          return error("a range in a character class is backwards or ends in a set (before byte {})", i_);
        }
        body += hex(low.character) + "-" + hex(high.character);
      } else {
        body += hex(low.character);
      }
    }
    ++i_;
    JAJU_RETURN_IF_ERROR(finish_operand());
    if (operands.size() == 1 && operands[0].starts_with('[')) {
      if (negated) operands[0].insert(1, "^");
      return operands[0];
    }
    std::string all = "(?:";
    for (size_t k = 0; k + 1 < operands.size(); ++k) all += "(?=" + operands[k] + ")";
    all += operands.back() + ")";
    return negated ? "(?:(?!" + all + ")(?s:.))" : all;
  }

  Result<Escape> class_item() {
    if (at("\\")) return parse_escape(/*in_class=*/true);
    Escape e;
    JAJU_ASSIGN(e.character, take_char());
    return e;
  }

  static Status posix_class(std::string name, std::string& body, std::vector<std::string>& others) {
    const bool negated = name.starts_with('^');
    if (negated) name.erase(0, 1);
    std::string set;
    if (name == "alpha") set = "\\p{Alphabetic}";
    if (name == "alnum") set = "\\p{Alphabetic}\\p{Nd}";
    if (name == "digit") set = "\\p{Nd}";
    if (name == "upper") set = "\\p{Uppercase}";
    if (name == "lower") set = "\\p{Lowercase}";
    if (name == "space") set = kSpace;
    if (name == "word") set = kWord;
    if (name == "xdigit") set = kHexDigit;
    if (name == "cntrl") set = "\\p{Cc}";
    if (name == "ascii") set = "\\x{0}-\\x{7f}";
    if (name == "punct") set = "\\p{P}\\p{S}";
    if (set.empty()) return error("class '[:{}:]' is of a kind we do not know", name);
    if (negated) {
      others.push_back("[^" + set + "]");
    } else {
      body += set;
    }
    return {};
  }

  std::string_view in_;
  size_t i_ = 0;
  std::string out_;
  std::optional<size_t> atom_;  // where the last repeatable thing starts in out_
  bool quantified_ = false;
  std::vector<size_t> groups_;  // where open groups start in out_
};

}  // namespace

Result<std::string> translate_regex(std::string_view pattern) {
  return Translator(pattern).run();
}

}  // namespace jaju
