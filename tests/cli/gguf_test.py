"""jaju gguf from outside: a model through a file and back, and what it says when it cannot."""
import json
import pathlib
import shutil
import struct
import unittest

from program import GOLDEN, MODEL, ProgramTest

NANO = GOLDEN.parent.parent / "models" / "nano"


class Gguf(ProgramTest):
    def round_trip(self, model, *words):
        file = self.home / "m.gguf"
        self.good("gguf", "export", str(model), "--to", str(file), "--quiet", "--force", *words)
        back = self.home / "back"
        shutil.rmtree(back, ignore_errors=True)
        self.good("gguf", "import", str(file), "--to", str(back), "--quiet")
        return back

    def answers(self, model):
        return [self.good("run", str(model), question, "--temperature", "0", "--max-tokens", "40").stdout
                for question in ("3 + 4 = ?", "사과 12개에서 5개를 먹으면?")]

    def test_answers_survive(self):
        for model in (MODEL, NANO) if (NANO / "config.json").exists() else (MODEL,):
            back = self.round_trip(model)
            self.assertEqual(self.answers(back), self.answers(model))
            for name in ("tokenizer.json", "generation_config.json", "chat_template.jinja"):
                if (pathlib.Path(model) / name).exists():
                    self.assertEqual((back / name).read_bytes(), (pathlib.Path(model) / name).read_bytes(), name)
            self.assertFalse((self.home / "back.partial").exists())

    def test_what_an_interrupted_export_left_is_used(self):
        left = self.home / "m.gguf.partial"
        left.write_bytes(b"x" * 100)
        self.bad(1, "gguf", "export", MODEL, "--to", str(self.home / "m.gguf"), says="move it away")
        self.assertEqual(left.read_bytes(), b"x" * 100)
        left.write_bytes(b"GGUF" + b"x" * 5_000_000)
        self.good("gguf", "export", MODEL, "--to", str(self.home / "m.gguf"), "--quiet")
        self.assertFalse(left.exists())
        again = self.home / "n.gguf"
        again.symlink_to(self.home / "target.gguf")
        self.bad(1, "gguf", "export", MODEL, "--to", str(again), says="--force")
        self.good("gguf", "export", MODEL, "--to", str(again), "--quiet", "--force")
        self.assertTrue(again.is_symlink())
        self.assertEqual((self.home / "target.gguf").read_bytes(), (self.home / "m.gguf").read_bytes())

    def test_tokenizer_from_tokens_and_merges(self):
        """Without the JSON a file of ours carries, the vocabulary is rebuilt from what every GGUF file has."""
        file = self.home / "m.gguf"
        self.good("gguf", "export", MODEL, "--to", str(file), "--quiet")
        data = file.read_bytes()
        # The key loses its name; the file stays as long as it was.
        self.assertEqual(data.count(b"tokenizer.huggingface.json"), 1)
        file.write_bytes(data.replace(b"tokenizer.huggingface.json", b"tokenizer.something_else.x"))
        back = self.home / "back"
        done = self.jaju("gguf", "import", str(file), "--to", str(back), "--quiet")
        shown = json.loads(self.good("gguf", "show", str(file), "--json").stdout)
        if shown["metadata"]["tokenizer.ggml.pre"]["value"] == "default":
            self.assertEqual(done.returncode, 1)
            self.assertIn("--tokenizer", done.stderr)
            self.good("gguf", "import", str(file), "--to", str(back), "--quiet", "--tokenizer", MODEL)
        else:
            self.assertEqual(done.returncode, 0, done.stderr)
        text = "안녕! I'm 12 years old.\n\n <|im_start|>user 漢字かな</think> ok"
        self.assertEqual(self.good("tokenize", str(back), text).stdout, self.good("tokenize", MODEL, text).stdout)

    def test_show(self):
        file = self.home / "m.gguf"
        self.good("gguf", "export", MODEL, "--to", str(file), "--type", "q8_0", "--name", "tiny")
        shown = json.loads(self.good("gguf", "show", str(file), "--json").stdout)
        self.assertEqual(shown["version"], 3)
        self.assertEqual(shown["metadata"]["general.name"], {"type": "string", "value": "tiny"})
        self.assertEqual(shown["metadata"]["axk1.expert_count"], {"type": "u32", "value": 16})
        names = [t["name"] for t in shown["tensors"]]
        self.assertIn("blk.3.nextn.eh_proj.weight", names)
        self.assertIn("blk.1.post_ffw_norm.weight", names)
        self.assertEqual(shown["tensors"][0]["shape"], [2059, 48])
        text = self.good("gguf", "show", str(file), "--tensors").stdout
        self.assertIn("general.architecture", text)
        self.assertIn("blk.1.attn_k_b.weight", text)
        self.assertNotIn("\x1b", text)

    def test_errors_are_one_sentence(self):
        bad = self.home / "bad.gguf"
        bad.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0))
        self.bad(1, "gguf", "show", str(bad), says=["bad.gguf", "tensors, more than"])
        self.bad(1, "gguf", "import", str(bad), "--to", str(self.home / "d"), says="tensors, more than")
        self.bad(1, "gguf", "show", str(self.home / "none.gguf"), says="cannot open")
        self.bad(2, "gguf", "export", MODEL, "--to", str(self.home / "x.gguf"), "--type", "q5_k", says="q8_0")
        self.bad(1, "gguf", "export", MODEL, "--to", str(self.home / "x.gguf"), "--arch", "deepseek2", says="axk1")
        self.bad(1, "gguf", "export", MODEL, "--to", str(bad), says="--force")
        self.bad(2, "gguf", "import", str(bad), says="--to")
        self.bad(2, "gguf", "exprot", says="export")
        self.assertEqual(sorted(p.name for p in self.home.iterdir() if "gguf" in p.name), ["bad.gguf"])
        file = self.home / "m.gguf"
        self.good("gguf", "export", MODEL, "--to", str(file), "--quiet")
        cut = self.home / "cut.gguf"
        cut.write_bytes(file.read_bytes()[:-4096])
        self.bad(1, "gguf", "import", str(cut), "--to", str(self.home / "d"), says="cut short")
        (self.home / "d").mkdir()
        (self.home / "d" / "x").write_text("x")
        self.bad(1, "gguf", "import", str(file), "--to", str(self.home / "d"), says="is there already")

    def test_help_teaches(self):
        for verb in ((), ("show",), ("import",), ("export",)):
            text = self.good("gguf", *verb, "--help").stdout
            self.assertIn("jaju gguf", text)
        self.assertIn("Examples", self.good("gguf", "import", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
