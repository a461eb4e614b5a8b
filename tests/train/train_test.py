"""jaju-train from outside: a run that is stopped, killed or out of disk goes on as if nothing had happened."""
import json
import os
import pathlib
import resource
import signal
import struct
import subprocess
import tempfile
import time
import unittest

TRAIN = os.environ["JAJU_TRAIN_PROGRAM"]
SHARDS = os.environ["JAJU_TEST_SHARDS"]

RECIPE = """
[run]
threads = 2
checkpoint_minutes = 0
checkpoint_tokens = 1000
eval_tokens = 2000
load_every = 3
[model]
vocab_size = 64
hidden_size = 32
intermediate_size = 64
moe_intermediate_size = 16
num_hidden_layers = 3
num_attention_heads = 2
max_position_embeddings = 48
q_lora_rank = 16
kv_lora_rank = 16
qk_nope_head_dim = 8
qk_rope_head_dim = 8
v_head_dim = 8
n_routed_experts = 8
num_experts_per_tok = 2
n_group = 2
topk_group = 1
num_nextn_predict_layers = 1
tie_word_embeddings = true
[data]
count = "{data}/count"
chat = "{data}/chat"
[held_out]
count = "{data}/held"
[optimizer]
kind = "{kind}"
[balance]
every = 4
[[stage]]
name = "warm"
tokens = 4000
context = 48
batch_tokens = 500
lr = 5e-3
warmup = 1000
mix = {{ count = 2, chat = 1 }}
[[stage]]
name = "long"
tokens = 3000
context = 48
batch_tokens = 500
lr = 5e-3
lr_end = 5e-4
shape = "cosine"
mtp_weight = 0.1
yarn_factor = 2.0
mix = {{ count = 1, chat = 1 }}
"""

# What a resumed run must repeat; times may differ.
SAME = ["step", "stage", "tokens", "loss", "mtp_loss", "sequence_loss", "lr", "grad_norm", "bias_step", "imbalance",
        "held_out", "load"]


class Train(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.base = pathlib.Path(cls.folder.name)
        for name, seed, documents, *kind in [("count", "1", "300"), ("chat", "2", "200", "chat"), ("held", "3", "30")]:
            subprocess.run([SHARDS, str(cls.base / name), seed, documents, *kind], check=True)
        for kind in ("adamw", "muon"):
            (cls.base / f"{kind}.toml").write_text(RECIPE.format(data=cls.base, kind=kind))
        cls.adamw = str(cls.base / "adamw.toml")
        cls.whole = cls.base / "whole"
        cls.first = cls.train("run", cls.adamw, "--out", str(cls.whole))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @staticmethod
    def train(*words, **options):
        return subprocess.run([TRAIN, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
                              **options)

    @staticmethod
    def lines(run):
        return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]

    @staticmethod
    def checkpoints(run):
        return sorted(p.name for p in (run / "checkpoints").iterdir())

    def same(self, run, whole=None):
        mine, other = self.lines(run), self.lines(whole or self.whole)
        self.assertEqual(len(mine), len(other))
        for a, b in zip(mine, other):
            self.assertEqual({k: a.get(k) for k in SAME}, {k: b.get(k) for k in SAME})

    def start(self, run, recipe=None):
        return subprocess.Popen([TRAIN, "run", recipe or self.adamw, "--out", str(run)], stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, text=True)

    def wait_for_steps(self, process, run, steps):
        deadline = time.time() + 60
        while time.time() < deadline and process.poll() is None:
            metrics = run / "metrics.jsonl"
            if metrics.exists() and metrics.read_text().count("\n") >= steps:
                return
            time.sleep(0.002)
        self.assertIsNone(process.poll(), "it ended before it could be stopped")

    def test_learns_and_reports(self):
        self.assertEqual(self.first.returncode, 0, self.first.stderr)
        lines = self.lines(self.whole)
        self.assertEqual([l["step"] for l in lines], list(range(1, len(lines) + 1)))
        self.assertLess(lines[-1]["loss"], 0.8 * lines[0]["loss"])
        held = [l["held_out"]["count"] for l in lines if "held_out" in l]
        self.assertLess(held[-1], 0.8 * lines[0]["loss"])
        loads = [l["load"] for l in lines if "load" in l]
        self.assertEqual(len(loads[0]), 3)  # two MoE layers and the MTP block
        self.assertEqual(sum(loads[0][0]["tokens"]), 2 * sum(l["batch"] for l in lines[:3]))
        self.assertEqual(lines[-1]["bias_step"], 0)
        run = json.loads((self.whole / "run.json").read_text())
        self.assertGreater(run["parameters"]["trained"], 10000)
        self.assertTrue((self.whole / "config.toml").exists())
        status = self.train("status", str(self.whole))
        self.assertIn("stage long", status.stdout)

    def test_kill_in_the_middle_changes_nothing(self):
        run = self.base / "killed"
        for steps in (6, 11):
            process = self.start(run)
            self.wait_for_steps(process, run, steps)
            process.kill()
            process.communicate()
        again = self.train("run", "--out", str(run))  # without a recipe: its own copy
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("going on from step", again.stderr)
        self.same(run)
        self.assertFalse([c for c in self.checkpoints(run) if c.startswith(".")])

    def test_steps_then_the_rest_with_muon(self):
        whole, parts = self.base / "muon", self.base / "muon-parts"
        recipe = str(self.base / "muon.toml")
        self.assertEqual(self.train("run", recipe, "--out", str(whole)).returncode, 0)
        for steps in ("3", "5", "1", "99"):
            self.assertEqual(self.train("run", recipe, "--out", str(parts), "--steps", steps).returncode, 0)
        self.same(parts, whole)

    def test_signals_write_a_checkpoint(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            run = self.base / f"signal{number}"
            process = self.start(run)
            self.wait_for_steps(process, run, 3)
            process.send_signal(number)
            stderr = process.communicate(timeout=60)[1]
            self.assertEqual(process.returncode, code, stderr)
            self.assertIn(f"jaju train run --out {run}", stderr)
            step = self.lines(run)[-1]["step"]
            self.assertIn(f"step-{step:06}", self.checkpoints(run))
            self.assertEqual((run / "checkpoints" / "latest").read_text(), f"step-{step:06}\n")
        self.assertEqual(self.train("run", "--out", str(run), "--resume").returncode, 0)
        self.same(run)

    def test_full_disk_keeps_the_last_good_checkpoint(self):
        run = self.base / "full"
        self.assertEqual(self.train("run", self.adamw, "--out", str(run), "--steps", "4").returncode, 0)
        before = self.checkpoints(run)

        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))

        out = self.train("run", self.adamw, "--out", str(run), preexec_fn=small_files)
        self.assertEqual(out.returncode, 1, out.stderr)
        self.assertIn("last good checkpoint", out.stderr)
        self.assertIn("File too large", out.stderr)
        self.assertEqual(self.checkpoints(run), before)
        self.assertEqual(self.train("run", self.adamw, "--out", str(run)).returncode, 0)
        self.same(run)

    def test_a_loss_that_is_not_finite_stops(self):
        model = self.base / "model"
        done = self.train("export", str(self.whole), "--to", str(model), "--dtype", "float32")
        self.assertEqual(done.returncode, 0, done.stderr)
        weights = model / "model.safetensors"
        data = bytearray(weights.read_bytes())
        data[-4:] = struct.pack("<f", float("nan"))
        header = json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])
        for tensor in header.values():  # a NaN in every tensor: one of them every token meets
            if isinstance(tensor, dict) and "data_offsets" in tensor:
                at = 8 + struct.unpack("<Q", data[:8])[0] + tensor["data_offsets"][0]
                data[at:at + 4] = struct.pack("<f", float("nan"))
        weights.write_bytes(data)
        recipe = self.base / "nan.toml"
        text = pathlib.Path(self.adamw).read_text()
        start, end = text.index("[model]"), text.index("[data]")
        recipe.write_text(text[:start] + f'[model]\ninit_from = "{model}"\n' + text[end:].replace("yarn_factor = 2.0", ""))
        out = self.train("run", str(recipe), "--out", str(self.base / "nan"))
        self.assertEqual(out.returncode, 1, out.stderr)
        for word in ("step 1", "stage 'warm'", "nan", "no checkpoint yet"):
            self.assertIn(word, out.stderr)

    def test_a_damaged_shard_is_named_before_a_step(self):
        data = self.base / "damaged"
        subprocess.run([SHARDS, str(data), "1", "300"], check=True)
        shard = sorted(data.glob("*.bin"))[0]
        content = bytearray(shard.read_bytes())
        content[100] ^= 1
        shard.write_bytes(content)
        out = self.train("run", self.adamw, "--out", str(self.base / "never"), "--set", f"data.count={data}")
        self.assertEqual(out.returncode, 1)
        self.assertIn(shard.name, out.stderr)
        self.assertEqual(len(out.stderr.strip().splitlines()), 1)

    def test_other_data_and_other_recipes_are_refused(self):
        out = self.train("run", self.adamw, "--out", str(self.whole), "--fresh")
        self.assertEqual(out.returncode, 1)
        self.assertIn("already holds a run", out.stderr)
        run = self.base / "changed"
        self.assertEqual(self.train("run", self.adamw, "--out", str(run), "--steps", "2").returncode, 0)
        for change, says in (("data.count=" + str(self.base / "held"), "count"), ("optimizer.kind=muon", "optimizer")):
            out = self.train("run", self.adamw, "--out", str(run), "--set", change)
            self.assertEqual(out.returncode, 1)
            self.assertIn(says, out.stderr)
        process = self.start(self.base / "twice")
        self.wait_for_steps(process, self.base / "twice", 1)
        second = self.train("run", self.adamw, "--out", str(self.base / "twice"))
        if process.poll() is None:
            self.assertIn("another process", second.stderr)
        process.kill()
        process.communicate()

    def test_what_changed_between_two_starts(self):
        run = self.base / "between"
        self.assertEqual(self.train("run", self.adamw, "--out", str(run), "--steps", "3").returncode, 0)
        for change, says in (("run.seed=7", "'run.seed' is 7 and was 1"), ("model.hidden_size=64", "[model]")):
            out = self.train("run", self.adamw, "--out", str(run), "--set", change)
            self.assertEqual(out.returncode, 1, out.stderr)
            self.assertIn(says, out.stderr)
        out = self.train("run", self.adamw, "--out", str(run), "--set", "stage.long.lr=1e-3", "--set", "run.threads=1",
                         "--steps", "1")
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertIn("stage.long.lr was 0.005 and is 0.001", out.stderr)
        self.assertNotIn("threads", out.stderr)

    def test_a_damaged_optimizer_is_passed_over(self):
        run = self.base / "optimizer"
        self.assertEqual(self.train("run", self.adamw, "--out", str(run), "--steps", "6").returncode, 0)
        newest = sorted((run / "checkpoints").glob("step-*"))[-1]
        file = newest / "optimizer.safetensors"
        file.write_bytes(file.read_bytes()[:-100])
        out = self.train("run", self.adamw, "--out", str(run))
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertIn("optimizer.safetensors", out.stderr)
        self.assertIn("trying the one before", out.stderr)
        self.same(run)

    def test_mistakes_of_later_stages_are_told_at_once(self):
        model = self.base / "start"  # its positions are YaRN's with factor 2 already
        self.assertEqual(self.train("export", str(self.whole), "--to", str(model)).returncode, 0)
        recipe = self.base / "start.toml"
        text = pathlib.Path(self.adamw).read_text()
        start, end = text.index("[model]"), text.index("[data]")
        recipe.write_text(text[:start] + f'[model]\ninit_from = "{model}"\n' + text[end:])
        for changes, says in ((("stage.long.context=4000", "stage.long.batch_tokens=4000"), "stage 'long' has context 4000"),
                              (("stage.long.yarn_factor=4.0",), "stage 'long' sets yarn_factor 4")):
            out = self.train("run", str(recipe), "--out", str(self.base / "later"),
                             *(word for change in changes for word in ("--set", change)))
            self.assertEqual(out.returncode, 1, out.stderr)
            self.assertIn(says, out.stderr)
            self.assertFalse((self.base / "later" / "metrics.jsonl").exists())

    def test_the_command_line(self):
        self.assertEqual(self.train("run", self.adamw).returncode, 2)
        self.assertEqual(self.train("run", "--out", str(self.base / "nothing")).returncode, 2)
        out = self.train("run", self.adamw, "--out", str(self.base / "x"), "--set", "run.sed=1")
        self.assertEqual(out.returncode, 2)
        self.assertIn("run.sed", out.stderr)
        self.assertEqual(self.train("status", str(self.base / "nothing")).returncode, 1)
        self.assertEqual(self.train("--help").returncode, 0)
        program = os.environ["JAJU_PROGRAM"]
        if os.path.exists(program):  # the verb hands over, options and all
            out = subprocess.run([program, "train", "status", str(self.whole)], capture_output=True, text=True)
            self.assertIn("stage long", out.stdout, out.stderr)
            out = subprocess.run([program, "train", "run", "--out"], capture_output=True, text=True)
            self.assertEqual(out.returncode, 2)


if __name__ == "__main__":
    unittest.main()
