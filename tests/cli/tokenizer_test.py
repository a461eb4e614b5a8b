"""jaju tokenizer train and stats from outside. tests/tokenizer compares their results with Hugging Face's."""
import json
import unittest

from program import MODEL, ProgramTest


class Tokenizer(ProgramTest):
    def corpus(self):
        path = self.home / "corpus.jsonl"
        lines = [{"text": f"사과 {i}개와 배 {i * 7}개", "language": "ko"} for i in range(200)]
        lines += [{"question": f"What is {i} + {i}?", "answer": f"It is {2 * i}.", "language": "en"} for i in range(100)]
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        return str(path)

    def test_train_writes_a_tokenizer_once(self):
        corpus, to = self.corpus(), self.home / "new" / "tok"
        out = json.loads(self.good("tokenizer", "train", corpus, "--vocab-size", "280", "--to", str(to), "--json").stdout)
        self.assertEqual((out["vocab_size"], out["documents"], out["special_tokens"]), (280, 300, 8))
        self.assertEqual(json.loads((to / "tokenizer_config.json").read_text())["eos_token"], "<|im_end|>")
        file = (to / "tokenizer.json").read_bytes()
        self.bad(1, "tokenizer", "train", corpus, "--to", str(to), says="--force")
        self.assertEqual((to / "tokenizer.json").read_bytes(), file)
        self.good("tokenizer", "train", corpus, "--vocab-size", "280", "--to", str(to), "--force", "--threads", "1")
        self.assertEqual((to / "tokenizer.json").read_bytes(), file)

    def test_stats(self):
        corpus = self.corpus()
        out = json.loads(self.good("tokenizer", "stats", MODEL, corpus, "--against", MODEL, "--json").stdout)
        self.assertEqual([t["tokenizer"] for t in out["tokenizers"]], [MODEL, MODEL])
        self.assertEqual([(g["group"], g["documents"]) for g in out["groups"]], [("en", 100), ("ko", 200), ("all", 300)])
        for group in out["groups"]:
            first, second = group["results"]
            self.assertEqual(first, second)
            self.assertAlmostEqual(first["tokens_per_document"], first["tokens"] / group["documents"])
            self.assertAlmostEqual(first["tokens_per_byte"] * first["bytes_per_token"], 1)
        table = self.good("tokenizer", "stats", MODEL, corpus, "--against", MODEL).stdout
        self.assertIn("1 vs 2", table)
        self.assertIn("+0.0 %", table)
        label = json.loads(self.good("tokenizer", "stats", MODEL, corpus, "--by", "none", "--label", "x", "--json").stdout)
        self.assertEqual([g["group"] for g in label["groups"]], ["x"])

    def test_mistakes(self):
        corpus, to = self.corpus(), str(self.home / "to")
        self.bad(1, "tokenizer", "train", str(self.home / "none"), "--to", to, says="no such file")
        self.bad(2, "tokenizer", "train", corpus, "--vocab-size", "200", "--to", to, says="200")
        (self.home / "bad.jsonl").write_text('{"text": "a"}\n{"text": 1}\n')
        self.bad(1, "tokenizer", "train", str(self.home / "bad.jsonl"), "--to", to, says=["bad.jsonl line 2", "'text'"])
        self.assertFalse((self.home / "to").exists())
        self.bad(2, "tokenizer", "stats", MODEL, corpus, "--label", "a", "--label", "b", says="--label")
        self.bad(1, "tokenizer", "stats", str(self.home / "none"), corpus, says="none")
        self.bad(2, "tokenizer", says="jaju tokenizer --help")
        self.bad(2, "tokenizer", "trian", says="did you mean 'train'")
        self.bad(2, "tokenizer", "train", corpus, "--to", to, "--vocab-siz", "9", says="--vocab-size")
        self.assertIn("jaju tokenizer train", self.good("tokenizer", "train", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
