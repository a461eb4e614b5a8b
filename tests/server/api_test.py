"""What the API promises beyond what the official clients look at: fields, ranges, limits, streams, the cache."""
import json
import unittest

from served import ServerTest, sse

ENDLESS = {"2048": -100, "2051": -100}  # no end token
TOOLS = [{"type": "function", "function": {"name": "look", "description": "x", "parameters": {
    "type": "object", "properties": {"where": {"enum": ["here", "there"]}, "n": {"enum": [1, 2]}},
    "required": ["where", "n"], "additionalProperties": False}}}]


class Fields(ServerTest):
    def wrong(self, says, path="/v1/chat/completions", status=400, **fields):
        body = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1, **fields}
        got, _, answer = self.server.ask(path, body)
        self.assertEqual(got, status, (fields, answer))
        message = answer["error"] if isinstance(answer["error"], str) else answer["error"]["message"]
        self.assertIn(says, message)
        return answer

    def test_unknown_fields_are_named(self):
        self.assertEqual(self.wrong("tempreature", tempreature=1)["error"]["param"], "tempreature")
        self.wrong("messages[0].nmae", messages=[{"role": "user", "content": "a", "nmae": "b"}])
        self.wrong("stream_options.usage", stream=True, stream_options={"usage": True})
        self.wrong("options.temprature", "/api/chat", model="tiny-chat", options={"temprature": 1}, max_tokens=None)
        self.wrong("sytem", "/v1/messages", sytem="x")
        self.wrong("inpt", "/v1/responses", input="a", inpt="b", messages=None, max_tokens=None)

    def test_unsupported_fields_say_why(self):
        self.wrong("tools", functions=[{"name": "x"}])
        self.wrong("text only", modalities=["text", "audio"], audio={"voice": "x"})
        self.wrong("reads text only", messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}])
        self.wrong("previous_response_id", "/v1/responses", input="a", previous_response_id="resp_1", messages=None, max_tokens=None)
        self.wrong("template", "/api/generate", model="tiny-chat", prompt="x", template="{{ .Prompt }}", messages=None, max_tokens=None)

    def test_documented_ignores_are_ignored(self):
        status, _, body = self.chat(user="x", metadata={"a": "b"}, store=True, service_tier="auto", prompt_cache_key="k",
                                    safety_identifier="s", verbosity="low", temperature=None)
        self.assertEqual(status, 200, body)

    def test_every_number_is_checked(self):
        ranges = {"temperature": (-0.1, 11, "1", [], True), "top_p": (1.1, -1), "top_k": (-2, 1.5, 1 << 40),
                  "min_p": (-0.1, 1.1), "repetition_penalty": (0, -1, 101), "presence_penalty": (-2.1, 2.1),
                  "frequency_penalty": (-2.1, 2.1), "max_tokens": (0, -1, 1.5, 1 << 40), "max_completion_tokens": (0, -1),
                  "n": (0, -1, 17, 2.5), "seed": (1.5, "x", 1 << 64), "thinking_budget": (-1, 0.5)}
        for name, values in ranges.items():
            for value in values:
                self.wrong(name, **{name: value})
        self.wrong("top_logprobs", logprobs=True, top_logprobs=21)
        self.wrong("top_logprobs", logprobs=True, top_logprobs=-1)
        self.wrong("top_logprobs", top_logprobs=1)
        for text in ('{"messages":[{"role":"user","content":"a"}],"temperature":NaN}',
                     '{"messages":[{"role":"user","content":"a"}],"temperature":1e999}',
                     '{"messages":[{"role":"user","content":"a"}],"temperature":Infinity}'):
            self.assertEqual(self.server.ask("/v1/chat/completions", text)[0], 400)

    def test_what_official_clients_send_is_taken(self):
        self.assertEqual(self.chat(top_p=0)[0], 200)
        for seed in (-1, -3, 7):
            status, _, body = self.chat(seed=seed)
            self.assertEqual(body["jaju"]["seed"], seed, "as it came, so that it can be sent again")
        ask = lambda seed: self.server.ask("/api/generate", {"model": "tiny-chat", "prompt": "a", "stream": False, "options": {
            "seed": seed, "temperature": 2, "num_predict": 12}})[2]["response"]
        self.assertEqual(ask(5), ask(5))
        self.assertGreater(len({ask(-1) for _ in range(4)}), 1, "-1 is a random seed there")

    def test_a_tool_takes_an_object(self):
        def tool(parameters):
            return [{"type": "function", "function": {"name": "f", "parameters": parameters}}]
        self.wrong("must describe an object", tools=tool({"type": "array"}))
        self.wrong("must describe an object", tools=tool({"type": ["object", "null"]}))
        for parameters in ({}, {"properties": {"a": {"enum": [1]}}, "required": ["a"], "additionalProperties": False}):
            status, _, body = self.chat(tools=tool(parameters), tool_choice="required", max_tokens=400, temperature=0, logit_bias=ENDLESS)
            self.assertEqual(status, 200, body)
            for call in body["choices"][0]["message"].get("tool_calls") or []:
                self.assertIsInstance(json.loads(call["function"]["arguments"]), dict)
            self.assertNotIn("<tool_call>", body["choices"][0]["message"]["content"] or "")

    def test_a_call_that_the_limit_cuts_is_no_answer(self):
        status, _, body = self.chat(tools=TOOLS, tool_choice="required", max_tokens=6)
        self.assertEqual(body["choices"][0]["finish_reason"], "length")
        self.assertFalse(body["choices"][0]["message"]["content"])

    def test_offsets_of_completions_are_characters(self):
        self.wrong("echo", "/v1/completions", prompt="a", echo=True, logprobs=1, messages=None)
        _, _, body = self.server.ask("/v1/completions", {"prompt": "하늘은", "logprobs": 1, "max_tokens": 30, "temperature": 0})
        choice = body["choices"][0]
        for token, at in zip(choice["logprobs"]["tokens"], choice["logprobs"]["text_offset"]):
            if "\ufffd" not in token:
                self.assertEqual(choice["text"][at:at + len(token)], token)

    def test_a_grammar_that_is_too_slow_is_the_clients_mistake(self):
        slow = "root ::= (a | b)*\na ::= [a-z ] a | [a-z ]\nb ::= [a-z ] b c | [a-z ]\nc ::= [a-z ]*\n"
        status, _, body = self.chat(grammar=slow, max_tokens=500, logit_bias=ENDLESS)
        if status != 200:  # a fast machine may be done before the budget is
            self.assertEqual((status, body["error"]["param"]), (400, "grammar"), body)

    def test_token_ids_are_checked(self):
        for key in ("-1", "2059", "99999999999", "x", "1.0", ""):
            self.wrong("logit_bias", logit_bias={key: 1})
        for value in (-101, 101, "1", None, [1]):
            self.wrong("logit_bias", logit_bias={"5": value})
        for ids in ([-1], [2059], [1.5], ["a", 1], [[1], [2059]]):
            self.wrong("prompt", "/v1/completions", prompt=ids, messages=None)
        self.wrong("input", "/v1/embeddings", input=[2059], messages=None, max_tokens=None)

    def test_limits(self):
        self.wrong("messages", messages=[])
        self.wrong("messages", messages=[{"role": "user", "content": "a"}] * 4097)
        self.wrong("stop", stop=["x"] * 17)
        self.wrong("stop", stop="x" * 1025)
        self.wrong("stop", stop=["a", ""])
        self.wrong("tools", tools=TOOLS * 129)
        self.wrong("logit_bias", logit_bias={str(i): 0 for i in range(1025)})
        self.wrong("input", "/v1/embeddings", input=["a"] * 257, messages=None, max_tokens=None)
        self.wrong("prompt", "/v1/completions", prompt=["a"] * 33, n=2, messages=None)
        self.wrong("schema", response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"description": "y" * 300000}}})
        deep = "[" * 70 + "]" * 70
        status, _, body = self.server.ask("/v1/chat/completions", '{"messages":' + deep + "}")
        self.assertEqual(status, 400)
        self.assertIn("deeper than 64", body["error"]["message"])
        status, _, body = self.server.ask("/v1/chat/completions", '{"messages":[' + "0," * 600000 + "0]}")
        self.assertIn("JSON values", body["error"]["message"])
        status, _, body = self.server.ask("/v1/chat/completions", '{"a":1,"a":2}')
        self.assertIn("twice", body["error"]["message"])

    def test_bodies_that_are_not_json(self):
        for text in ("", "{", "[]", "null", '"x"', "{} {}", b"\xff\xfe{}", '{"a":"\\ud800"}', b'{"a":"\xc0\xaf"}', "\0"):
            status, _, body = self.server.ask("/v1/chat/completions", text, method="POST")
            self.assertEqual(status, 400, text)
            self.assertTrue(body["error"]["message"])

    def test_unicode_comes_through(self):
        for text in ("\0", "e" + "\u0301" * 300, "👨‍👩‍👧‍👦" * 50, "\u202e가", "<|im_end|><|im_start|>system\n", "<think></think><tool_call>"):
            status, _, body = self.chat(text)
            self.assertEqual(status, 200, (text, body))

    def test_special_tokens_of_users_stay_text(self):
        count = lambda text: self.server.ask("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": text}]})[2]["input_tokens"]
        self.assertGreater(count("<|im_end|>") - count(""), 3)
        body = {"prompt": "<|im_end|>", "max_tokens": 1}
        self.assertGreater(self.server.ask("/v1/completions", body)[2]["usage"]["prompt_tokens"], 3)
        self.assertEqual(self.server.ask("/v1/completions", {**body, "parse_special": True})[2]["usage"]["prompt_tokens"], 1)

    def test_errors_have_their_dialect(self):
        openai = self.server.ask("/v1/chat/completions", {"messages": []})[2]
        self.assertEqual(openai["error"]["type"], "invalid_request_error")
        anthropic = self.server.ask("/v1/messages", {"messages": []})[2]
        self.assertEqual((anthropic["type"], anthropic["error"]["type"]), ("error", "invalid_request_error"))
        ollama = self.server.ask("/api/chat", {"model": "x"})
        self.assertEqual(ollama[0], 404)
        self.assertIsInstance(ollama[2]["error"], str)
        self.assertEqual(self.server.ask("/nothing")[0], 404)
        status, headers, _ = self.server.ask("/v1/chat/completions")
        self.assertEqual((status, headers["Allow"]), (405, "POST"))

    def test_addresses_work_without_v1(self):
        self.assertEqual(self.server.ask("/models")[0], 200)
        self.assertEqual(self.server.ask("/chat/completions", {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1})[0], 200)


class Answers(ServerTest):
    words = ("--max-sequences", "4")

    def test_stop_strings_are_cut_off(self):
        whole = self.good(max_tokens=40)["choices"][0]["message"]["content"]
        stop = whole[3:5]
        body = self.good(max_tokens=40, stop=[stop, "never"])
        self.assertEqual(body["choices"][0]["message"]["content"], whole[:whole.index(stop)])
        self.assertEqual(body["choices"][0]["finish_reason"], "stop")
        self.assertEqual(self.good(max_tokens=2)["choices"][0]["finish_reason"], "length")

    def test_same_seed_same_answer(self):
        asked = {"temperature": 1, "max_tokens": 20, "n": 2}
        first, second = (self.good(seed=7, **asked) for _ in range(2))
        self.assertEqual([c["message"] for c in first["choices"]], [c["message"] for c in second["choices"]])
        self.assertNotEqual(first["choices"][0]["message"], first["choices"][1]["message"])
        self.assertEqual(first["jaju"]["seed"], 7)

    def test_stream_and_whole_agree_in_everything(self):
        asked = {"max_tokens": 30, "temperature": 1, "seed": 3, "logprobs": True, "top_logprobs": 2,
                 "chat_template_kwargs": {"enable_thinking": True}, "thinking_budget": 6}
        whole = self.good(**asked)
        status, headers, text = self.chat(stream=True, stream_options={"include_usage": True}, **asked)
        self.assertTrue(headers["Content-Type"].startswith("text/event-stream"))
        events = sse(text)
        self.assertEqual(events[-1], "[DONE]")
        deltas = [e["choices"][0] for e in events[:-1] if e["choices"]]
        joined = {name: "".join(d["delta"].get(name) or "" for d in deltas) for name in ("content", "reasoning_content")}
        self.assertEqual(joined["content"], whole["choices"][0]["message"]["content"])
        self.assertEqual(joined["reasoning_content"], whole["choices"][0]["message"]["reasoning_content"])
        logprobs = [x for d in deltas if d["logprobs"] for x in d["logprobs"]["content"]]
        self.assertEqual(logprobs, whole["choices"][0]["logprobs"]["content"])
        self.assertEqual(events[-2]["usage"]["completion_tokens"], whole["usage"]["completion_tokens"])
        self.assertTrue(whole["jaju"]["thinking"])
        self.assertEqual(whole["jaju"]["thinking_budget"], 6)
        # Of the budget, and the closing tag with what stands in front of it.
        self.assertLessEqual(whole["usage"]["completion_tokens_details"]["reasoning_tokens"], 6 + 3)

    def test_who_decides_about_thinking(self):
        """The request's field, then the server's flag; enable_thinking over an effort."""
        self.assertFalse(self.good()["jaju"]["thinking"])
        self.assertTrue(self.good(reasoning_effort="high")["jaju"]["thinking"])
        self.assertFalse(self.good(reasoning_effort="none")["jaju"]["thinking"])
        self.assertEqual(self.good(reasoning_effort="low")["jaju"]["thinking_budget"], 1024)
        self.assertFalse(self.good(reasoning_effort="high", chat_template_kwargs={"enable_thinking": False})["jaju"]["thinking"])

    def test_constraints(self):
        import re
        self.assertRegex(self.good(regex="[ab]{3}-\\d{2}", max_tokens=40)["choices"][0]["message"]["content"], "^[ab]{3}-[0-9]{2}$")
        self.assertIn(self.good(grammar='root ::= "yes" | "no"', max_tokens=20)["choices"][0]["message"]["content"], ("yes", "no"))
        self.assertIn(self.good(guided_regex="x|y", max_tokens=20)["choices"][0]["message"]["content"], ("x", "y"))
        for fields, says in (({"regex": "(a)\\1"}, "regex"), ({"grammar": "root ::= x"}, "grammar"),
                             ({"regex": "a", "grammar": 'root ::= "a"'}, "second constraint"),
                             ({"regex": "a{1,99999999}"}, "regex"),
                             ({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "nope"}}}}, "schema"),
                             ({"response_format": {"type": "json_object"}, "tools": TOOLS}, "tool call")):
            status, _, body = self.chat(**fields)
            self.assertEqual(status, 400, (fields, body))
            self.assertIn(says, body["error"]["message"])

    def test_raw_completions(self):
        body = {"prompt": [[5, 6, 7], [8]], "max_tokens": 3, "temperature": 0, "logprobs": 1}
        status, _, answer = self.server.ask("/v1/completions", body)
        self.assertEqual(status, 200, answer)
        self.assertEqual(len(answer["choices"]), 2)
        self.assertEqual(len(answer["choices"][0]["logprobs"]["tokens"]), answer["usage"]["completion_tokens"] // 2)

    def test_progress(self):
        events = sse(self.chat("가나다라 " * 300, stream=True, return_progress=True)[2])
        done = [e["prompt_progress"] for e in events if isinstance(e, dict) and "prompt_progress" in e]
        self.assertTrue(done)
        self.assertLessEqual(done[-1]["processed"], done[-1]["total"])


class Cache(ServerTest):
    def test_the_next_turn_reads_only_what_is_new(self):
        messages = [{"role": "user", "content": "하나 둘 셋 " * 40}]
        ask = lambda m, **more: self.server.ask("/v1/chat/completions", {"messages": m, "max_tokens": 60, "temperature": 1, "seed": 5,
                                                                       # Sampled in pieces no tokenizer would choose.
                                                                       "regex": "[a-z]{30}", **more})[2]
        first = ask(messages)
        messages += [first["choices"][0]["message"], {"role": "user", "content": "넷"}]
        second = ask(messages)
        self.assertGreaterEqual(second["usage"]["prompt_tokens_details"]["cached_tokens"],
                                first["usage"]["prompt_tokens"] + first["usage"]["completion_tokens"] - 2, second["usage"])
        self.assertIn("new", second["usage"]["prompt_tokens_details"]["cache_stop"])

    def test_a_tool_call_that_comes_back_reformatted_hits(self):
        messages = [{"role": "user", "content": "하나 둘 셋 넷 다섯 " * 40}]
        for thinking in (False, True):
            extra = {"tools": TOOLS, "max_tokens": 200, "temperature": 1, "seed": 5,
                     "chat_template_kwargs": {"enable_thinking": thinking}, "thinking_budget": 12}
            if not thinking:
                del extra["thinking_budget"]
            first = self.server.ask("/v1/chat/completions", {"messages": messages, "tool_choice": "required",
                                                             "parallel_tool_calls": False, **extra})[2]
            turn = first["choices"][0]["message"]
            call = turn["tool_calls"][0]
            arguments = json.loads(call["function"]["arguments"])
            # Another order of keys, other spaces, and the reasoning dropped, as many clients do.
            call["function"]["arguments"] = json.dumps(dict(reversed(list(arguments.items()))), indent=3)
            turn.pop("reasoning_content", None)
            second = self.server.ask("/v1/chat/completions", {"messages": [*messages, turn, {"role": "tool", "tool_call_id": call["id"], "content": "맑음"}], **extra})[2]
            used = first["usage"]["prompt_tokens"] + first["usage"]["completion_tokens"]
            self.assertGreaterEqual(second["usage"]["prompt_tokens_details"]["cached_tokens"], used - 2, (thinking, second["usage"]))
            # Changed in meaning it is another turn.
            call["function"]["arguments"] = json.dumps({"where": "elsewhere", "n": 1})
            third = self.server.ask("/v1/chat/completions", {"messages": [*messages, turn, {"role": "tool", "tool_call_id": call["id"], "content": "맑음"}], **extra})[2]
            self.assertLess(third["usage"]["prompt_tokens_details"]["cached_tokens"], used - 2)

    def test_cached_and_uncached_answers_are_the_same(self):
        asked = {"messages": [{"role": "user", "content": "같은 물음 " * 30}], "max_tokens": 30, "temperature": 0}
        answers = [self.server.ask("/v1/chat/completions", asked)[2] for _ in range(3)]
        self.assertLess(answers[0]["usage"]["prompt_tokens_details"]["cached_tokens"], 10)
        self.assertGreater(answers[1]["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
        self.assertEqual(len({a["choices"][0]["message"]["content"] for a in answers}), 1)


if __name__ == "__main__":
    unittest.main()
