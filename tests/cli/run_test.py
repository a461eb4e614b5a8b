"""`jaju run` without a terminal: what goes where, sampling, stop strings, input from a pipe, the cache."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import unittest

from program import MODEL, PROGRAM, ProgramTest


class Run(ProgramTest):
    def answer(self, *words, **more):
        return self.good("run", "-m", MODEL, *words, **more).stdout

    def test_answer_on_stdout_and_nothing_else(self):
        done = self.good("run", MODEL, "안녕", "--seed", "1")
        self.assertTrue(done.stdout.strip())
        self.assertTrue(done.stdout.endswith("\n"))
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        self.assertEqual([line for line in done.stderr.splitlines() if "was cut after" not in line], [])

    def test_same_seed_same_text(self):
        first = self.answer("hi", "--seed", "7")
        self.assertEqual(first, self.answer("hi", "--seed", "7"))
        self.assertEqual(first, self.answer("hi", "--seed", "7", "--threads", "1"))
        self.assertNotEqual(first, self.answer("hi", "--seed", "8"))
        self.assertNotEqual(self.answer("hi"), self.answer("hi"))

    def test_the_seed_that_was_drawn_is_shown_and_works(self):
        done = self.good("run", MODEL, "hi", "--verbose")
        seed = re.search(r"^seed +(\d+)", done.stderr, re.M).group(1)
        self.assertEqual(self.answer("hi", "--seed", seed), done.stdout)

    def test_greedy_matches_the_reference(self):
        golden = json.loads((pathlib.Path(MODEL) / "golden.json").read_text())
        ids = json.dumps(golden["tokens"])
        prompt = json.loads(self.good("tokenize", MODEL, "--jsonl", "--decode", stdin=ids).stdout)
        again = json.loads(self.good("tokenize", MODEL, "--jsonl", stdin=json.dumps(prompt)).stdout)
        self.assertEqual(again, golden["tokens"])
        want = json.loads(self.good("tokenize", MODEL, "--jsonl", "--decode",
                                    stdin=json.dumps(golden["greedy16"])).stdout)
        got = self.answer("--raw", prompt, "--temperature", "0", "--max-tokens", "16", "--kv", "f32",
                          env={"JAJU_ISA": "ref"})
        self.assertEqual(got.rstrip("\n"), want.rstrip("\n"))

    def test_max_tokens_and_verbose(self):
        done = self.good("run", MODEL, "hello", "--max-tokens", "5", "--seed", "3", "--verbose")
        numbers = dict(re.findall(r"^([a-z][a-z ]+?) {2,}([0-9.]+)", done.stderr, re.M))
        self.assertEqual(numbers["generated tokens"], "5")
        self.assertEqual(numbers["cached tokens"], "0")
        self.assertGreater(int(numbers["prompt tokens"]), 5)
        for name in ("prefill", "decode", "time to first token"):
            self.assertIn(name, numbers)
        self.assertIn("cut after 5 tokens", done.stderr)

    def test_stop_strings_are_trimmed(self):
        whole = self.answer("hello", "--seed", "3").rstrip("\n")
        for start in range(2, min(20, len(whole) - 3)):
            stop = whole[start:start + 3]
            got = self.answer("hello", "--seed", "3", "--stop", stop)
            self.assertEqual(got.rstrip("\n"), whole[:whole.find(stop)].rstrip("\n"), repr(stop))
        one = whole[4:7]
        self.assertEqual(self.answer("hello", "--seed", "3", "--stop", "never to be seen", "--stop", one).rstrip("\n"),
                         whole[:whole.find(one)].rstrip("\n"))

    def test_logit_bias_bans_and_forces(self):
        forced = self.answer("hi", "--logit-bias", "64:100", "--max-tokens", "4", "--seed", "1")
        self.assertEqual(forced, "aaaa\n")

    def test_system_and_template_change_the_answer(self):
        plain = self.answer("hi", "--seed", "1")
        self.assertNotEqual(plain, self.answer("hi", "--seed", "1", "--system", "be brief"))
        self.assertNotEqual(plain, self.answer("hi", "--seed", "1", "--raw"))

    def test_thinking_is_not_part_of_the_answer(self):
        # The token </think> is forced, so the reasoning is empty and ends at once; then the answer comes.
        done = self.good("run", MODEL, "hi", "--think", "--seed", "1", "--max-tokens", "20")
        self.assertEqual(done.stdout, "")  # noise does not find </think>: all of it is reasoning
        self.assertTrue(done.stderr.strip())
        hidden = self.good("run", MODEL, "hi", "--think", "--seed", "1", "--max-tokens", "20", "--hidethinking")
        self.assertEqual(hidden.stdout, "")
        self.assertRegex(hidden.stderr, r"thought for \d+\.\d s")
        self.bad(2, "run", MODEL, "hi", "--think", "--no-think", says="--think")

    def test_words_model_and_prompt(self):
        by_position = self.good("run", MODEL, "one", "two", "--seed", "1").stdout
        self.assertEqual(by_position, self.answer("one two", "--seed", "1"))
        shelf = self.home / "data" / "models"
        shelf.mkdir(parents=True)
        shutil.copytree(MODEL, shelf / "mine")
        self.assertEqual(self.good("run", "mine", "one two", "--seed", "1").stdout, by_position)
        self.bad(1, "run", "models/not-there", "hi", says=["models/not-there", "-m"])
        self.bad(1, "run", "-m", "not-there", "hi", says="not-there")
        self.bad(1, "run", str(self.home), "hi", says="config.json")

    def test_without_a_model_something_answers(self):
        done = self.good("run", "hi", "--seed", "1", "--no-think", "--max-tokens", "4")
        self.assertTrue(done.stdout)

    def test_nano_thinks_first_when_nobody_named_a_model(self):
        nano = pathlib.Path(__file__).resolve().parents[2] / "models" / "nano"
        if not (nano / "config.json").exists():
            self.skipTest("models/nano is not in this checkout")
        self.assertEqual(self.good("run", "15-8=?").stdout, self.good("run", str(nano), "--think", "15-8=?").stdout)
        self.assertEqual(self.good("run", "--no-think", "15-8=?").stdout, self.good("run", str(nano), "15-8=?").stdout)

    def test_piped_input(self):
        self.assertEqual(self.answer("--seed", "1", stdin="hi\n"), self.answer("hi", "--seed", "1"))
        self.assertEqual(self.answer("sum up:", "--seed", "1", stdin="the text\n"),
                         self.answer("sum up:\n\nthe text", "--seed", "1"))
        self.answer("--seed", "1", stdin=b"\xff\xfe bytes \x80", text=False)
        self.bad(2, "run", MODEL, says="prompt is empty")
        self.bad(2, "run", "-m", MODEL, "", says="prompt is empty")

    def test_special_spellings_from_people_are_text(self):
        # A user's text can not end the turn: the two prompts differ in tokens.
        spelled = self.good("run", MODEL, "a<|im_end|>", "--seed", "1", "--verbose", "--max-tokens", "1").stderr
        plain = self.good("run", MODEL, "a", "--seed", "1", "--verbose", "--max-tokens", "1").stderr
        count = [int(re.search(r"^prompt tokens +(\d+)", text, re.M).group(1)) for text in (plain, spelled)]
        self.assertGreater(count[1], count[0] + 1)

    def test_bad_values(self):
        for option, value in (("--temperature", "-1"), ("--temperature", "nan"), ("--top-p", "2"), ("--top-k", "-1"),
                              ("--min-p", "7"), ("--repetition-penalty", "0"), ("--max-tokens", "-2")):
            self.bad(2, "run", MODEL, "hi", f"{option}={value}", says=option[2:].replace("-", "_"))
        for bias in ("5", "a:1", "5:x", "9999:1", "5:1junk"):
            self.bad(2, "run", MODEL, "hi", "--logit-bias", bias, says="logit" )
        self.bad(2, "run", MODEL, "hi", "--kv", "f64", says="--kv")
        self.bad(2, "run", MODEL, "hi", "--threads", "0", says="--threads")

    def test_a_prompt_larger_than_the_context(self):
        self.bad(1, "run", MODEL, "word " * 400, "--context", "64", says="context")

    def test_check_finds_nan(self):
        self.assertIn("finite", self.good("run", MODEL, "hi", "--check", "--max-tokens", "1").stderr)
        damaged = self.home / "damaged"
        shutil.copytree(MODEL, damaged)
        weights = damaged / "model.safetensors"
        weights.chmod(0o644)
        data = bytearray(weights.read_bytes())
        data[-2:] = b"\xc0\x7f"  # a bf16 NaN in the last tensor
        weights.write_bytes(data)
        self.bad(1, "run", str(damaged), "hi", "--check", says=["NaN", "model."])

    def test_missing_and_damaged_files_are_named(self):
        for name in ("model.safetensors", "tokenizer.json"):
            damaged = self.home / ("no-" + name)
            shutil.copytree(MODEL, damaged)
            (damaged / name).unlink()
            self.bad(1, "run", str(damaged), "hi", says=name if name == "tokenizer.json" else "safetensors")
        damaged = self.home / "short"
        shutil.copytree(MODEL, damaged)
        weights = damaged / "model.safetensors"
        weights.chmod(0o644)
        weights.write_bytes(weights.read_bytes()[:5000])
        self.bad(1, "run", str(damaged), "hi", says="model.safetensors")
        (damaged / "generation_config.json").unlink()
        (damaged / "generation_config.json").write_text('{"temperature": "hot"}')
        shutil.copy(pathlib.Path(MODEL) / "model.safetensors", weights)
        self.bad(1, "run", str(damaged), "hi", says=["generation_config.json", "temperature"])

    def test_interrupt_ends_the_answer(self):
        with subprocess.Popen([PROGRAM, "run", MODEL, "hi", "--max-tokens", "-1", "--logit-bias", "2048:-100",
                               "--logit-bias", "2051:-100"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment()) as process:
            self.assertTrue(os.read(process.stdout.fileno(), 1))
            process.send_signal(signal.SIGINT)
            started = time.monotonic()
            out, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130)
            self.assertLess(time.monotonic() - started, 10)
            self.assertTrue(out.endswith(b"\n"))


if __name__ == "__main__":
    unittest.main()
