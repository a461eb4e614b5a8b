"""The verbs scripts rely on: show, tokenize, logits, doctor, version; help, errors and exit codes."""
import json
import pathlib
import shutil
import struct
import unittest

from program import GOLDEN, MODEL, ProgramTest


class Logits(ProgramTest):
    def setUp(self):
        super().setUp()
        self.golden = json.loads((pathlib.Path(MODEL) / "golden.json").read_text())
        self.tokens = ",".join(map(str, self.golden["tokens"]))

    def close(self, got, want):
        """Float32 arithmetic against float64: the difference stays far below 1e-3 of the largest logit."""
        self.assertEqual(len(got), len(want))
        limit = 1e-3 * max(map(abs, want))
        worst = max(abs(a - b) for a, b in zip(got, want))
        self.assertLess(worst, limit)

    def test_json_agrees_with_the_reference(self):
        out = json.loads(self.good("logits", MODEL, "--tokens", self.tokens, "--json").stdout)
        self.assertEqual(set(out), {"tokens", "logits", "experts", "mtp_logits"})
        self.assertEqual(out["tokens"], self.golden["tokens"])
        self.assertEqual(out["experts"], self.golden["experts"])
        self.close(out["logits"], self.golden["last_logits"])
        self.close(out["mtp_logits"], self.golden["mtp_last_logits"])

    def test_all_gives_a_row_per_position(self):
        out = json.loads(self.good("logits", MODEL, "--tokens", self.tokens, "--all", "--json", "--threads", "1").stdout)
        self.assertEqual(len(out["logits"]), len(self.golden["tokens"]))
        self.close(out["logits"][-1], self.golden["last_logits"])
        for row, top8 in zip(out["logits"], self.golden["top8"]):
            best = sorted(range(len(row)), key=lambda i: -row[i])[:8]
            self.assertEqual(best[0], top8[0])

    def test_threads_do_not_change_a_bit(self):
        one = self.good("logits", MODEL, "--tokens", self.tokens, "--json", "--threads", "1").stdout
        self.assertEqual(one, self.good("logits", MODEL, "--tokens", self.tokens, "--json", "--threads", "3").stdout)

    def test_one_token_has_no_draft(self):
        out = json.loads(self.good("logits", MODEL, "--tokens", "5", "--json").stdout)
        self.assertNotIn("mtp_logits", out)
        self.assertEqual(len(out["logits"]), 2059)

    def test_readable_top_ten(self):
        lines = self.good("logits", MODEL, "--tokens", self.tokens).stdout.splitlines()
        self.assertEqual(len(lines), 11)
        self.assertIn(f" {self.golden['top8'][-1][0]}  logit", lines[1])

    def test_bad_tokens(self):
        self.bad(2, "logits", MODEL, "--tokens", "2059", says=["2059", "0 to 2058"])
        self.bad(2, "logits", MODEL, "--tokens", "1,-1", says="-1")
        self.bad(2, "logits", MODEL, "--tokens", "", says="--tokens")
        for garbage in ("a", "1,,2", "1 2", "1.5", "99999999999999", "1,2,"):
            self.bad(2, "logits", MODEL, "--tokens", garbage, says="--tokens")
        self.bad(2, "logits", MODEL, says="--tokens")
        self.bad(2, "logits", MODEL, "--tokens", "1", "--threads", "0", says="--threads")


class Tokenize(ProgramTest):
    def test_jsonl_round_trip(self):
        texts = ["", "hello", "안녕하세요 world", "a\nb", "<|im_start|>user\n<think>", "😀 \u0000 é", "{\"x\": 1}"]
        lines = "".join(json.dumps(t) + "\n" for t in texts)
        ids = self.good("tokenize", MODEL, "--jsonl", stdin=lines).stdout
        self.assertEqual(len(ids.splitlines()), len(texts))
        self.assertEqual(json.loads(ids.splitlines()[0]), [])
        special = json.loads(ids.splitlines()[4])
        self.assertEqual(special[0], 2050)
        self.assertEqual(special[-1], 2052)
        back = self.good("tokenize", MODEL, "--jsonl", "--decode", stdin=ids).stdout
        self.assertEqual([json.loads(line) for line in back.splitlines()], texts)

    def test_tokenizer_file_alone(self):
        path = self.home / "tokenizer.json"
        shutil.copy(pathlib.Path(MODEL) / "tokenizer.json", path)
        self.assertEqual(self.good("tokenize", str(path), "--jsonl", stdin='"a"\n').stdout, "[64]\n")

    def test_pieces(self):
        done = self.good("tokenize", MODEL, "a <|im_end|>")
        self.assertIn('64  "a"', done.stdout)
        self.assertIn("2051", done.stdout)
        out = json.loads(self.good("tokenize", MODEL, "--json", "a").stdout)
        self.assertEqual(out["ids"], [64])
        self.assertEqual(self.good("tokenize", MODEL, "--decode", "64,64").stdout, "aa\n")
        self.assertEqual(self.good("tokenize", MODEL, stdin="a\n").stdout.split()[0], "64")

    def test_bad_lines_are_named(self):
        for line, says in (("nonsense", "line 2"), ("[1]", "line 2"), ('"\\ud800"', "line 2")):
            done = self.jaju("tokenize", MODEL, "--jsonl", stdin=f'"a"\n{line}\n')
            self.assertEqual(done.returncode, 1, line)
            self.assertEqual(done.stdout, "[64]\n")
            self.assertIn(says, done.stderr)
        for line in ('"a"', "[1,[2]]", "[1.5]", "[2059]", "[-1]", '["a"]', "[99999999999999999999]"):
            done = self.jaju("tokenize", MODEL, "--jsonl", "--decode", stdin=line + "\n")
            self.assertEqual(done.returncode, 1, line)
            self.assertIn("line 1", done.stderr)
        self.bad(1, "tokenize", str(self.home / "nothing"), "x", says="nothing")


class Show(ProgramTest):
    # The published model's numbers (facts: 518,983,059,456 parameters, 70,272 bytes of cache per token in bf16).
    AXK1 = dict(architectures=["AXK1ForCausalLM"], model_type="AXK1", vocab_size=163840, hidden_size=7168,
                intermediate_size=18432, moe_intermediate_size=2048, num_hidden_layers=61, num_attention_heads=64,
                num_key_value_heads=64, n_shared_experts=1, n_routed_experts=192, num_experts_per_tok=8, n_group=8,
                topk_group=4, scoring_func="sigmoid", topk_method="none", norm_topk_prob=True,
                routed_scaling_factor=2.5, first_k_dense_replace=1, moe_layer_freq=1, q_lora_rank=1536,
                kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128, hidden_act="silu",
                rms_norm_eps=1e-6, rope_theta=10000.0, max_position_embeddings=131072, torch_dtype="bfloat16",
                rope_scaling=dict(type="yarn", factor=4.0, original_max_position_embeddings=32768, beta_fast=32,
                                  beta_slow=1, mscale=1.0, mscale_all_dim=0.0))

    def test_config_alone_counts_the_published_model(self):
        (self.home / "config.json").write_text(json.dumps(self.AXK1))
        for place in (self.home, self.home / "config.json"):
            out = json.loads(self.good("show", str(place), "--json", "--layers").stdout)
            self.assertEqual(out["parameters"]["total"], 518983059456)
            self.assertAlmostEqual(out["parameters"]["active"] / 1e9, 32.78, places=2)
            self.assertEqual(out["kv_bytes_per_token"], 70272)
            self.assertIsNone(out["weights"])
        layers = out["layers"]
        self.assertEqual(len(layers), 61)
        outside = 2 * 163840 * 7168 + 7168
        self.assertEqual(sum(layer["total"] for layer in layers) + outside, 518983059456)
        self.assertEqual(sum(layer["active"] for layer in layers) + outside, out["parameters"]["active"])
        text = self.good("show", str(self.home), "--layers").stdout
        self.assertIn("518,983,059,456", text)
        self.assertIn("70,272", text)
        eight_bits = json.loads(self.good("show", str(self.home), "--json", "--kv", "q8").stdout)
        self.assertEqual(eight_bits["kv_bytes_per_token"], 61 * 640)
        self.assertEqual(eight_bits["kv_type"], "q8")

    def test_weights_are_counted_as_they_are(self):
        out = json.loads(self.good("show", MODEL, "--json").stdout)
        with open(pathlib.Path(MODEL) / "model.safetensors", "rb") as f:
            header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        count = {True: 0, False: 0}
        for name, entry in header.items():
            n = 1
            for d in entry["shape"]:
                n *= d
            count[name.startswith("model.layers.3.")] += n
        self.assertEqual(out["parameters"]["total"], count[False])
        self.assertEqual(sum(g["parameters"] for g in out["weights"]["groups"]), count[True] + count[False])
        self.assertEqual(out["weights"]["bytes"], 2 * (count[True] + count[False]))
        self.assertEqual(out["kv_bytes_per_token"], 3 * (32 + 8) * 2)

    def test_errors_name_file_and_field(self):
        (self.home / "config.json").write_text(json.dumps(dict(self.AXK1, hidden_size="big")))
        self.bad(1, "show", str(self.home), says=["config.json", "hidden_size"])
        (self.home / "config.json").write_text("{")
        self.bad(1, "show", str(self.home), says="config.json")
        self.bad(1, "show", str(self.home / "none"), says=["none", "looked for"])
        self.bad(1, "show", "no-such-name", says=["no-such-name", "data/models/no-such-name"])


class DoctorAndVersion(ProgramTest):
    def test_doctor(self):
        out = json.loads(self.good("doctor", MODEL, "--json").stdout)
        self.assertTrue(out["ok"])
        names = {check["name"] for check in out["checks"]}
        self.assertLessEqual({"cpu", "kernels", "memory", "disk", "memlock", "open files", "cgroup", "huge pages",
                              "governor", "config", "weights", "tokenizer", "template", "sampling", "fit"}, names)
        for check in out["checks"]:
            self.assertIn(check["level"], ("OK", "WARN", "FAIL"))
            self.assertEqual(check["level"] == "OK", check["cost"] == "" and check["fix"] == "")

    def test_doctor_fails_on_a_damaged_model(self):
        damaged = self.home / "damaged"
        shutil.copytree(MODEL, damaged)
        weights = damaged / "model.safetensors"
        weights.chmod(0o644)
        weights.write_bytes(weights.read_bytes()[:-1000])
        done = self.jaju("doctor", str(damaged))
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAIL", done.stdout)
        self.assertIn("model.safetensors", done.stdout)
        self.assertEqual(self.jaju("doctor", "nowhere").returncode, 1)
        self.assertEqual(self.jaju("doctor", env={"JAJU_ISA": "mmx"}).returncode, 1)

    def test_version(self):
        out = json.loads(self.good("version", "--json").stdout)
        self.assertLessEqual({"version", "commit", "compiler", "kernels"}, set(out))
        self.assertIn("ref", out["kernels"]["runnable"])
        self.assertIn("commit" if out["commit"] == "unknown" else out["commit"], self.good("--version").stdout + "commit")


class CommandLine(ProgramTest):
    VERBS = ("run", "show", "tokenize", "tokenizer", "logits", "doctor", "version")

    def test_help_teaches(self):
        top = self.good("--help").stdout
        for verb in self.VERBS:
            self.assertIn(verb, top)
            page = self.good(verb, "--help")
            self.assertIn("Example", page.stdout)
            self.assertIn(f"jaju {verb}", page.stdout)
            self.assertEqual(page.stderr, "")

    def test_mistakes(self):
        self.bad(2, "rnu", says="did you mean 'run'")
        self.bad(2, "frobnicate", says="jaju --help")
        self.bad(2, "show", "--layer", MODEL, says="did you mean --layers")
        self.bad(2, "doctor", "--nonsense-option", says="jaju doctor --help")
        self.bad(2, "run", "--temperature", "warm", "x", says="--temperature")
        self.bad(2, "tokenize", says="MODEL")
        done = self.jaju()
        self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_a_full_disk_is_an_error(self):
        import subprocess
        from program import PROGRAM
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "version"], stdout=full, stderr=subprocess.PIPE, env=self.environment())
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"could not be written", done.stderr)


if __name__ == "__main__":
    unittest.main()
