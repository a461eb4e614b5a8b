"""jaju plan and jaju tune: figures that can be checked by hand, tables that fit a terminal, and bad input."""
import json
import pathlib
import unicodedata
import unittest

from program import GOLDEN, MODEL, ProgramTest

NANO = pathlib.Path(__file__).resolve().parents[2] / "models" / "nano"
AXK1 = str(GOLDEN / "axk1-config.json")
MACHINE = "ram={}G,disk=7GB/s,cores=16,membw=80GB/s,int8=2TOPS"
SLOT = 24_817_664  # an expert of A.X K1 in q4: 44,040,192 weights of 4.5 bits and 704 panels' row factors


def columns(text):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Plan(ProgramTest):
    def plan(self, *words):
        return json.loads(self.good("plan", *words, "--json").stdout)

    def test_axk1_on_four_machines(self):
        speeds = []
        for ram in (24, 64, 128, 512):
            out = self.plan("--config", AXK1, "--machine", MACHINE.format(ram), "--context", "8192")
            memory = out["memory"]
            self.assertEqual(memory["slot_bytes"], SLOT)
            self.assertEqual(memory["kv"], 576 * 2 * 61 * 8192)
            parts = memory["resident"] + memory["kv"] + memory["buffers"] + memory["margin"]
            self.assertEqual(memory["used"], parts + (memory["cache_slots"] + memory["pinned_slots"]) * SLOT)
            self.assertLessEqual(memory["used"], memory["budget"])
            self.assertEqual(memory["resident"], sum(memory["residents"].values()))
            self.assertLess(memory["budget"], ram * 1e9)
            self.assertEqual(memory["all_resident"], ram == 512)
            self.assertEqual(out["experts"], 60 * 192)
            self.assertEqual(out["experts_on_drive"], 11520 - memory["cache_slots"])
            even = out["uniform"]["decode_tokens_per_second"]
            self.assertGreaterEqual(out["skewed"]["decode_tokens_per_second"], 0.9999 * even)
            if ram < 512:
                # The ceiling of reads: bandwidth over the bytes of the misses.
                missed = 480 * SLOT * (1 - memory["cache_slots"] / 11520)
                self.assertAlmostEqual(out["uniform"]["read_bytes_per_token"] / missed, 1, 3)
                self.assertLess(even, 7e9 / missed)
                self.assertEqual(out["uniform"]["decode_limit"], "drive")
            speeds.append(even)
        self.assertEqual(speeds, sorted(speeds))
        # All in memory: 64 GB/s of weights, 12 GB of residents and as much of experts for a token.
        self.assertTrue(2 < speeds[-1] < 3, speeds)

    def test_tables_fit_a_terminal(self):
        for words in (("--config", AXK1, "--machine", MACHINE.format(64)),
                      ("--config", AXK1, "--machine", MACHINE.format(512)),
                      ("--config", AXK1, "--machine", "ram=64G", "--scheme", "q8", "--batch", "8", "--context", "4096")):
            out = self.good("plan", *words).stdout
            for line in out.splitlines():
                if AXK1 not in line:
                    self.assertLessEqual(columns(line), 80, line)
            for says in ("residents", "KV cache", "expert", "margin", "What binds", "Loading"):
                self.assertIn(says, out)

    def test_what_would_help(self):
        out = self.plan("--config", AXK1, "--machine", MACHINE.format(64), "--scheme", "q8")
        self.assertTrue(1 <= len(out["advice"]) <= 3)
        now = out["skewed"]
        for one in out["advice"]:
            self.assertTrue(one["decode_tokens_per_second"] > 1.02 * now["decode_tokens_per_second"] or
                            one["prompt_tokens_per_second"] > 1.02 * now["prompt_tokens_per_second"], one)

    def test_what_pack_writes_is_what_plan_says(self):
        said = self.plan(NANO, "--scheme", "q4", "--machine", "ram=8G")
        to = self.home / "packed"
        self.good("pack", NANO, "--to", to)
        found = self.plan(to, "--machine", "ram=8G")
        self.assertEqual(found["memory"]["slot_bytes"], said["memory"]["slot_bytes"])
        self.assertEqual(found["memory"]["residents"], said["memory"]["residents"])
        self.assertEqual(found["memory"]["buffers"], said["memory"]["buffers"])
        self.assertTrue(found["memory"]["all_resident"])

    def test_a_model_that_is_not_packed(self):
        # As it is where it fits, and as it would be packed where it does not.
        whole = self.plan(NANO, "--machine", "ram=8G")
        self.assertIn("BF16", whole["storage"])
        memory = whole["memory"]
        half = memory["resident"] + memory["kv"] + memory["buffers"] + memory["cache_slots"] * memory["slot_bytes"] // 2
        tight = self.plan(NANO, "--machine", "ram=8G", "--memory", str(half * 32 // 31))
        self.assertIn("jaju pack", tight["storage"])

    def test_this_machine(self):
        done = self.good("plan", MODEL, "--json")
        self.assertIn("jaju tune", done.stderr)
        out = json.loads(done.stdout)
        self.assertEqual(out["machine"]["memory_from"], "measured now")
        self.assertGreater(out["machine"]["weights_bytes_per_second"], 0)

    def test_routing_of_one_s_own(self):
        out = self.plan("--config", AXK1, "--machine", MACHINE.format(64))
        file = self.home / "routing.json"
        # Every token visits the same eight: after the first nothing is read.
        visits = [100 if e < 8 else 0 for e in range(192)]
        routing = {"format": "jaju-routing", "version": 1, "experts_per_token": 8,
                   "layers": [{"layer": i, "visits": visits} for i in range(1, 61)]}
        file.write_text(json.dumps(routing))
        mine = self.plan("--config", AXK1, "--machine", MACHINE.format(64), "--routing", file)
        self.assertAlmostEqual(mine["routing"]["hit_rate"], 1, 3)
        self.assertGreater(mine["routing"]["decode_tokens_per_second"], out["skewed"]["decode_tokens_per_second"])
        self.assertEqual(mine["uniform"], out["uniform"])
        routing["layers"].pop()
        file.write_text(json.dumps(routing))
        self.bad(1, "plan", "--config", AXK1, "--machine", "ram=64G", "--routing", file, says="59 layers")
        file.write_text("{}")
        self.bad(1, "plan", "--config", AXK1, "--machine", "ram=64G", "--routing", file, says="format")

    def test_sizes_are_decimal(self):
        for said, memory in (("30.5G", 30_500_000_000), ("40G", 40 * 10**9), ("40Gi", 40 << 30), ("48GiB", 48 << 30)):
            out = self.plan("--config", AXK1, "--machine", "ram=64G", "--memory", said)
            self.assertEqual(out["memory"]["budget"], memory, said)

    def test_too_little(self):
        self.bad(1, "plan", "--config", AXK1, "--machine", "ram=64G", "--memory", "8G",
                 says=["give at least", "it runs with"])

    def test_bad_words(self):
        plan = ("plan", "--config", AXK1)
        self.bad(2, *plan, "--machine", "ram=64G,gpu=2", says="gpu")
        self.bad(2, *plan, "--machine", "64G", says="64G")
        self.bad(2, *plan, "--machine", "ram=64X", says="--machine: ram")
        self.bad(2, *plan, "--machine", "disk=7GB/s", says="ram=64G")
        for size in ("much", "0", "16GB/s"):
            self.bad(2, *plan, "--machine", "ram=64G", "--memory", size, says="--memory")
        self.bad(2, *plan, "--machine", "ram=64G", "--scheme", "q5", says="q5")
        self.bad(1, *plan, "--machine", "ram=64G", "--context", "1000000", says="131072")
        self.bad(1, *plan, "--routing", "/nowhere", "--machine", "ram=64G", says="/nowhere")
        self.bad(2, *plan, MODEL, says="--config")
        self.bad(2, *plan, "--batch", "0", says="--batch")
        self.bad(1, "plan", "no-such-model", says="no-such-model")
        self.bad(1, "plan", NANO, "--rest", "q8", says="--scheme")


class Tune(ProgramTest):
    def test_a_profile_is_kept_and_used(self):
        done = self.good("tune", "--quick")
        profile = self.home / "cache" / "machine.json"
        self.assertIn(str(profile), done.stderr)
        for line in done.stdout.splitlines():
            if str(self.home) not in line:
                self.assertLessEqual(columns(line), 80, line)
        kept = json.loads(profile.read_text())
        self.assertEqual(kept["format"], "jaju-machine")
        self.assertGreaterEqual(kept["threads"], 1)
        self.assertEqual([p.name for p in profile.parent.iterdir()], ["machine.json"])
        best = kept["drives"][0]["best"]
        self.assertGreater(best["bytes_per_second"], 0)
        planned = self.good("plan", MODEL, "--json")
        self.assertEqual(planned.stderr, "")
        machine = json.loads(planned.stdout)["machine"]
        self.assertEqual(machine["memory_from"], "tuned")
        self.assertEqual(machine["threads"], kept["threads"])
        verbose = self.good("run", MODEL, "--verbose", "--max-tokens", "1", "hi").stderr
        self.assertIn(f"{kept['threads']} thread", verbose)
        # Of another machine, or damaged: a sentence, and on without it.
        kept["machine"]["cpu"] = "another"
        profile.write_text(json.dumps(kept))
        self.assertIn("another machine", self.good("plan", MODEL, "--json").stderr)
        profile.write_text("{")
        self.assertIn("jaju tune", self.good("plan", MODEL, "--json").stderr)
        self.assertNotIn("profile", self.good("run", MODEL, "--max-tokens", "1", "hi").stderr)

    def test_bad_words(self):
        self.bad(1, "tune", "no-such-model", says="no-such-model")


if __name__ == "__main__":
    unittest.main()
