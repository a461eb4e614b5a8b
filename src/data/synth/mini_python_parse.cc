// Lines and indentation to statements, tokens to expressions by precedence climbing.
#include <cctype>

#include "data/synth/mini_python_ast.h"

namespace jaju::data::minipy {
namespace {

struct Token {
  enum class Kind { end, number, text, name, sign };
  Kind kind = Kind::end;
  std::string text;
};

struct Line {
  size_t indent = 0;
  std::vector<Token> tokens;
};

std::vector<Token> tokenize(std::string_view line) {
  std::vector<Token> tokens;
  size_t i = 0;
  const auto at = [&](size_t k) { return k < line.size() ? line[k] : '\0'; };
  while (i < line.size()) {
    const char c = line[i];
    if (c == ' ') {
      ++i;
    } else if (std::isdigit(static_cast<unsigned char>(c))) {
      size_t end = i;
      while (std::isdigit(static_cast<unsigned char>(at(end)))) ++end;
      if (end - i > 15) throw Error("number too long");
      tokens.push_back({Token::Kind::number, std::string(line.substr(i, end - i))});
      i = end;
    } else if (std::isalpha(static_cast<unsigned char>(c)) || c == '_') {
      size_t end = i;
      while (std::isalnum(static_cast<unsigned char>(at(end))) || at(end) == '_') ++end;
      tokens.push_back({Token::Kind::name, std::string(line.substr(i, end - i))});
      i = end;
    } else if (c == '"' || c == '\'') {
      const size_t end = line.find(c, i + 1);
      if (end == std::string_view::npos) throw Error("text without an end");
      tokens.push_back({Token::Kind::text, std::string(line.substr(i + 1, end - i - 1))});
      i = end + 1;
    } else {
      static constexpr std::string_view kSigns[] = {
          "**=", "//=", "**", "//", "<=", ">=", "==", "!=", "+=", "-=", "*=", "%=", "+", "-",
          "*",   "%",   "<",  ">",  "=",  "(",  ")",  "[",  "]",  "{",  "}",  ",",  ":", "."};
      bool found = false;
      for (const std::string_view sign : kSigns) {
        if (line.substr(i, sign.size()) == sign) {
          tokens.push_back({Token::Kind::sign, std::string(sign)});
          i += sign.size();
          found = true;
          break;
        }
      }
      if (!found) throw Error("unknown sign");
    }
  }
  tokens.push_back({});
  return tokens;
}

class Parser {
 public:
  explicit Parser(std::string_view source) {
    while (!source.empty()) {
      const size_t end = std::min(source.find('\n'), source.size());
      const std::string_view line = source.substr(0, end);
      source.remove_prefix(std::min(end + 1, source.size()));
      const size_t indent = line.find_first_not_of(' ');
      if (indent == std::string_view::npos) continue;
      lines_.push_back({indent, tokenize(line.substr(indent))});
    }
  }

  std::vector<Stmt> program() {
    std::vector<Stmt> body = block(0);
    if (row_ != lines_.size()) throw Error("unexpected indent");
    return body;
  }

 private:
  std::vector<Stmt> block(size_t indent) {
    std::vector<Stmt> body;
    while (row_ < lines_.size() && lines_[row_].indent == indent) body.push_back(statement(indent));
    if (body.empty()) throw Error("empty block");
    return body;
  }
  std::vector<Stmt> suite(size_t indent) {
    expect(":");
    if (peek().kind != Token::Kind::end) throw Error("one statement per line");
    ++row_;
    if (row_ >= lines_.size() || lines_[row_].indent <= indent) throw Error("indent expected");
    return block(lines_[row_].indent);
  }

  const Token& peek(size_t ahead = 0) const {
    const auto& tokens = lines_[row_].tokens;
    return tokens[std::min(column_ + ahead, tokens.size() - 1)];
  }
  bool is(std::string_view text, size_t ahead = 0) const {
    const Token& t = peek(ahead);
    return (t.kind == Token::Kind::sign || t.kind == Token::Kind::name) && t.text == text;
  }
  bool accept(std::string_view text) {
    if (!is(text)) return false;
    ++column_;
    return true;
  }
  void expect(std::string_view text) {
    if (!accept(text)) throw Error("expected " + std::string(text));
  }
  std::string name() {
    if (peek().kind != Token::Kind::name) throw Error("name expected");
    return lines_[row_].tokens[column_++].text;
  }
  void end_line() {
    if (peek().kind != Token::Kind::end) throw Error("end of line expected");
    ++row_;
  }

  Stmt statement(size_t indent) {
    column_ = 0;
    Stmt s;
    if (accept("if")) {
      s.kind = Stmt::Kind::branch;
      s.exprs.push_back(expression());
      s.bodies.push_back(suite(indent));
      while (row_ < lines_.size() && lines_[row_].indent == indent) {
        column_ = 0;
        if (accept("elif")) {
          s.exprs.push_back(expression());
          s.bodies.push_back(suite(indent));
        } else if (accept("else")) {
          s.bodies.push_back(suite(indent));
          break;
        } else {
          break;
        }
      }
      return s;
    }
    if (accept("for")) {
      s.kind = Stmt::Kind::loop;
      s.text = name();
      expect("in");
      s.exprs.push_back(expression());
      s.bodies.push_back(suite(indent));
      return s;
    }
    if (accept("while")) {
      s.kind = Stmt::Kind::repeat;
      s.exprs.push_back(expression());
      s.bodies.push_back(suite(indent));
      return s;
    }
    if (accept("def")) {
      s.kind = Stmt::Kind::define;
      s.text = name();
      expect("(");
      if (!accept(")")) {
        do s.params.push_back(name());
        while (accept(","));
        expect(")");
      }
      s.bodies.push_back(suite(indent));
      return s;
    }
    if (accept("return")) {
      s.kind = Stmt::Kind::give;
      s.exprs.push_back(expression());
    } else if (accept("break")) {
      s.kind = Stmt::Kind::leave;
    } else if (accept("continue")) {
      s.kind = Stmt::Kind::skip;
    } else if (accept("pass")) {
      s.kind = Stmt::Kind::pass;
    } else if (is("print") && is("(", 1)) {
      column_ += 2;
      s.kind = Stmt::Kind::print;
      s.exprs = arguments(")");
    } else {
      Expr first = expression();
      s.kind = Stmt::Kind::expression;
      s.targets.push_back(first);
      while (accept(",")) s.targets.push_back(expression());
      if (s.targets.size() > 1 && !is("=")) throw Error("tuples are left out");
      if (accept("=")) {
        s.kind = Stmt::Kind::assign;
        do s.exprs.push_back(expression());
        while (accept(","));
        if (s.exprs.size() != s.targets.size()) throw Error("tuples are left out");
      } else {
        for (const std::string_view op : {"+=", "-=", "*=", "//=", "%="}) {
          if (accept(op)) {
            s.kind = Stmt::Kind::augment;
            s.text = op.substr(0, op.size() - 1);
            s.exprs.push_back(expression());
            break;
          }
        }
        if (s.kind == Stmt::Kind::expression) s.exprs.push_back(std::move(first));
      }
      for (const Expr& target : s.targets) {
        const bool place = target.kind == Expr::Kind::name || target.kind == Expr::Kind::index;
        if (s.kind != Stmt::Kind::expression && !place) throw Error("cannot assign to this");
      }
    }
    end_line();
    return s;
  }

  std::vector<Expr> arguments(std::string_view closing) {
    std::vector<Expr> args;
    if (accept(closing)) return args;
    do args.push_back(expression());
    while (accept(","));
    expect(closing);
    return args;
  }

  static Expr node(Expr::Kind kind, std::string_view text, std::vector<Expr> args) {
    return {kind, std::string(text), {}, std::move(args)};
  }

  Expr expression() {
    Expr e = any();
    if (!accept("if")) return e;
    Expr condition = any();
    expect("else");
    return node(Expr::Kind::choice, "if", {std::move(e), std::move(condition), expression()});
  }
  Expr any() {
    Expr e = all();
    while (accept("or")) e = node(Expr::Kind::boolean, "or", {std::move(e), all()});
    return e;
  }
  Expr all() {
    Expr e = negation();
    while (accept("and")) e = node(Expr::Kind::boolean, "and", {std::move(e), negation()});
    return e;
  }
  Expr negation() {
    if (accept("not")) return node(Expr::Kind::unary, "not", {negation()});
    Expr e = sum();
    for (const std::string_view op : {"<=", ">=", "==", "!=", "<", ">", "in"}) {
      if (accept(op)) return node(Expr::Kind::compare, op, {std::move(e), sum()});
    }
    if (is("not") && is("in", 1)) {
      column_ += 2;
      return node(Expr::Kind::compare, "not in", {std::move(e), sum()});
    }
    return e;
  }
  Expr sum() {
    Expr e = product();
    for (;;) {
      if (accept("+"))
        e = node(Expr::Kind::binary, "+", {std::move(e), product()});
      else if (accept("-"))
        e = node(Expr::Kind::binary, "-", {std::move(e), product()});
      else
        return e;
    }
  }
  Expr product() {
    Expr e = sign();
    for (;;) {
      if (accept("*"))
        e = node(Expr::Kind::binary, "*", {std::move(e), sign()});
      else if (accept("//"))
        e = node(Expr::Kind::binary, "//", {std::move(e), sign()});
      else if (accept("%"))
        e = node(Expr::Kind::binary, "%", {std::move(e), sign()});
      else
        return e;
    }
  }
  Expr sign() {
    if (!accept("-")) return power();
    Expr e = sign();
    if (e.kind == Expr::Kind::value && e.value.type == Value::Type::integer) {
      e.value.number = -e.value.number;
      return e;
    }
    return node(Expr::Kind::unary, "-", {std::move(e)});
  }
  Expr power() {
    Expr e = postfix();
    if (accept("**")) return node(Expr::Kind::binary, "**", {std::move(e), sign()});
    return e;
  }
  Expr postfix() {
    Expr e = atom();
    for (;;) {
      if (accept("[")) {
        Expr start;
        if (!is(":")) start = expression();
        if (accept("]")) {
          e = node(Expr::Kind::index, "", {std::move(e), std::move(start)});
          continue;
        }
        expect(":");
        Expr stop, step;
        if (!is("]") && !is(":")) stop = expression();
        if (accept(":") && !is("]")) step = expression();
        expect("]");
        e = node(Expr::Kind::slice, "", {std::move(e), std::move(start), std::move(stop), std::move(step)});
      } else if (accept(".")) {
        const std::string method = name();
        expect("(");
        std::vector<Expr> args = arguments(")");
        args.insert(args.begin(), std::move(e));
        e = node(Expr::Kind::method, method, std::move(args));
      } else {
        return e;
      }
    }
  }
  Expr atom() {
    const Token token = peek();
    ++column_;
    const auto value = [](Value v) {
      Expr e;
      e.kind = Expr::Kind::value;
      e.value = std::move(v);
      return e;
    };
    if (token.kind == Token::Kind::number) return value(Value::of(std::stoll(token.text)));
    if (token.kind == Token::Kind::text) return value(Value::of_text(token.text));
    if (token.kind == Token::Kind::name) {
      if (token.text == "True" || token.text == "False") return value(Value::of_bool(token.text == "True"));
      if (token.text == "None") return value({});
      if (accept("(")) return node(Expr::Kind::call, token.text, arguments(")"));
      return node(Expr::Kind::name, token.text, {});
    }
    if (token.text == "(") {
      Expr e = expression();
      expect(")");
      return e;
    }
    if (token.text == "[") {
      if (accept("]")) return node(Expr::Kind::list, "", {});
      Expr first = expression();
      if (accept("for")) {
        const std::string variable = name();
        expect("in");
        std::vector<Expr> parts = {std::move(first), any()};
        if (accept("if")) parts.push_back(any());
        expect("]");
        return node(Expr::Kind::comprehend, variable, std::move(parts));
      }
      std::vector<Expr> items = {std::move(first)};
      if (accept(",")) {
        std::vector<Expr> rest = arguments("]");
        items.insert(items.end(), rest.begin(), rest.end());
      } else {
        expect("]");
      }
      return node(Expr::Kind::list, "", std::move(items));
    }
    if (token.text == "{") {
      std::vector<Expr> items;
      if (accept("}")) return node(Expr::Kind::dict, "", {});
      do {
        items.push_back(expression());
        expect(":");
        items.push_back(expression());
      } while (accept(","));
      expect("}");
      return node(Expr::Kind::dict, "", std::move(items));
    }
    throw Error("expression expected");
  }

  std::vector<Line> lines_;
  size_t row_ = 0;
  size_t column_ = 0;
};

// Higher binds tighter.
int rank(const Expr& e) {
  switch (e.kind) {
    case Expr::Kind::choice:
      return 0;
    case Expr::Kind::boolean:
      return e.text == "or" ? 1 : 2;
    case Expr::Kind::unary:
      return e.text == "not" ? 3 : 7;
    case Expr::Kind::compare:
      return 4;
    case Expr::Kind::binary:
      return e.text == "**" ? 8 : (e.text == "+" || e.text == "-") ? 5 : 6;
    case Expr::Kind::value:
      return e.value.type == Value::Type::integer && e.value.number < 0 ? 7 : 10;
    default:
      return 10;
  }
}

}  // namespace

std::vector<Stmt> parse(std::string_view source) {
  return Parser(source).program();
}

std::string to_text(const Expr& e) {
  const auto part = [](const Expr& inner, int needed) {
    std::string text = to_text(inner);
    return rank(inner) < needed ? "(" + text + ")" : text;
  };
  const auto joined = [](const std::vector<Expr>& args, size_t from) {
    std::string text;
    for (size_t i = from; i < args.size(); ++i) text += (i > from ? ", " : "") + to_text(args[i]);
    return text;
  };
  switch (e.kind) {
    case Expr::Kind::absent:
      return "";
    case Expr::Kind::value:
      return repr(e.value);
    case Expr::Kind::name:
      return e.text;
    case Expr::Kind::unary:
      return (e.text == "not" ? "not " : "-") + part(e.args[0], rank(e));
    case Expr::Kind::binary: {
      const int own = rank(e);
      // A negative number on the right reads "3+(-4)"; on the left it needs no parentheses but before **.
      const bool negative = e.args[1].kind == Expr::Kind::value && rank(e.args[1]) == 7;
      const std::string right = part(e.args[1], own + 1);
      return part(e.args[0], own == 8 ? 9 : own) + e.text + (negative && own < 7 ? "(" + right + ")" : right);
    }
    case Expr::Kind::compare: {
      const bool word = e.text == "in" || e.text == "not in";
      return part(e.args[0], 5) + (word ? " " + e.text + " " : e.text) + part(e.args[1], 5);
    }
    case Expr::Kind::boolean:
      return part(e.args[0], rank(e)) + " " + e.text + " " + part(e.args[1], rank(e) + 1);
    case Expr::Kind::choice:
      return part(e.args[0], 1) + " if " + part(e.args[1], 1) + " else " + part(e.args[2], 0);
    case Expr::Kind::call:
      return e.text + "(" + joined(e.args, 0) + ")";
    case Expr::Kind::method:
      return part(e.args[0], 10) + "." + e.text + "(" + joined(e.args, 1) + ")";
    case Expr::Kind::index:
      return part(e.args[0], 10) + "[" + to_text(e.args[1]) + "]";
    case Expr::Kind::slice:
      return part(e.args[0], 10) + "[" + to_text(e.args[1]) + ":" + to_text(e.args[2]) +
             (e.args[3].kind == Expr::Kind::absent ? "" : ":" + to_text(e.args[3])) + "]";
    case Expr::Kind::list:
      return "[" + joined(e.args, 0) + "]";
    case Expr::Kind::dict: {
      std::string text;
      for (size_t i = 0; i < e.args.size(); i += 2) {
        text += (i > 0 ? ", " : "") + to_text(e.args[i]) + ": " + to_text(e.args[i + 1]);
      }
      return "{" + text + "}";
    }
    case Expr::Kind::comprehend:
      return "[" + to_text(e.args[0]) + " for " + e.text + " in " + to_text(e.args[1]) +
             (e.args.size() > 2 ? " if " + to_text(e.args[2]) : "") + "]";
  }
  return "";
}

}  // namespace jaju::data::minipy
