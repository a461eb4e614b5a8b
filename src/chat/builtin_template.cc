#include "chat/builtin_template.h"

namespace jaju {

const std::string_view kBuiltInTemplate =
    R"jinja({#- A.X K1: ChatML with one thinking tag and hermes tool calls. -#}
{%- set ns = namespace(last_user=-1) -%}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}{%- set ns.last_user = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- set leading_system = messages and messages[0].role in ('system', 'developer') -%}
{%- if tools -%}
  {{- '<|im_start|>system\n' -}}
  {%- if leading_system and messages[0].content -%}{{- messages[0].content ~ '\n\n' -}}{%- endif -%}
  {{- '# Tools\n\nYou can call functions to answer the user. They are listed inside <tools></tools>, one JSON object per line:\n<tools>\n' -}}
  {%- for tool in tools -%}{{- tool | tojson ~ '\n' -}}{%- endfor -%}
  {{- '</tools>\n\nTo call a function, write one JSON object with its name and arguments inside <tool_call></tool_call>; repeat this for each call:\n' -}}
  {{- '<tool_call>\n{"name": "function name", "arguments": {"argument": "value"}}\n</tool_call><|im_end|>\n' -}}
{%- endif -%}
{%- for message in messages -%}
  {%- set content = message.content or '' -%}
  {%- if message.role in ('system', 'developer') -%}
    {%- if not (tools and loop.first) -%}{{- '<|im_start|>system\n' ~ content ~ '<|im_end|>\n' -}}{%- endif -%}
  {%- elif message.role == 'user' -%}
    {{- '<|im_start|>user\n' ~ content ~ '<|im_end|>\n' -}}
  {%- elif message.role == 'assistant' -%}
    {{- '<|im_start|>assistant\n' -}}
    {%- if message.reasoning_content and loop.index0 > ns.last_user -%}
      {{- '<think>' ~ message.reasoning_content -}}
    {%- endif -%}
    {{- '</think>' ~ content -}}
    {%- for call in message.tool_calls or [] -%}
      {%- if content or not loop.first -%}{{- '\n' -}}{%- endif -%}
      {{- '<tool_call>\n{"name": ' ~ call.function.name | tojson ~ ', "arguments": ' ~ call.function.arguments | tojson ~ '}\n</tool_call>' -}}
    {%- endfor -%}
    {{- '<|im_end|>\n' -}}
  {%- elif message.role == 'tool' -%}
    {%- if loop.first or loop.previtem.role != 'tool' -%}{{- '<|im_start|>user' -}}{%- endif -%}
    {{- '\n<tool_response>\n' ~ content ~ '\n</tool_response>' -}}
    {%- if loop.last or loop.nextitem.role != 'tool' -%}{{- '<|im_end|>\n' -}}{%- endif -%}
  {%- else -%}
    {{- raise_exception("the role '" ~ message.role ~ "' is not system, developer, user, assistant or tool") -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\n' ~ ('<think>' if enable_thinking else '</think>') -}}
{%- endif -%}
)jinja";

}  // namespace jaju
