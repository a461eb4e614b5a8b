"""jaju train recipe from outside: recipes/tiny.toml from data to a released model, killed and taken up again."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

TRAIN = os.environ["JAJU_TRAIN_PROGRAM"]
RECIPES = pathlib.Path(__file__).resolve().parents[2] / "recipes"
TINY = str(RECIPES / "tiny.toml")
SAME = ["step", "stage", "tokens", "loss", "mtp_loss", "lr", "grad_norm", "held_out", "load"]


def recipe(*words):
    return subprocess.run([TRAIN, "recipe", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=500)


def losses(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: line.get(key) for key in SAME} for line in lines]


class Recipe(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.out = pathlib.Path(cls.folder.name) / "whole"
        cls.first = recipe(TINY, "--out", str(cls.out))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_the_whole_way(self):
        self.assertEqual(self.first.returncode, 0, self.first.stderr)
        released = self.out / "tiny"
        names = {p.name for p in released.iterdir()}
        self.assertEqual(names, {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
                                 "chat_template.jinja", "generation_config.json", "README.md"})
        self.assertLess(sum(p.stat().st_size for p in released.iterdir()), 1_000_000)
        tokens = {t["content"]: t["id"] for t in json.loads((released / "tokenizer.json").read_text())["added_tokens"]}
        for file in ("config.json", "generation_config.json"):
            self.assertEqual(json.loads((released / file).read_text())["eos_token_id"],
                             [tokens["<|im_end|>"], tokens["<|endoftext|>"]])
        # The card says what the evaluation found.
        card = (released / "README.md").read_text()
        result = json.loads((self.out / "test" / "result.json").read_text())
        self.assertEqual(result["modes"]["think"]["all"]["n"], 40)
        self.assertIn(f"{100 * result['modes']['think']['all']['accuracy']:.1f} % right", card)
        self.assertNotIn("{{", card)
        # The released model answers through the engine.
        program = os.environ["JAJU_PROGRAM"]
        if os.path.exists(program):
            out = subprocess.run([program, "run", str(released), "1+1=?", "--max-tokens", "4"], capture_output=True,
                                 text=True, stdin=subprocess.DEVNULL, timeout=60)
            self.assertEqual(out.returncode, 0, out.stderr)

    def test_a_second_call_does_nothing(self):
        stamps = {p: p.stat().st_mtime_ns for p in self.out.rglob("*") if p.is_file()}
        again = recipe(TINY, "--out", str(self.out))
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(again.stderr.count("done before"), self.first.stderr.count("so far"))
        self.assertEqual({p: p.stat().st_mtime_ns for p in self.out.rglob("*") if p.is_file()}, stamps)

    def test_a_change_reaches_what_depends_on_it(self):
        def to_do(*words):
            out = recipe(TINY, "--out", str(self.out), "--dry-run", *words)
            self.assertEqual(out.returncode, 0, out.stderr)
            return {line.split()[1] for line in out.stdout.splitlines() if "to be done" in line}

        self.assertEqual(to_do(), set())
        self.assertEqual(to_do("--set", "test.max_tokens=40"), {"test", "tiny"})
        self.assertEqual(to_do("--set", "direct.stage.sft.tokens=9000"),
                         {"direct", "merged", "mod", "rl", "test", "tiny"})
        self.assertEqual(to_do("--set", "direct.run.seed=9", "--from", "mod", "--to", "rl"), {"mod", "rl"})

    def test_kill_9_and_the_same_command_again(self):
        out = pathlib.Path(self.folder.name) / "killed"
        metrics = out / "base" / "metrics.jsonl"
        for lines in (5, 15):
            process = subprocess.Popen([TRAIN, "recipe", TINY, "--out", str(out), "--to", "base", "--set",
                                        "base.run.checkpoint_tokens=4000"], stderr=subprocess.PIPE,
                                       stdin=subprocess.DEVNULL, text=True)
            deadline = time.time() + 200
            while time.time() < deadline and process.poll() is None:
                if metrics.exists() and metrics.read_text().count("\n") >= lines:
                    break
                time.sleep(0.002)
            self.assertIsNone(process.poll(), "it ended before it could be killed")
            process.send_signal(signal.SIGKILL)
            process.communicate()
        listed = recipe(TINY, "--out", str(out), "--list", "--set", "base.run.checkpoint_tokens=4000")
        self.assertIn("interrupted", listed.stdout)
        done = recipe(TINY, "--out", str(out), "--to", "base", "--set", "base.run.checkpoint_tokens=4000")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("going on from step", done.stderr)
        self.assertEqual(losses(out / "base"), losses(self.out / "base"))

    def test_mistakes_show_before_the_first_step(self):
        out = pathlib.Path(self.folder.name) / "never"
        for change, says in (("tiny.max_byte=1", "max_byte"), ("base.stage.0.tokns=5", "tokns"),
                             ("rl.rl.stepz=5", "stepz"), ("nothing.a=1", "nothing"), ("merged.sources=3", "sources")):
            result = recipe(TINY, "--out", str(out), "--set", change)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(says, result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertFalse(out.exists())
        self.assertEqual(recipe(TINY, "--out", str(out), "--from", "nothing").returncode, 2)
        early = recipe(TINY, "--out", str(out), "--from", "base")
        self.assertEqual(early.returncode, 1)
        self.assertIn("do that first", early.stderr)

    def test_the_recipe_of_the_product_is_sound(self):
        result = recipe(str(RECIPES / "nano.toml"), "--out", str(pathlib.Path(self.folder.name) / "nano"), "--dry-run")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("release", result.stdout)

    def test_a_limit_on_the_size_holds(self):
        result = recipe(TINY, "--out", str(self.out), "--set", "tiny.max_bytes=1000", "--set",
                        f"tiny.copy_to={self.out}-copy")
        self.assertEqual(result.returncode, 1)
        self.assertIn("max_bytes", result.stderr)
        self.assertFalse(os.path.exists(f"{self.out}-copy"))
        again = recipe(TINY, "--out", str(self.out), "--set", f"tiny.copy_to={self.out}-copy")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertTrue((self.out.parent / "whole-copy" / "model.safetensors").exists())
        self.assertEqual(recipe(TINY, "--out", str(self.out)).returncode, 0)


if __name__ == "__main__":
    unittest.main()
