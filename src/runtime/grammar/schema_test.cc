// Hand-written schemas: the shapes that clients send, what must be allowed, what must not, and what is
// refused by name. Random ones meet an independent validator in tests/grammar.
#include <nlohmann/json.hpp>

#include "runtime/grammar/grammar_test.h"

namespace jaju {
namespace {

using namespace grammar_test;  // NOLINT
constexpr GrammarKind kSchema = GrammarKind::json_schema;

TEST(Schema, ObjectsInOrderOptionalOnesSkipped) {
  const std::string schema =
      R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},"tags":{"type":"array","items":{"type":"string"}}},"required":["age"],"additionalProperties":false})";
  expect_texts(kSchema, schema,
               {R"({"name":"a","age":1,"tags":[]})", R"({"age":1})", R"({"name":"a","age":1})",
                R"({"age":1,"tags":["x","y"]})", "{\n  \"name\": \"a\",\n  \"age\": 1\n}", R"({ "age": 1 })",
                "{\n\t\"age\": 1\n}"},
               {R"({})", R"({"name":"a"})", R"({"age":1,"name":"a"})", R"({"age":1,"x":2})", R"({"age":"1"})",
                R"({"age":1,})", R"({"age":1)", R"( {"age":1})", R"({"age":1} )", R"({"age" :1})",
                R"({"age":  1})", "{\n\n\"age\":1}"});
  expect_texts(kSchema, R"({"type":"object","properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}}})",
               {"{}", R"({"a":1})", R"({"b":2})", R"({"c":3})", R"({"a":1,"c":3})", R"({"a":1,"b":2,"c":3})"},
               {R"({"c":3,"a":1})", R"({"a":1,})", R"({,"a":1})", R"({"d":1})"});
}

TEST(Schema, AdditionalProperties) {
  expect_texts(
      kSchema,
      R"({"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"boolean"}})",
      {"{}", R"({"a":1})", R"({"b":true})", R"({"a":1,"b":true,"한":false})", R"({"aa":true})",
       R"({"":true})", R"({"a\n":true})"},
      {R"({"a":true})", R"({"b":1})", R"({"b":true,"a":1})", R"({"\u0061":true})"});
  expect_texts(kSchema, R"({"type":"object"})", {"{}", R"({"x":{"y":[1]}})", R"({"\u0061":1})"}, {"[]", "1"});
  expect_texts(kSchema, R"({"type":"object","required":["k"]})", {R"({"k":[1]})", R"({"k":1,"z":2})"},
               {"{}", R"({"z":2})"});
  expect_texts(
      kSchema,
      R"({"patternProperties":{"^x-":{"type":"integer"},"y$":{"type":"string"}},"additionalProperties":{"type":"null"}})",
      {R"({"x-a":1})", R"({"ay":"s"})", R"({"q":null,"x-b":2})"},
      {R"({"x-a":"s"})", R"({"ay":1})", R"({"q":1})", R"({"x-y":1})"});
  expect_texts(
      kSchema,
      R"({"type":"object","propertyNames":{"pattern":"^[a-z]+$","maxLength":3},"additionalProperties":{"type":"integer"}})",
      {R"({"abc":1})"}, {R"({"abcd":1})", R"({"A":1})"});
  expect_texts(
      kSchema,
      R"({"type":"object","additionalProperties":{"type":"integer"},"minProperties":1,"maxProperties":2})",
      {R"({"a":1})", R"({"a":1,"b":2})"}, {"{}", R"({"a":1,"b":2,"c":3})"});
}

TEST(Schema, ArraysAndTuples) {
  expect_texts(kSchema, R"({"type":"array","items":{"type":"integer"},"minItems":2,"maxItems":4})",
               {"[1,2]", "[1, 2, 3]", "[\n1,\n2,\n3,\n4\n]"}, {"[]", "[1]", "[1,2,3,4,5]", "[1,2,]"});
  expect_texts(kSchema, R"({"type":"array","prefixItems":[{"const":1},{"const":2}]})", {"[]", "[1]", "[1,2]"},
               {"[2]", "[1,2,3]", "[1,1]"});
  expect_texts(kSchema,
               R"({"type":"array","prefixItems":[{"const":1},{"const":2}],"items":{"const":3},"minItems":1})",
               {"[1]", "[1,2]", "[1,2,3]", "[1,2,3,3]"}, {"[]", "[1,3]", "[3]"});
  expect_texts(kSchema, R"({"type":"array","items":[{"const":1}],"additionalItems":false,"minItems":1})",
               {"[1]"}, {"[]", "[1,1]"});
  expect_texts(kSchema, R"({"type":"array","items":{"type":"array"},"maxItems":1})",
               {"[]", "[[]]", R"([[1,"a",{}]])"}, {"[1]", "[[],[]]"});
  expect_texts(kSchema, R"({"type":"array","items":false})", {"[]", "[ ]"}, {"[1]"});
  // Counted, not written out.
  const auto g =
      compiled(kSchema, R"({"type":"array","items":{"type":"integer"},"minItems":5000,"maxItems":100000})");
  std::string list = "[1";
  for (int i = 1; i < 4999; ++i) list += ",1";
  EXPECT_FALSE(*g->matches(list + "]"));
  EXPECT_TRUE(*g->matches(list + ",1]"));
}

TEST(Schema, StringsLengthsPatternsFormats) {
  expect_texts(kSchema, R"({"type":"string","minLength":2,"maxLength":3})",
               {R"("ab")", R"("한국어")", R"("\ud83d\ude00\n")", R"("😀😀")", R"("\u0041b")"},
               {R"("a")", R"("abcd")", R"("\ud83d")", R"("\ude00a")", "\"a\n\"", R"("\x")"});
  expect_texts(kSchema, R"({"type":"string","pattern":"b+"})", {R"("abc")", R"("b")", R"("\nb")"},
               {R"("a")", R"("")"});
  expect_texts(kSchema, R"({"type":"string","pattern":"^(\\([0-9]{3}\\))?[0-9]{3}-[0-9]{4}$"})",
               {R"("555-1212")", R"("(888)555-1212")"}, {R"("(888)555-1212 ")"});
  expect_texts(kSchema, R"({"type":"string","pattern":"^[\"\\\\/]+$"})", {R"("\"\\/")"},
               {R"("\/")", R"("a")"});
  expect_texts(kSchema, R"({"type":"string","pattern":"a","minLength":3,"maxLength":4})",
               {R"("bba")", R"("한국어a")"}, {R"("a")", R"("bbbba")", R"("bbb")"});
  expect_texts(kSchema, R"({"type":"string","format":"date"})",
               {R"("2024-02-29")", R"("1999-12-31")", R"("2000-02-29")"},
               {R"("2023-02-29")", R"("1900-02-29")", R"("2023-04-31")", R"("2023-13-01")"});
  expect_texts(kSchema, R"({"type":"string","format":"date-time"})",
               {R"("2024-02-29T23:59:59Z")", R"("2024-01-01T00:00:00.123+09:00")"},
               {R"("2024-01-01 00:00:00Z")", R"("2024-01-01T24:00:00Z")", R"("2024-01-01T00:00:00")"});
  expect_texts(kSchema, R"({"type":"string","format":"uuid"})", {R"("123e4567-e89b-12d3-a456-426614174000")"},
               {R"("123e4567e89b12d3a456426614174000")"});
  expect_texts(kSchema, R"({"type":"string","format":"email"})", {R"("a.b+c@example.co.kr")"},
               {R"("a@b")", R"("@b.c")", R"("a b@c.d")"});
  expect_texts(kSchema, R"({"type":"string","format":"ipv4"})", {R"("192.168.0.255")"},
               {R"("256.1.1.1")", R"("1.2.3")"});
  expect_texts(kSchema, R"({"type":"string","format":"ipv6"})",
               {R"("::1")", R"("2001:db8::ff00:42:8329")", R"("1:2:3:4:5:6:7:8")"},
               {R"("1::2::3")", R"("12345::")"});
  expect_texts(kSchema, R"({"type":"string","format":"uri"})", {R"("https://example.com:8080/a/b?q=1#f")"},
               {R"("example.com")", R"("http://a b")"});
  expect_texts(kSchema, R"({"type":"string","format":"duration"})",
               {R"("P1Y2M3DT4H5M6S")", R"("PT5M")", R"("P2W")"}, {R"("P")", R"("PT")", R"("1D")"});
  // Longer than any counter: as good as no limit.
  expect_texts(kSchema, R"({"type":"string","maxLength":99999999999})", {R"("abc")"}, {"1"});
}

TEST(Schema, EnumsAndConstants) {
  expect_texts(kSchema, R"({"enum":["red","초록",null,42,1.5,true,["a",{"b":[]}],"a\"b\\\n\u0001","😀"]})",
               {R"("red")", R"("초록")", "null", "42", "1.5", "true", R"(["a",{"b":[]}])",
                R"([ "a", {"b": []} ])", R"("a\"b\\\n\u0001")", R"("😀")"},
               {"false", R"("RED")", "43", "[]", R"("\ud83d\ude00")"});
  expect_texts(kSchema, R"({"type":"string","enum":["a",1,"bb",null],"maxLength":1})", {R"("a")"},
               {"1", R"("bb")", "null"});
  expect_texts(kSchema, R"({"type":["string","null"],"enum":["a",null]})", {R"("a")", "null"}, {"1"});
  expect_texts(kSchema, R"({"const":{"x":[1,2]}})", {R"({"x":[1,2]})", "{\n\"x\": [1, 2]\n}"},
               {R"({"x":[2,1]})"});
  expect_texts(kSchema, R"({"allOf":[{"enum":[1,2,3]},{"enum":[2,3.0,4]},{"minimum":2.5}]})", {"3"},
               {"2", "1", "4"});
}

TEST(Schema, CombinationsAndReferences) {
  expect_texts(kSchema, R"({"anyOf":[{"type":"integer"},{"type":"string","maxLength":2},{"type":"null"}]})",
               {"1", R"("ab")", "null"}, {R"("abc")", "true"});
  expect_texts(kSchema, R"({"type":["integer","string"]})", {"1", R"("x")"}, {"1.5", "null"});
  expect_texts(kSchema, R"({"type":"string","nullable":true})", {"null", R"("x")"}, {"1"});
  expect_texts(
      kSchema,
      R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"a":{"minimum":5},"b":{"const":true}},"required":["b"]}]})",
      {R"({"a":5,"b":true})"}, {R"({"a":4,"b":true})", R"({"a":5})", R"({"b":true,"a":5})"});
  // additionalProperties: false of one part forbids what only another part declares.
  expect_texts(
      kSchema,
      R"({"allOf":[{"properties":{"a":{}},"additionalProperties":false},{"properties":{"b":{}}}],"type":"object"})",
      {"{}", R"({"a":1})"}, {R"({"b":1})"});
  expect_texts(
      kSchema,
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"anyOf":[{"required":["a"]},{"required":["b"]}]})",
      {R"({"a":1})", R"({"b":1})", R"({"a":1,"b":2})"}, {"{}"});
  expect_texts(
      kSchema,
      R"({"oneOf":[{"type":"object","properties":{"kind":{"const":"cat"},"lives":{"type":"integer"}},"required":["kind","lives"]},{"type":"object","properties":{"kind":{"const":"dog"},"tricks":{"type":"array","items":{"type":"string"}}},"required":["kind"]}]})",
      {R"({"kind":"cat","lives":9})", R"({"kind":"dog"})", R"({"kind":"dog","tricks":["sit"]})"},
      {R"({"kind":"cat"})", R"({"kind":"dog","lives":9})"});
  const std::string list =
      R"({"type":"object","properties":{"linked_list":{"$ref":"#/$defs/node"}},"required":["linked_list"],"additionalProperties":false,"$defs":{"node":{"type":"object","properties":{"value":{"type":"number"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["value","next"],"additionalProperties":false}}})";
  expect_texts(kSchema, list, {R"({"linked_list":{"value":1,"next":{"value":2,"next":null}}})"},
               {R"({"linked_list":{"value":1}})", R"({"linked_list":null})"});
  const std::string ui =
      R"({"type":"object","properties":{"type":{"enum":["div","button"]},"label":{"type":"string"},"children":{"type":"array","items":{"$ref":"#"}}},"required":["type","label","children"],"additionalProperties":false})";
  expect_texts(kSchema, ui,
               {R"({"type":"div","label":"","children":[{"type":"button","label":"x","children":[]}]})"},
               {R"({"type":"div","label":"","children":[{}]})"});
  expect_texts(
      kSchema,
      R"({"definitions":{"a/b":{"const":1},"c~d":{"$ref":"#/definitions/a~1b"},"e f":{"$ref":"#/definitions/c~0d"}},"$ref":"#/definitions/e%20f"})",
      {"1"}, {"2"});
  expect_texts(
      kSchema,
      R"({"properties":{"x":{"$ref":"#/$defs/p","description":"beside","default":3}},"required":["x"],"$defs":{"p":{"type":"integer","minimum":0}}})",
      {R"({"x":3})"}, {R"({"x":-1})"});
  expect_texts(kSchema, R"({"$ref":"#/$defs/p","maximum":9,"$defs":{"p":{"type":"integer","minimum":0}}})",
               {"3"}, {"-1", "10"});
  expect_texts(kSchema, "true", {"1", "[]", R"({"a":[null]})"}, {"", "a"});
  expect_texts(kSchema, "{}", {"1", R"("x")"}, {"01"});
}

TEST(Schema, OpenAiStructuredOutputExamples) {
  expect_texts(
      kSchema,
      R"({"type":"object","properties":{"name":{"type":"string"},"date":{"type":"string"},"participants":{"type":"array","items":{"type":"string"}}},"required":["name","date","participants"],"additionalProperties":false})",
      {R"({"name":"Science Fair","date":"Friday","participants":["Alice","Bob"]})"},
      {R"({"name":"Science Fair"})"});
  expect_texts(
      kSchema,
      R"({"type":"object","properties":{"steps":{"type":"array","items":{"$ref":"#/$defs/step"}},"final_answer":{"type":"string"}},"$defs":{"step":{"type":"object","properties":{"explanation":{"type":"string"},"output":{"type":"string"}},"required":["explanation","output"],"additionalProperties":false}},"required":["steps","final_answer"],"additionalProperties":false})",
      {R"({"steps":[{"explanation":"e","output":"8x = -30"}],"final_answer":"x = -15/4"})"},
      {R"({"steps":[{}],"final_answer":""})"});
  expect_texts(
      kSchema,
      R"({"type":"object","properties":{"item":{"anyOf":[{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"number"}},"additionalProperties":false,"required":["name","age"]},{"type":"object","properties":{"number":{"type":"string"},"street":{"type":"string"},"city":{"type":"string"}},"additionalProperties":false,"required":["number","street","city"]}]}},"additionalProperties":false,"required":["item"]})",
      {R"({"item":{"name":"J","age":30}})", R"({"item":{"number":"1","street":"s","city":"c"}})"},
      {R"({"item":{"name":"J","city":"c"}})"});
}

TEST(Schema, WhiteSpaceIsBounded) {
  const auto g = compiled(kSchema, R"({"type":"array","items":{"type":"integer"}})");
  EXPECT_TRUE(*g->matches("[\n" + std::string(64, ' ') + "1]"));
  EXPECT_FALSE(*g->matches("[\n" + std::string(65, ' ') + "1]"));
  EXPECT_TRUE(*g->matches("[\n" + std::string(16, '\t') + "1]"));
  EXPECT_FALSE(*g->matches("[\n" + std::string(17, '\t') + "1]"));
  EXPECT_FALSE(*g->matches("[\n\n1]"));
  EXPECT_FALSE(*g->matches("[  1]"));
  EXPECT_FALSE(*g->matches("[1 ,2]"));
}

TEST(Schema, RefusedWithThePointer) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {R"({"properties":{"a/b":{"not":{"type":"null"}}}})", {"#/properties/a~1b", "'not'"}},
      {R"({"type":"array","items":{"uniqueItems":true}})", {"#/items", "'uniqueItems'"}},
      {R"({"anyOf":[{"type":"null"},{"if":{}}]})", {"#/anyOf/1", "'if'"}},
      {R"({"type":"strin"})", {"#", "strin"}},
      {R"({"type":"string","pattern":"(a)\\1"})", {"#/pattern", "back-references"}},
      {R"({"type":"string","format":"postal-code"})", {"#", "postal-code"}},
      {R"({"type":"integer","format":"date"})", {"#", "date"}},
      {R"({"$ref":"#/$defs/missing"})", {"#/$defs/missing"}},
      {R"({"$ref":"https://example.com/s.json"})", {"only pointers into the same schema"}},
      {R"({"$ref":"#"})", {"loop"}},
      {R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})", {"loop"}},
      {R"({"allOf":[{"$ref":"#"},{"type":"null"}]})", {"loop"}},
      {R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", {"before any byte"}},
      {R"({"type":"object","properties":{"n":{"$ref":"#"}},"required":["n"]})", {"no text"}},
      {R"({"type":"string","minLength":3,"maxLength":2})", {"no text"}},
      {R"({"type":"array","minItems":10000000})", {"'minItems'", "max_repeat"}},
      {R"({"type":"string","minLength":-1})", {"'minLength'"}},
      {R"({"type":"string","pattern":"a","maxLength":100000})", {"2000"}},
      {R"({"type":"object","minProperties":3})", {"'minProperties'"}},
      {R"({"properties":3})", {"'properties'"}},
      {R"({"required":"a"})", {"'required'"}},
      {R"({"anyOf":[]})", {"'anyOf'"}},
      {R"({"enum":3})", {"'enum'"}},
      {R"({"items":3})", {"#/items", "must be an object"}},
      {"[]", {"must be an object"}},
      {"{", {"the text"}},
      {R"({"a":1,"a":2})", {"the text"}},
      {R"({"type":"null","type2":1})", {"'type2'"}},
  };
  for (const auto& [schema, parts] : cases) {
    const std::string message = error_of(kSchema, schema);
    for (const auto& part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << schema << "\n" << message;
    EXPECT_EQ(message.rfind("schema: ", 0), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(Schema, HostileOnesEndByBudget) {
  GrammarBudget b = test_budget();
  b.max_compile_ms = 2'000;
  // anyOf that multiplies.
  std::string s = R"({"allOf":[)";
  for (int i = 0; i < 30; ++i)
    s += fmt::format(R"({}{{"anyOf":[{{"required":["a{}"]}},{{"required":["b{}"]}}]}})", i ? "," : "", i, i);
  EXPECT_NE(error_of(kSchema, s + "]}", b).find("max_"), std::string::npos) << error_of(kSchema, s + "]}", b);
  // References that double.
  s = R"({"$defs":{"d0":{"type":"null"})";
  for (int i = 1; i < 60; ++i)
    s += fmt::format(
        R"(,"d{}":{{"type":"array","prefixItems":[{{"$ref":"#/$defs/d{}"}},{{"$ref":"#/$defs/d{}"}}],"minItems":2}})",
        i, i - 1, i - 1);
  EXPECT_NE(error_of(kSchema, s + R"(},"$ref":"#/$defs/d59"})", b), "");
  // A long chain of references is no recursion of ours.
  s = R"({"$defs":{"d0":{"type":"null"})";
  for (int i = 1; i < 4000; ++i) s += fmt::format(R"(,"d{}":{{"$ref":"#/$defs/d{}"}})", i, i - 1);
  EXPECT_EQ(error_of(kSchema, s + R"(},"$ref":"#/$defs/d3999"})", b), "no error");
  // Deep, wide, long.
  s.clear();
  for (int i = 0; i < 100; ++i) s += R"({"items":)";
  EXPECT_NE(error_of(kSchema, s + "{}" + std::string(100, '}'), b), "no error");
  s = R"({"type":"object","properties":{"p0":{})";
  for (int i = 1; i < 3000; ++i) s += fmt::format(R"(,"p{}":{{}})", i);
  EXPECT_EQ(error_of(kSchema, s + "}}", b), "no error");
  EXPECT_NE(error_of(kSchema, R"({"type":"string","pattern":"(a|b)*a(a|b){20}"})", b).find("states"),
            std::string::npos);
  EXPECT_NE(error_of(kSchema, R"({"type":"string","pattern":"((a{900}){900}){900}"})", b), "no error");
}

}  // namespace
}  // namespace jaju
