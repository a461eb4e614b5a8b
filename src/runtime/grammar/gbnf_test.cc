#include "runtime/grammar/grammar_test.h"

namespace jaju {
namespace {

using namespace grammar_test;  // NOLINT

TEST(Gbnf, Examples) {
  expect_texts(GrammarKind::gbnf, R"(
# a game of chess, as llama.cpp's users write it
root ::= "1. " move " " move "\n" ([1-9] [0-9]? ". " move " " move "\n")+
move ::= (pawn | nonpawn | castle) [+#]?
nonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
pawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
castle ::= "O-O" "-O"?
)",
               {"1. e4 e5\n2. Nf3 Nc6\n", "1. e4 d5\n2. exd5 Qxd5\n3. O-O O-O-O\n"},
               {"1. e4 e5\n", "1. e9 e5\n2. Nf3 Nc6\n"});
  expect_texts(GrammarKind::gbnf,
               "root ::= (expr \"=\" ws term \"\\n\")+\nexpr ::= term ([-+*/] ws term)*\n"
               "term ::= ident | num | \"(\" ws expr \")\" ws\nident ::= [a-z] [a-z0-9_]* ws\nnum ::= [0-9]+ "
               "ws\nws ::= [ \\t\\n]*",
               {"(a+b)*2 = x\n", "1=1\n2=2\n", "((((1)))) =a\n"}, {"(a=b\n", "1=1", "=\n"});
  expect_texts(GrammarKind::gbnf,
               "root ::= [가-힣]+ | \"\\u00e9\" \"\\x41\" \"\\U0001F600\" | [^a-z\"] \"\\\"\" | [\\]\\[x-]",
               {"한국", "éA😀", "A\"", "]", "[", "-", "x"}, {"", "a\"", "한a", "y"});
}

TEST(Gbnf, LinesAndComments) {
  expect_texts(
      GrammarKind::gbnf,
      "root ::= # the start\n  a |\n  b   # or b\na ::= (\n  \"x\"\n  | \"y\" # inside\n)\r\nb::=\"z\"",
      {"x", "y", "z"}, {"xy", ""});
  expect_texts(GrammarKind::gbnf, "root ::= \"a\" {2} \"b\"{ 1 , } . ", {"aabbc", "aabx"}, {"ab", "aab"});
  expect_texts(GrammarKind::gbnf, "root ::= list\nlist ::= \"i\" list | \n",
               {"", "i", std::string(5000, 'i')}, {"x"});
}

TEST(Gbnf, RightRecursionNeedsNoStack) {
  // Deeper than max_output_depth would allow if a call at the end left a frame.
  expect_texts(GrammarKind::gbnf,
               "root ::= item root | item\nitem ::= \"- \" [^\\n]+ \"\\n\" | \"* \" [^\\n]+ [^\\n]+ \"\\n\" ",
               {[] {
                 std::string s;
                 for (int i = 0; i < 1000; ++i) s += "- line\n";
                 return s;
               }()},
               {"- line"});
}

TEST(Gbnf, ErrorsNameTheLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"root ::= a\n\na ::= b\n", "line 3: rule 'b' is used but not defined"},
      {"a ::= \"x\"", "'root'"},
      {"root ::= \"x\"\nroot ::= \"y\"", "line 2: rule 'root' is defined twice"},
      {"root = \"x\"", "'::='"},
      {"root ::= \"x", "closing quote"},
      {"root ::= [a", "']'"},
      {"root ::= (\"a\"", "')'"},
      {"root ::= \"a\" )", "end of the line"},
      {"root ::= * \"a\"", "nothing to repeat"},
      {"root ::= \"a\"{3,1}", "out of order"},
      {"root ::= \"a\"{x}", "{m,n}"},
      {"root ::= \"a\"{99999999}", "max_repeat"},
      {"root ::= \"\\q\"", "unknown escape"},
      {"root ::= \"\\xg0\"", "hexadecimal"},
      {"root ::= \"\\ud800\"", "not a character"},
      {"root ::= [z-a]", "out of order"},
      {"root ::= <think>", "token references"},
      {"root ::= root \"a\" | \"b\"", "'root' calls itself"},
      {"root ::= x? root \"a\" | \"b\"\nx ::= \"y\"", "'root' calls itself"},
      {"root ::= a\na ::= b \"x\" | \"y\"\nb ::= c\nc ::= a?", "calls itself"},
      {"root ::= \"a\" root", "no text"},
      {"::=", "name of a rule"},
  };
  for (const auto& [text, what] : cases) {
    const std::string message = error_of(GrammarKind::gbnf, text);
    EXPECT_NE(message.find(what), std::string::npos) << text << "\n" << message;
    EXPECT_EQ(message.rfind("gbnf: ", 0), 0u) << message;
  }
  EXPECT_NE(error_of(GrammarKind::gbnf, "root ::= " + std::string(100, '(') + "\"a\"" + std::string(100, ')'))
                .find("max_input_depth"),
            std::string::npos);
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 3000; ++i) chain += fmt::format("r{} ::= r{} | r{} \"x\"\n", i, i + 1, i + 1);
  chain += "r3000 ::= \"y\"\n";
  const std::string message = error_of(GrammarKind::gbnf, chain);
  EXPECT_TRUE(message.find("deep") != std::string::npos || message.find("max_symbols") != std::string::npos)
      << message;
}

}  // namespace
}  // namespace jaju
