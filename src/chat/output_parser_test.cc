#include "chat/output_parser.h"

#include <gtest/gtest.h>

#include <chrono>

#include <random>

namespace jaju {
namespace {

using Kind = OutputEvent::Kind;

// Events with neighbouring deltas joined, in one readable line.
class Log {
 public:
  void add(const std::vector<OutputEvent>& events) {
    for (const auto& event : events) {
      const bool delta = event.kind == Kind::reasoning || event.kind == Kind::answer;
      EXPECT_FALSE(delta && event.text.empty());
      if (delta && open_ && last_ == event.kind) {
        text_ += event.text;
        continue;
      }
      if (event.kind == Kind::reasoning) text_ += "[R]" + event.text;
      if (event.kind == Kind::answer) text_ += "[A]" + event.text;
      if (event.kind == Kind::tool_call) text_ += "[T]" + event.call.name + event.call.arguments.dump();
      if (event.kind == Kind::malformed_tool_call) text_ += "[M]" + event.text;
      open_ = delta;
      last_ = event.kind;
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool open_ = false;
  Kind last_{};
};

std::string parse(const std::vector<std::string_view>& pieces, OutputParser::Options options) {
  OutputParser parser(options);
  Log log;
  for (std::string_view piece : pieces) log.add(parser.push(piece));
  log.add(parser.finish());
  return log.text();
}

std::string whole(std::string_view text, bool thinking = false, bool tools = true) {
  return parse({text}, {.thinking = thinking, .tools = tools});
}

constexpr const char* kCall = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>";

TEST(OutputParser, ReasoningThenAnswer) {
  EXPECT_EQ(whole("\nbecause\n</think>\n\n답은 7", true), "[R]because[A]답은 7");
  EXPECT_EQ(whole("<think>\nbecause</think>7", true), "[R]because[A]7");
  EXPECT_EQ(whole("</think>7", true), "[A]7");
  EXPECT_EQ(whole("never ends \n", true), "[R]never ends");
  EXPECT_EQ(whole("a </thin b </think>c", true), "[R]a </thin b[A]c");
  EXPECT_EQ(whole("", true), "");
}

TEST(OutputParser, AnswerAlone) {
  EXPECT_EQ(whole("\n 7 \n"), "[A]\n 7 \n");
  EXPECT_EQ(whole("a < b </think> c"), "[A]a < b </think> c");
  EXPECT_EQ(whole("</think>\n7"), "[A]7");
  EXPECT_EQ(whole("\n<think>own</think>7"), "[R]own[A]7");
  EXPECT_EQ(whole(" <thi"), "[A] <thi");
}

TEST(OutputParser, ToolCalls) {
  const std::string call = kCall;
  EXPECT_EQ(whole(call), "[T]f{\"x\":1}");
  EXPECT_EQ(whole("Let me see.\n\n" + call + "\n" + call + "\n"), "[A]Let me see.[T]f{\"x\":1}[T]f{\"x\":1}");
  EXPECT_EQ(whole("r</think>\n\n" + call, true), "[R]r[T]f{\"x\":1}");
  EXPECT_EQ(whole(call + "\nand text"), "[T]f{\"x\":1}[A]\nand text");
  EXPECT_EQ(whole(call, false, false), "[A]" + call);
  EXPECT_EQ(whole("<tool_call>{\"name\": \"f\"}</tool_call>"), "[T]f{}");
  EXPECT_EQ(whole("<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": [1]}\"}</tool_call>"),
            "[T]f{\"a\":[1]}");
  // Argument order and Korean text survive.
  EXPECT_EQ(whole("<tool_call>{\"name\": \"f\", \"arguments\": {\"z\": \"서울\", \"a\": null}}</tool_call>"),
            "[T]f{\"z\":\"서울\",\"a\":null}");
}

TEST(OutputParser, MarkersInsideStringsAreText) {
  EXPECT_EQ(whole("<tool_call>{\"name\": \"f\", \"arguments\": {\"s\": "
                  "\"a</tool_call>\\\"<tool_call>b\"}}</tool_call>!"),
            "[T]f{\"s\":\"a</tool_call>\\\"<tool_call>b\"}[A]!");
}

TEST(OutputParser, UnfinishedCalls) {
  EXPECT_EQ(whole("<tool_call>{\"name\": \"f\", \"arguments\": {}}"), "[T]f{}");  // stopped at the end marker
  EXPECT_EQ(whole("<tool_call>{\"name\": \"f\", \"argu"), "[M]<tool_call>{\"name\": \"f\", \"argu");
  EXPECT_EQ(whole("<tool_call>{\"name\": \"f\"}\n<tool_call>{\"name\": \"g\"}</tool_call>"), "[T]f{}[T]g{}");
}

TEST(OutputParser, MalformedCallsAreKept) {
  EXPECT_EQ(whole("<tool_call>f(x=1)</tool_call> ok"), "[M]<tool_call>f(x=1)</tool_call>[A] ok");
  EXPECT_EQ(whole("<tool_call>[]</tool_call>"), "[M]<tool_call>[]</tool_call>");
  EXPECT_EQ(whole("<tool_call>{\"name\": 3}</tool_call>"), "[M]<tool_call>{\"name\": 3}</tool_call>");
  EXPECT_EQ(whole("<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>"),
            "[M]<tool_call>{\"name\": \"f\", \"arguments\": [1]}</tool_call>");
  // A quote without its pair does not swallow the calls behind it.
  EXPECT_EQ(whole(std::string("<tool_call>{\"name\": \"f}</tool_call>") + kCall),
            "[M]<tool_call>{\"name\": \"f}</tool_call>[T]f{\"x\":1}");
  std::string deep = "<tool_call>{\"name\": \"f\", \"arguments\": " + std::string(5000, '[') + "</tool_call>";
  EXPECT_EQ(whole(deep), "[M]" + deep);
}

TEST(OutputParser, StreamsBeforeTheEnd) {
  OutputParser parser({.thinking = true, .tools = true});
  auto first = parser.push("step one");
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].text, "step one");
  EXPECT_EQ(parser.push("\n</th").size(), 0u);
  auto answer = parser.push("ink>\n7");
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(answer[0].kind, Kind::answer);
  EXPECT_EQ(answer[0].text, "7");
}

const std::vector<std::string>& short_texts() {
  static const std::vector<std::string> kTexts = {
      "\n<think> a </thin </think> \n b ",
      "</think>\nx",
      " <think>y</think>z",
      "한 글</think>\n답",
      "a <tool_call>{\"name\":\"f\"}</tool_call>\nb",
      "a\n<tool_call>{\"name\":\"</tool_call>\"}</tool_call> ",
      "<tool_call>{\"a\":\"</tool_call>x",
      "<tool_call>x<tool_call>{\"name\":\"g\"}",
      "<<tool_call><</tool_call></tool_call>",
      "a </think> <tool_cal <think>",
  };
  return kTexts;
}

TEST(OutputParser, EveryCutGivesTheSameEvents) {
  for (const std::string& text : short_texts()) {
    for (bool thinking : {false, true}) {
      for (bool tools : {false, true}) {
        const OutputParser::Options options{.thinking = thinking, .tools = tools};
        const std::string expected = parse({text}, options);
        std::string_view s = text;
        for (size_t i = 0; i <= s.size(); ++i) {
          for (size_t j = i; j <= s.size(); ++j) {
            ASSERT_EQ(parse({s.substr(0, i), s.substr(i, j - i), s.substr(j)}, options), expected)
                << text << " cut at " << i << " and " << j;
          }
        }
        std::vector<std::string_view> bytes;
        for (size_t i = 0; i < s.size(); ++i) bytes.push_back(s.substr(i, 1));
        ASSERT_EQ(parse(bytes, options), expected) << text;
      }
    }
  }
}

TEST(OutputParser, RandomTextsAndCuts) {
  static constexpr std::string_view kParts[] = {"<think>",
                                                "</think>",
                                                "<tool_call>",
                                                "</tool_call>",
                                                "{\"name\": \"f\", \"arguments\": {\"k\": \"v\"}}",
                                                "\"",
                                                "\\",
                                                "\n",
                                                " ",
                                                "text",
                                                "<",
                                                "</",
                                                "{",
                                                "}",
                                                "가나"};
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    std::string text;
    for (int n = static_cast<int>(random() % 30); n > 0; --n) text += kParts[random() % std::size(kParts)];
    const OutputParser::Options options{.thinking = random() % 2 == 0, .tools = random() % 8 != 0};
    const std::string expected = parse({text}, options);
    for (int cut = 0; cut < 8; ++cut) {
      std::vector<std::string_view> pieces;
      for (size_t at = 0; at < text.size();) {
        size_t n = 1 + random() % (cut < 4 ? 4 : 20);
        pieces.push_back(std::string_view(text).substr(at, n));
        at += n;
      }
      ASSERT_EQ(parse(pieces, options), expected) << text;
    }
  }
}

// A model that goes round in circles costs linear time.
TEST(OutputParserTime, IsLinear) {
  const auto repeat = [](const std::string& s, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += s;
    return out;
  };
  const struct {
    std::string text;
    size_t step;
    bool thinking;
  } kCases[] = {{std::string("x") + repeat(" ", 400'000), 1, true},
                {std::string("x") + repeat("\n", 400'000), 1, false},
                {repeat("\n", 400'000), 1, false},
                {repeat("<", 400'000), 1, false},
                {repeat("<tool_call>\\\"</tool_call>", 40'000), 1 << 30, false},
                {repeat("<tool_call>{}</tool_call>", 40'000), 1 << 30, false}};
  for (const auto& c : kCases) {
    const auto start = std::chrono::steady_clock::now();
    OutputParser parser({.thinking = c.thinking, .tools = true});
    size_t bytes = 0;
    const auto count = [&](const std::vector<OutputEvent>& events) {
      for (const auto& event : events) bytes += event.text.size();
    };
    for (size_t i = 0; i < c.text.size(); i += c.step)
      count(parser.push(std::string_view(c.text).substr(i, c.step)));
    count(parser.finish());
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3)) << c.text.substr(0, 30);
    EXPECT_EQ(bytes, c.thinking ? 1 : c.text.size()) << c.text.substr(0, 30);
  }
}

}  // namespace
}  // namespace jaju
