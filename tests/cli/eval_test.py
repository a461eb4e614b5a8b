"""jaju eval: the figures it prints and writes, and its errors. The model is random: what it answers is noise, so the
tests look at counts, not at scores."""
import json
import unicodedata
import unittest

from program import MODEL, ProgramTest

LINES = [
    {"question": "Ann has 3 bags of 4 apples. How many?", "answer": "3*4=12\n#### 12"},
    {"question": "무엇이 맞나요?", "answer": 2, "A": "가", "B": "나", "C": "다", "Category": "한국어 상식 문제", "language": "ko"},
    {"question": "Which?", "subject": "law", "choices": ["p", "q", "r", "s"], "answer": 2},
    {"id": "", "task": "add", "language": "en", "difficulty": 2, "question": "1 + 2 = ?", "thinking": "1 + 2 = 3",
     "answer": "3", "expected": "3"},
    {"question": "And 5?", "answer": 5, "task": "add"},
]


class Eval(ProgramTest):
    def setUp(self):
        super().setUp()
        self.data = self.write(LINES)

    def write(self, lines, name="set.jsonl"):
        path = self.home / name
        path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x, ensure_ascii=False) for x in lines))
        return str(path)

    def test_figures_agree_everywhere(self):
        files = [str(self.home / name) for name in ("out.json", "out.md", "wrong.jsonl")]
        done = self.good("eval", MODEL, "--data", self.data, "--max-tokens", "12", "--slots", "3", "--threads", "1",
                         "--json", files[0], "--markdown", files[1], "--wrong", files[2])
        for line in done.stdout.splitlines()[1:]:  # the first holds the model's path
            width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
            self.assertLessEqual(width, 100, line)
        self.assertIn("5 questions", done.stdout)
        out = json.loads((self.home / "out.json").read_text())
        self.assertEqual(out["items"], 5)
        self.assertTrue(out["complete"])
        wrong = [json.loads(line) for line in (self.home / "wrong.jsonl").read_text().splitlines()]
        markdown = (self.home / "out.md").read_text()
        for mode in ("think", "direct"):
            counts = out["modes"][mode]["all"]
            self.assertEqual(counts["n"], 5)
            self.assertEqual(sum(counts["formats"].values()), counts["format_errors"])
            self.assertLessEqual(counts["tokens"]["p95"], 12)
            self.assertEqual(out["modes"][mode]["by_task"]["add"]["n"], 2)
            self.assertEqual(set(out["modes"][mode]["by_task"]), {"set", "한국어 상식 문제", "law", "add"})
            mine = [w for w in wrong if w["mode"] == mode]
            self.assertEqual(len([w for w in mine if w["format"] != "none"]), counts["format_errors"])
            self.assertEqual(len([w for w in mine if not w["correct"]]), 5 - counts["correct"])
        self.assertIn("| 한국어 상식 문제 | 1 |", markdown)

    def test_batching_changes_nothing(self):
        def figures(*more):
            out = json.loads(self.good("eval", MODEL, "--data", self.data, "--max-tokens", "10", "--json", "-",
                                       "--threads", "1", *more).stdout)
            out.pop("seconds")
            return out
        self.assertEqual(figures("--slots", "1"), figures("--slots", "16"))

    def test_one_mode_few_questions(self):
        out = json.loads(self.good("eval", MODEL, "--data", self.data, self.data, "--mode", "direct", "--per-task", "1",
                                   "--limit", "3", "--max-tokens", "2", "--json", "-").stdout)
        self.assertEqual(list(out["modes"]), ["direct"])
        self.assertEqual(out["items"], 3)
        self.assertEqual(out["modes"]["direct"]["by_task"]["law"]["n"], 1)

    def test_letters_by_likelihood(self):
        data = self.write(LINES[1:3], "choices.jsonl")
        out = json.loads(self.good("eval", MODEL, "--data", data, "--choice-logprob", "--max-tokens", "9", "--json", "-").stdout)
        self.assertEqual(out["modes"]["direct"]["all"]["format_errors"], 0)
        self.assertEqual(out["modes"]["direct"]["all"]["tokens"]["mean"], 1)
        # Right behind <think> a letter is no answer: thinking answers in words.
        self.assertGreater(out["modes"]["think"]["all"]["tokens"]["mean"], 1)

    def test_errors_are_one_sentence(self):
        self.bad(2, "eval", MODEL, says="--data")
        self.bad(2, "eval", MODEL, "--data", self.data, "--mode", "both-ways", says="--mode")
        self.bad(2, "eval", MODEL, "--data", self.data, "--slots", "0", says="--slots")
        self.bad(1, "eval", MODEL, "--data", str(self.home / "none.jsonl"), says="none.jsonl")
        self.bad(1, "eval", "no-such-model", "--data", self.data, says="no-such-model")
        for line, says in (("{", "set.jsonl line 3"), ('{"question": "q"}', "'answer'"), ("[]", "not a JSON object"),
                           ('{"question": "q", "choices": ["a", "b"], "answer": 7}', "number 7")):
            self.bad(1, "eval", MODEL, "--data", self.write([LINES[0], "", line]), says=["set.jsonl line 3", says])
        self.bad(1, "eval", MODEL, "--data", self.write([]), says="no questions")


if __name__ == "__main__":
    unittest.main()
