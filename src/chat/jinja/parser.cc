#include "chat/jinja/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "chat/jinja/lexer.h"

namespace jaju::jinja {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokenize(source)) {}

  Body run() {
    Body body = statements({});
    if (!is(Token::Kind::end)) fail(fmt::format("'{}' closes no block", peek(1).value));
    return body;
  }

 private:
  using Names = std::vector<std::string_view>;

  // ---- tokens

  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool is(Token::Kind kind) const { return peek().kind == kind; }
  bool is_op(std::string_view op, size_t ahead = 0) const {
    return peek(ahead).kind == Token::Kind::op && peek(ahead).value == op;
  }
  bool is_name(std::string_view name, size_t ahead = 0) const {
    return peek(ahead).kind == Token::Kind::name && peek(ahead).value == name;
  }
  Token next() {
    Token token = peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool skip_op(std::string_view op) {
    if (!is_op(op)) return false;
    next();
    return true;
  }
  bool skip_name(std::string_view name) {
    if (!is_name(name)) return false;
    next();
    return true;
  }
  [[noreturn]] void fail(const std::string& message) const { throw TemplateError(message, peek().line); }
  std::string describe() const {
    switch (peek().kind) {
      case Token::Kind::text:
        return "text";
      case Token::Kind::output_begin:
        return "'{{'";
      case Token::Kind::output_end:
        return "'}}'";
      case Token::Kind::block_begin:
        return "'{%'";
      case Token::Kind::block_end:
        return "'%}'";
      case Token::Kind::end:
        return "the end of the template";
      default:
        return "'" + peek().value + "'";
    }
  }
  void expect_op(std::string_view op) {
    if (!skip_op(op)) fail(fmt::format("expected '{}', found {}", op, describe()));
  }
  void expect_name(std::string_view name) {
    if (!skip_name(name)) fail(fmt::format("expected '{}', found {}", name, describe()));
  }
  std::string any_name() {
    if (!is(Token::Kind::name)) fail(fmt::format("expected a name, found {}", describe()));
    return next().value;
  }
  void block_end() {
    if (!is(Token::Kind::block_end)) fail(fmt::format("expected '%}}', found {}", describe()));
    next();
  }

  struct Deeper {
    explicit Deeper(Parser& p) : parser(p) {
      if (++parser.depth_ > kMaxParseDepth) {
        --parser.depth_;  // the destructor of a throwing constructor does not run
        parser.fail(fmt::format("the template nests deeper than {} levels", kMaxParseDepth));
      }
    }
    ~Deeper() { --parser.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    Parser& parser;
  };

  // ---- statements

  // Until a block whose name is in `ends` (which is left unread) or the end.
  Body statements(const Names& ends) {
    Deeper deeper(*this);
    Body body;
    while (!is(Token::Kind::end)) {
      if (is(Token::Kind::text)) {
        auto node = make(Node::Kind::text);
        node->value = Value::literal(next().value);
        body.push_back(std::move(node));
      } else if (is(Token::Kind::output_begin)) {
        next();
        auto node = make(Node::Kind::output);
        node->expr = tuple_or_expression();
        if (!is(Token::Kind::output_end)) fail(fmt::format("expected '}}}}', found {}", describe()));
        next();
        body.push_back(std::move(node));
      } else {
        std::string_view name = peek(1).kind == Token::Kind::name ? std::string_view(peek(1).value) : "";
        if (std::find(ends.begin(), ends.end(), name) != ends.end()) return body;
        if (name.starts_with("end") || name == "else" || name == "elif") {
          if (ends.empty()) return body;
          next();
          fail(fmt::format("found {} where {{% {} %}} was expected", describe(), ends.back()));
        }
        next();
        if (auto node = statement()) body.push_back(std::move(node));
      }
    }
    if (!ends.empty()) fail(fmt::format("the template ends where {{% {} %}} was expected", ends.back()));
    return body;
  }

  // The body of a block and its closing tag.
  Body closed(std::string_view end) {
    block_end();
    Body body = statements({end});
    next();
    expect_name(end);
    // {% endmacro name %} is allowed
    if (end == "endmacro" && is(Token::Kind::name)) next();
    block_end();
    return body;
  }

  std::unique_ptr<Node> make(Node::Kind kind) const {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->line = peek().line;
    return node;
  }

  std::unique_ptr<Node> statement() {
    std::string name = any_name();
    if (name == "if") return if_statement();
    if (name == "for") return for_statement();
    if (name == "set") return set_statement();
    if (name == "macro") return macro_statement();
    if (name == "call") return call_statement();
    if (name == "with") return with_statement();
    if (name == "filter") {
      auto node = make(Node::Kind::filter_block);
      node->filters.push_back(filter(nullptr));
      while (is_op("|")) {
        next();
        node->filters.push_back(filter(nullptr));
      }
      node->body = closed("endfilter");
      return node;
    }
    if (name == "generation") {
      auto node = make(Node::Kind::group);
      node->body = closed("endgeneration");
      return node;
    }
    if (name == "break" || name == "continue") {
      if (loops_ == 0) fail(fmt::format("'{}' stands outside of a loop", name));
      auto node = make(name == "break" ? Node::Kind::break_ : Node::Kind::continue_);
      block_end();
      return node;
    }
    fail(fmt::format("the tag '{}' is not available in chat templates", name));
  }

  std::unique_ptr<Node> if_statement() {
    auto node = make(Node::Kind::if_);
    while (true) {
      Node::Branch branch;
      branch.condition = tuple_or_expression(false);
      block_end();
      branch.body = statements({"elif", "else", "endif"});
      node->branches.push_back(std::move(branch));
      next();
      std::string word = any_name();
      if (word == "elif") continue;
      if (word == "else") {
        block_end();
        node->else_body = statements({"endif"});
        next();
        expect_name("endif");
      }
      block_end();
      return node;
    }
  }

  std::unique_ptr<Node> for_statement() {
    auto node = make(Node::Kind::for_);
    node->target = target(false);
    expect_name("in");
    node->expr = tuple_or_expression(false);
    if (skip_name("if")) node->filter = expression();
    if (is_name("recursive")) fail("recursive loops are not available in chat templates");
    block_end();
    ++loops_;
    node->body = statements({"else", "endfor"});
    --loops_;
    next();
    if (any_name() == "else") {
      block_end();
      node->else_body = statements({"endfor"});
      next();
      expect_name("endfor");
    }
    block_end();
    return node;
  }

  std::unique_ptr<Node> set_statement() {
    auto node = make(Node::Kind::set);
    node->target = target(true);
    if (skip_op("=")) {
      node->expr = tuple_or_expression();
      block_end();
      return node;
    }
    node->kind = Node::Kind::set_block;
    while (skip_op("|")) node->filters.push_back(filter(nullptr));
    node->body = closed("endset");
    return node;
  }

  std::vector<Parameter> parameters() {
    std::vector<Parameter> out;
    expect_op("(");
    while (!skip_op(")")) {
      if (!out.empty()) expect_op(",");
      if (skip_op(")")) break;
      Parameter parameter;
      parameter.name = any_name();
      if (skip_op("=")) {
        parameter.fallback = expression();
      } else if (!out.empty() && out.back().fallback) {
        fail(fmt::format("the parameter '{}' without a default follows one with a default", parameter.name));
      }
      out.push_back(std::move(parameter));
    }
    return out;
  }

  // A loop outside of a macro is not a loop inside of it.
  Body outside_loops(std::string_view end) {
    int loops = std::exchange(loops_, 0);
    Body body = closed(end);
    loops_ = loops;
    return body;
  }

  std::unique_ptr<Node> macro_statement() {
    auto node = make(Node::Kind::macro);
    node->name = any_name();
    node->parameters = parameters();
    node->body = outside_loops("endmacro");
    return node;
  }

  std::unique_ptr<Node> call_statement() {
    auto node = make(Node::Kind::call_block);
    if (is_op("(")) node->parameters = parameters();
    node->expr = expression();
    if (node->expr->kind != Expr::Kind::call) fail("{% call %} needs a call, as in {% call name() %}");
    node->body = outside_loops("endcall");
    return node;
  }

  std::unique_ptr<Node> with_statement() {
    auto node = make(Node::Kind::with);
    while (!is(Token::Kind::block_end)) {
      if (!node->assignments.empty()) expect_op(",");
      Target to = target(false);
      expect_op("=");
      node->assignments.emplace_back(std::move(to), expression());
    }
    node->body = closed("endwith");
    return node;
  }

  Target target(bool with_attribute) {
    Deeper deeper(*this);
    std::vector<Target> fields;
    bool tuple = false;
    while (true) {
      Target field;
      if (skip_op("(")) {
        field = target(with_attribute);
        expect_op(")");
      } else {
        field.name = any_name();
        if (with_attribute && skip_op(".")) field.attribute = any_name();
      }
      fields.push_back(std::move(field));
      if (!skip_op(",")) break;
      tuple = true;
      if (!is(Token::Kind::name) && !is_op("(")) break;
      if (is_name("in")) break;
    }
    if (!tuple) return std::move(fields[0]);
    Target out;
    out.fields = std::move(fields);
    return out;
  }

  // ---- expressions

  ExprPtr make_expr(Expr::Kind kind, int line, std::vector<ExprPtr> items = {}, std::string text = "") const {
    auto expr = std::make_unique<Expr>();
    expr->kind = kind;
    expr->line = line;
    expr->text = std::move(text);
    expr->items = std::move(items);
    for (const auto& item : expr->items) raise_depth(*expr, item);
    return expr;
  }

  void raise_depth(Expr& expr, const ExprPtr& child) const {
    if (!child) return;
    expr.depth = std::max(expr.depth, child->depth + 1);
    if (expr.depth > kMaxTreeDepth) {
      fail(fmt::format("an expression is longer than {} operations", kMaxTreeDepth));
    }
  }

  template <typename... E>
  static std::vector<ExprPtr> pack(E... items) {
    std::vector<ExprPtr> out;
    (out.push_back(std::move(items)), ...);
    return out;
  }

  // expression [, expression]*: with a comma it is a tuple. for and if take no inline "if" here.
  ExprPtr tuple_or_expression(bool conditional = true) {
    int line = peek().line;
    std::vector<ExprPtr> items;
    bool tuple = false;
    while (true) {
      items.push_back(conditional ? expression() : logical_or());
      if (!skip_op(",")) break;
      tuple = true;
      if (ends_tuple()) break;
    }
    if (!tuple) return std::move(items[0]);
    return make_expr(Expr::Kind::tuple, line, std::move(items));
  }

  bool ends_tuple() const {
    return is(Token::Kind::output_end) || is(Token::Kind::block_end) || is_op(")") || is_name("recursive");
  }

  ExprPtr expression() {
    Deeper deeper(*this);
    int line = peek().line;
    ExprPtr then = logical_or();
    while (skip_name("if")) {
      ExprPtr condition = logical_or();
      ExprPtr otherwise = skip_name("else") ? expression() : nullptr;
      then = make_expr(Expr::Kind::conditional, line,
                       pack(std::move(then), std::move(condition), std::move(otherwise)));
    }
    return then;
  }

  ExprPtr logical_or() {
    int line = peek().line;
    ExprPtr left = logical_and();
    while (skip_name("or")) {
      left = make_expr(Expr::Kind::logical_or, line, pack(std::move(left), logical_and()));
    }
    return left;
  }

  ExprPtr logical_and() {
    int line = peek().line;
    ExprPtr left = logical_not();
    while (skip_name("and")) {
      left = make_expr(Expr::Kind::logical_and, line, pack(std::move(left), logical_not()));
    }
    return left;
  }

  ExprPtr logical_not() {
    if (!is_name("not")) return comparison();
    Deeper deeper(*this);
    int line = next().line;
    return make_expr(Expr::Kind::logical_not, line, pack(logical_not()));
  }

  ExprPtr comparison() {
    static constexpr std::string_view kOperators[] = {"==", "!=", "<", "<=", ">", ">="};
    int line = peek().line;
    std::vector<ExprPtr> items = pack(sum());
    std::vector<std::string> operators;
    while (true) {
      bool symbol = is(Token::Kind::op) && std::find(std::begin(kOperators), std::end(kOperators),
                                                     peek().value) != std::end(kOperators);
      if (symbol) {
        operators.push_back(next().value);
      } else if (is_name("in")) {
        next();
        operators.emplace_back("in");
      } else if (is_name("not") && is_name("in", 1)) {
        next();
        next();
        operators.emplace_back("not in");
      } else {
        break;
      }
      items.push_back(sum());
    }
    if (operators.empty()) return std::move(items[0]);
    ExprPtr expr = make_expr(Expr::Kind::comparison, line, std::move(items));
    expr->operators = std::move(operators);
    return expr;
  }

  ExprPtr binary(ExprPtr left, ExprPtr (Parser::*right)()) {
    Token op = next();
    ExprPtr other = (this->*right)();
    return make_expr(Expr::Kind::binary, op.line, pack(std::move(left), std::move(other)), op.value);
  }

  ExprPtr sum() {
    ExprPtr left = concat();
    while (is_op("+") || is_op("-")) left = binary(std::move(left), &Parser::concat);
    return left;
  }

  ExprPtr concat() {
    int line = peek().line;
    ExprPtr first = product();
    if (!is_op("~")) return first;
    std::vector<ExprPtr> items = pack(std::move(first));
    while (skip_op("~")) items.push_back(product());
    return make_expr(Expr::Kind::concat, line, std::move(items));
  }

  ExprPtr product() {
    ExprPtr left = power();
    while (is_op("*") || is_op("/") || is_op("//") || is_op("%"))
      left = binary(std::move(left), &Parser::power);
    return left;
  }

  ExprPtr power() {
    ExprPtr left = unary();
    while (is_op("**")) left = binary(std::move(left), &Parser::unary);
    return left;
  }

  ExprPtr unary() { return unary_filtered(true); }

  ExprPtr unary_filtered(bool with_filter) {
    Deeper deeper(*this);
    int line = peek().line;
    ExprPtr expr;
    if (skip_op("-")) {
      expr = make_expr(Expr::Kind::negate, line, pack(unary_filtered(false)));
    } else if (skip_op("+")) {
      expr = make_expr(Expr::Kind::plus, line, pack(unary_filtered(false)));
    } else {
      expr = primary();
    }
    expr = postfix(std::move(expr));
    return with_filter ? filters_and_tests(std::move(expr)) : std::move(expr);
  }

  ExprPtr primary() {
    int line = peek().line;
    auto constant = [&](Value value) {
      ExprPtr expr = make_expr(Expr::Kind::constant, line);
      expr->value = std::move(value);
      return expr;
    };
    if (is(Token::Kind::name)) {
      std::string name = next().value;
      if (name == "true" || name == "True") return constant(true);
      if (name == "false" || name == "False") return constant(false);
      if (name == "none" || name == "None") return constant(None{});
      return make_expr(Expr::Kind::name, line, {}, name);
    }
    if (is(Token::Kind::string)) {
      std::string text;
      while (is(Token::Kind::string)) text += next().value;  // neighbours join, as in Python
      return constant(Value::literal(text));
    }
    if (is(Token::Kind::integer)) return constant(integer());
    if (is(Token::Kind::real)) return constant(real());
    if (skip_op("(")) {
      if (skip_op(")")) return make_expr(Expr::Kind::tuple, line);
      ExprPtr expr = tuple_or_expression();
      expect_op(")");
      return expr;
    }
    if (skip_op("[")) {
      std::vector<ExprPtr> items;
      while (!skip_op("]")) {
        if (!items.empty()) expect_op(",");
        if (skip_op("]")) break;
        items.push_back(expression());
      }
      return make_expr(Expr::Kind::list, line, std::move(items));
    }
    if (skip_op("{")) {
      std::vector<ExprPtr> items;
      while (!skip_op("}")) {
        if (!items.empty()) expect_op(",");
        if (skip_op("}")) break;
        items.push_back(expression());
        expect_op(":");
        items.push_back(expression());
      }
      return make_expr(Expr::Kind::dict, line, std::move(items));
    }
    fail(fmt::format("expected an expression, found {}", describe()));
  }

  Value integer() {
    int64_t value = 0;
    const std::string text = peek().value;
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size()) fail("an integer is too large");
    next();
    return value;
  }

  Value real() {
    double value = 0;
    const std::string text = peek().value;
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size()) fail("a number is too large");
    next();
    return value;
  }

  ExprPtr postfix(ExprPtr expr) {
    while (true) {
      int line = peek().line;
      if (skip_op(".")) {
        if (is(Token::Kind::integer)) {
          ExprPtr index = make_expr(Expr::Kind::constant, line);
          index->value = integer();
          expr = make_expr(Expr::Kind::subscript, line, pack(std::move(expr), std::move(index)));
        } else {
          expr = make_expr(Expr::Kind::attribute, line, pack(std::move(expr)), any_name());
        }
      } else if (skip_op("[")) {
        expr = subscript(std::move(expr), line);
      } else if (is_op("(")) {
        expr = call(std::move(expr));
      } else {
        return expr;
      }
    }
  }

  ExprPtr subscript(ExprPtr object, int line) {
    ExprPtr bounds[3];
    int n = 0;
    bool slice = false;
    while (!is_op("]")) {
      if (skip_op(":")) {
        slice = true;
        if (++n > 2) fail("a slice has at most three parts");
      } else if (bounds[n]) {
        fail(fmt::format("expected ']', found {}", describe()));
      } else {
        bounds[n] = expression();
      }
    }
    next();
    if (slice) {
      return make_expr(
          Expr::Kind::slice, line,
          pack(std::move(object), std::move(bounds[0]), std::move(bounds[1]), std::move(bounds[2])));
    }
    if (!bounds[0]) fail("'[]' needs an index");
    return make_expr(Expr::Kind::subscript, line, pack(std::move(object), std::move(bounds[0])));
  }

  void arguments(Expr& to) {
    expect_op("(");
    while (!skip_op(")")) {
      if (!to.arguments.empty()) expect_op(",");
      if (skip_op(")")) break;
      Argument argument;
      if (skip_op("*")) {
        argument.stars = 1;
      } else if (skip_op("**")) {
        argument.stars = 2;
      } else if (is(Token::Kind::name) && is_op("=", 1)) {
        argument.name = next().value;
        next();
      } else if (!to.arguments.empty() && !to.arguments.back().name.empty()) {
        fail("an argument without a name follows one with a name");
      }
      argument.value = expression();
      raise_depth(to, argument.value);
      to.arguments.push_back(std::move(argument));
    }
  }

  ExprPtr call(ExprPtr callee) {
    ExprPtr expr = make_expr(Expr::Kind::call, peek().line, pack(std::move(callee)));
    arguments(*expr);
    return expr;
  }

  ExprPtr filter(ExprPtr object) {
    int line = peek().line;
    ExprPtr expr = make_expr(Expr::Kind::filter, line, pack(std::move(object)), any_name());
    if (is_op("(")) arguments(*expr);
    return expr;
  }

  // What may follow "is name" without brackets: one value, as in "is divisibleby 3".
  bool starts_test_argument() const {
    static constexpr std::string_view kWords[] = {"else", "or", "and", "is", "if", "in", "not", "recursive"};
    switch (peek().kind) {
      case Token::Kind::name:
        return std::find(std::begin(kWords), std::end(kWords), peek().value) == std::end(kWords);
      case Token::Kind::string:
      case Token::Kind::integer:
      case Token::Kind::real:
        return true;
      default:
        return is_op("[") || is_op("{");
    }
  }

  ExprPtr test(ExprPtr object) {
    int line = next().line;  // "is"
    bool negated = skip_name("not");
    ExprPtr expr = make_expr(Expr::Kind::test, line, pack(std::move(object)), any_name());
    if (is_op("(")) {
      arguments(*expr);
    } else if (starts_test_argument()) {
      Argument argument;
      argument.value = postfix(primary());
      raise_depth(*expr, argument.value);
      expr->arguments.push_back(std::move(argument));
    }
    return negated ? make_expr(Expr::Kind::logical_not, line, pack(std::move(expr))) : std::move(expr);
  }

  ExprPtr filters_and_tests(ExprPtr expr) {
    while (true) {
      if (skip_op("|")) {
        expr = filter(std::move(expr));
      } else if (is_name("is")) {
        expr = test(std::move(expr));
      } else if (is_op("(")) {
        expr = call(std::move(expr));
      } else {
        return expr;
      }
    }
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  int loops_ = 0;
};

}  // namespace

Body parse(std::string_view source) {
  return Parser(source).run();
}

}  // namespace jaju::jinja
