// Which template a model directory has, and messages as the values a template sees.
#include <algorithm>
#include <array>
#include <system_error>

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "chat/builtin_template.h"
#include "chat/chat.h"
#include "chat/jinja/template.h"

namespace jaju {

using jinja::Dict;
using jinja::None;
using jinja::Template;
using jinja::Text;
using jinja::Value;
using Json = nlohmann::ordered_json;

namespace {

constexpr int64_t kMaxConfigBytes = 32 << 20;

// Templates disagree on two things no standard settles. Which one a template wants is found by trying.
struct Shape {
  bool null_content = false;      // an assistant turn with calls only has content null, not ""
  bool string_arguments = false;  // a call's arguments are JSON text, not an object
};

Value outside(std::string_view text) {
  return Text(utf8_valid(text) ? std::string(text) : utf8_replace_invalid(text), false);
}

// A role from this list is a word of ours, whoever chose it: templates build special tokens from it
// ('<|' + role + '|>'). Any other role is text from outside.
Value role_value(const std::string& role) {
  static constexpr std::string_view kRoles[] = {"system", "developer", "user", "assistant", "tool"};
  bool known = std::find(std::begin(kRoles), std::end(kRoles), role) != std::end(kRoles);
  return known ? Value(Text(role, true)) : outside(role);
}

Value key(std::string_view name) {
  return Value::literal(name);
}

Value call_value(const ToolCall& call, const Shape& shape) {
  Dict function;
  function.set(key("name"), outside(call.name));
  const Json arguments = call.arguments.is_null() ? Json::object() : call.arguments;
  Value object = jinja::from_json(arguments, false);
  function.set(key("arguments"), shape.string_arguments ? Value(jinja::to_json(object, {})) : object);
  Dict dict;
  if (!call.id.empty()) dict.set(key("id"), outside(call.id));
  dict.set(key("type"), key("function"));
  dict.set(key("function"), Value::dict(std::move(function)));
  return Value::dict(std::move(dict));
}

Value message_value(const Message& message, const Shape& shape) {
  Dict dict;
  dict.set(key("role"), role_value(message.role));
  const bool null = shape.null_content && message.content.empty() && !message.tool_calls.empty();
  dict.set(key("content"), null ? Value(None{}) : outside(message.content));
  if (!message.reasoning.empty()) dict.set(key("reasoning_content"), outside(message.reasoning));
  if (!message.tool_calls.empty()) {
    std::vector<Value> calls;
    for (const ToolCall& call : message.tool_calls) calls.push_back(call_value(call, shape));
    dict.set(key("tool_calls"), Value::list(std::move(calls)));
  }
  if (!message.tool_call_id.empty()) dict.set(key("tool_call_id"), outside(message.tool_call_id));
  return Value::dict(std::move(dict));
}

using Tokens = std::vector<std::pair<std::string, std::string>>;  // "bos_token" -> "<s>"

Result<Text> render_with(const Template& tmpl, const Shape& shape, const Tokens& tokens,
                         const std::vector<Message>& messages, const PromptOptions& options) {
  Template::Variables variables;
  try {
    // First the caller's own, so that none of them replaces one of ours.
    if (options.variables.is_object()) {
      for (const auto& [name, value] : options.variables.items()) {
        variables.emplace_back(name, jinja::from_json(value, false));
      }
    }
    std::vector<Value> list;
    for (const Message& message : messages) list.push_back(message_value(message, shape));
    variables.emplace_back("messages", Value::list(std::move(list)));
    const bool tools = options.tools.is_array() && !options.tools.empty();
    variables.emplace_back("tools", tools ? jinja::from_json(options.tools, false) : Value(None{}));
  } catch (const jinja::TemplateError& e) {
    return error("messages or tools: {}; send fewer or flatter ones", e.what());
  }
  variables.emplace_back("documents", None{});
  variables.emplace_back("add_generation_prompt", options.add_generation_prompt);
  variables.emplace_back("enable_thinking", options.thinking);
  variables.emplace_back("thinking", options.thinking);
  for (const auto& [name, token] : tokens) variables.emplace_back(name, Value(Text(token, true)));
  return tmpl.render(variables);
}

// Renders one call in each shape and takes the first in which the call is there, as JSON, and nothing is
// "None".
Shape find_shape(const Template& tmpl, const Tokens& tokens) {
  Message user{.role = "user", .content = "question", .reasoning = "", .tool_calls = {}, .tool_call_id = ""};
  Message call = user;
  call.role = "assistant";
  call.content = "";
  call.tool_calls.push_back({"call00001", "probe_name", {{"probe_key", "probe_value"}}});
  Message result = user;
  result.role = "tool";
  result.content = "result";
  result.tool_call_id = "call00001";
  PromptOptions options;
  options.tools = Json::array({{{"type", "function"},
                                {"function",
                                 {{"name", "offered"},
                                  {"description", "-"},
                                  {"parameters", {{"type", "object"}, {"properties", Json::object()}}}}}}});
  for (Shape shape : {Shape{false, false}, Shape{true, false}, Shape{false, true}, Shape{true, true}}) {
    auto text = render_with(tmpl, shape, tokens, {user, call, result}, options);
    if (!text.ok()) continue;
    const std::string& s = text->bytes();
    auto has = [&](const char* part) { return s.find(part) != std::string::npos; };
    if (has("probe_name") && has("probe_value") && !has("'probe_key'") && !has("\\\"probe_key") &&
        !has("None")) {
      return shape;
    }
  }
  return {};
}

// A token in tokenizer_config.json is a string or an object with "content".
void read_token(const nlohmann::json& config, const char* name, Tokens& tokens) {
  auto it = config.find(name);
  if (it == config.end()) return;
  if (it->is_object() && it->contains("content")) it = it->find("content");
  if (it->is_string()) tokens.emplace_back(name, it->get<std::string>());
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

}  // namespace

struct ChatTemplate::Impl {
  std::string source;
  std::unique_ptr<Template> plain;
  std::unique_ptr<Template> with_tools;  // null: `plain` serves both
  Shape shape;
  Tokens tokens;

  const Template& for_options(const PromptOptions& options) const {
    return with_tools && options.tools.is_array() && !options.tools.empty() ? *with_tools : *plain;
  }
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  impl_->shape = find_shape(impl_->with_tools ? *impl_->with_tools : *impl_->plain, impl_->tokens);
}
ChatTemplate::~ChatTemplate() = default;

const std::string& ChatTemplate::source() const {
  return impl_->source;
}
const std::string& ChatTemplate::text() const {
  return impl_->plain->source();
}

std::unique_ptr<ChatTemplate> ChatTemplate::built_in() {
  auto tmpl = parse(kBuiltInTemplate, "built-in");
  // It is a constant, and a test parses it.
  return tmpl.ok() ? std::move(*tmpl) : nullptr;
}

Result<std::unique_ptr<ChatTemplate>> ChatTemplate::parse(std::string_view jinja, const std::string& what,
                                                          const std::string& bos_token,
                                                          const std::string& eos_token) {
  auto impl = std::make_unique<Impl>();
  impl->source = what;
  JAJU_ASSIGN(impl->plain, Template::parse(jinja, what));
  if (!bos_token.empty()) impl->tokens.emplace_back("bos_token", bos_token);
  if (!eos_token.empty()) impl->tokens.emplace_back("eos_token", eos_token);
  return std::unique_ptr<ChatTemplate>(new ChatTemplate(std::move(impl)));
}

Result<std::unique_ptr<ChatTemplate>> ChatTemplate::load(const std::filesystem::path& model_dir) {
  auto impl = std::make_unique<Impl>();
  const std::filesystem::path config_path = model_dir / "tokenizer_config.json";
  nlohmann::json config;
  if (is_there(config_path)) {
    JAJU_ASSIGN(config, read_json(config_path, kMaxConfigBytes));
    if (!config.is_object()) return error("{}: the file is not a JSON object", config_path.string());
    for (const char* name : {"bos_token", "eos_token", "pad_token", "unk_token"}) {
      read_token(config, name, impl->tokens);
    }
  }
  const std::filesystem::path file = model_dir / "chat_template.jinja";
  if (is_there(file)) {
    impl->source = file.string();
    JAJU_ASSIGN(std::string text, read_file(file, static_cast<int64_t>(jinja::kMaxTemplateBytes)));
    JAJU_ASSIGN(impl->plain, Template::parse(text, impl->source));
    return std::unique_ptr<ChatTemplate>(new ChatTemplate(std::move(impl)));
  }
  impl->source = config_path.string();
  auto field = config.is_object() ? config.find("chat_template") : config.end();
  if (config.is_object() && field != config.end() && field->is_string()) {
    JAJU_ASSIGN(impl->plain, Template::parse(field->get_ref<const std::string&>(), impl->source));
  } else if (config.is_object() && field != config.end() && field->is_array()) {
    for (const auto& entry : *field) {
      if (!entry.is_object() || !entry.contains("name") || !entry["name"].is_string() ||
          !entry.contains("template") || !entry["template"].is_string()) {
        return error("{}: an entry of 'chat_template' lacks the strings 'name' and 'template'", impl->source);
      }
      const std::string& name = entry["name"].get_ref<const std::string&>();
      if (name != "default" && name != "tool_use") continue;
      JAJU_ASSIGN(auto tmpl, Template::parse(entry["template"].get_ref<const std::string&>(),
                                             impl->source + " (" + name + ")"));
      (name == "default" ? impl->plain : impl->with_tools) = std::move(tmpl);
    }
    if (!impl->plain) return error("{}: 'chat_template' has no template named 'default'", impl->source);
  } else if (config.is_object() && field != config.end() && !field->is_null()) {
    return error("{}: 'chat_template' is neither a string nor a list", impl->source);
  } else {
    impl->source = "built-in";
    JAJU_ASSIGN(impl->plain, Template::parse(kBuiltInTemplate, impl->source));
  }
  return std::unique_ptr<ChatTemplate>(new ChatTemplate(std::move(impl)));
}

Result<std::vector<PromptPiece>> ChatTemplate::render(const std::vector<Message>& messages,
                                                      const PromptOptions& options) const {
  JAJU_ASSIGN(Text text,
              render_with(impl_->for_options(options), impl_->shape, impl_->tokens, messages, options));
  std::vector<PromptPiece> pieces;
  text.for_runs([&](std::string_view run, bool trusted) { pieces.push_back({std::string(run), trusted}); });
  return pieces;
}

}  // namespace jaju
