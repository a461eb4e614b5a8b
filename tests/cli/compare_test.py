"""jaju compare: its figures against sums over the logits that `jaju logits` prints, in plain Python."""
import array
import json
import math
import pathlib
import unittest

from program import MODEL, ProgramTest

NANO = pathlib.Path(__file__).resolve().parents[2] / "models" / "nano"
TEXT = "사과 12개에서 5개를 먹으면 7개가 남습니다. Seven apples are left, and 7 + 5 = 12.\nprint(12 - 5)\n" * 3


def log_softmax(row):
    row = array.array("f", row)  # decimals are the shortest that name a float32
    most = max(row)
    total = most + math.log(math.fsum(math.exp(x - most) for x in row))
    return [x - total for x in row]


class Compare(ProgramTest):
    def setUp(self):
        super().setUp()
        self.text = self.home / "text.txt"
        self.text.write_text(TEXT)
        self.packed = self.home / "packed"
        self.good("pack", MODEL, "--to", self.packed, "--rest", "q4", "--quiet")

    def compare(self, *more):
        return json.loads(self.good("compare", self.packed, MODEL, "--text", self.text, "--json", "-", *more).stdout)

    def test_figures_are_sums_over_logits(self):
        ids = json.loads(self.good("tokenize", MODEL, "--jsonl", stdin=json.dumps(TEXT) + "\n").stdout)
        window, tokens = 40, 90
        self.assertGreater(len(ids), tokens)
        cut = [ids[i:min(i + window, tokens)] for i in range(0, tokens, window)]
        kls, same, change, losses, by_sequence = [], 0, [], [[], []], []
        for sequence in cut:
            rows = []
            for model in (MODEL, self.packed):
                words = ",".join(map(str, sequence))
                rows.append(json.loads(self.good("logits", model, "--tokens", words, "--all", "--json").stdout)["logits"])
            by_sequence.append([])
            for i, token in enumerate(sequence[1:]):
                p, q = log_softmax(rows[0][i]), log_softmax(rows[1][i])
                kls.append(math.fsum(math.exp(a) * (a - b) for a, b in zip(p, q)))
                by_sequence[-1].append(kls[-1])
                same += p.index(max(p)) == q.index(max(q))
                losses[0].append(-p[token])
                losses[1].append(-q[token])
                change.append(math.exp(q[token]) - math.exp(p[token]))
        n = len(kls)
        out = self.compare("--window", str(window), "--tokens", str(tokens))
        self.assertEqual((out["positions"], out["sequences"], out["tokens"]), (n, len(cut), tokens))
        mean = math.fsum(kls) / n
        self.assertGreater(mean, 1e-5)

        def near(got, want):
            self.assertAlmostEqual(got, want, delta=1e-11 * abs(want))

        near(out["kl"]["mean"], mean)
        near(out["same_top"]["mean"], same / n)
        near(out["reference_perplexity"]["mean"], math.exp(math.fsum(losses[0]) / n))
        near(out["perplexity"]["mean"], math.exp(math.fsum(losses[1]) / n))
        near(out["perplexity_ratio"]["mean"], math.exp((math.fsum(losses[1]) - math.fsum(losses[0])) / n))
        near(out["probability_change_rms"], math.sqrt(math.fsum(x * x for x in change) / n))
        ranked = sorted(kls)
        self.assertAlmostEqual(out["kl"]["p50"], ranked[math.ceil(n / 2) - 1], delta=1e-6 * mean)
        self.assertAlmostEqual(out["kl"]["max"], ranked[-1], delta=1e-6 * ranked[-1])
        spread = math.fsum((math.fsum(s) - mean * len(s)) ** 2 for s in by_sequence)
        k = len(cut)
        near(out["kl"]["high"] - out["kl"]["mean"], 1.959964 * math.sqrt(k / (k - 1) * spread) / n)

    def test_a_model_does_not_differ_from_itself(self):
        out = json.loads(self.good("compare", MODEL, MODEL, "--text", self.text, "--json", "-").stdout)
        self.assertEqual(out["kl"]["max"], 0)
        self.assertEqual(out["same_top"]["mean"], 1)
        self.assertIsNone(out["kl"]["low"])  # one sequence has no spread

    def test_the_table_and_the_file(self):
        file = self.home / "out.json"
        said = self.good("compare", self.packed, MODEL, "--text", self.text, "--window", "50", "--json", file).stdout
        self.assertIn("KL divergence", said)
        self.assertLess(max(map(len, said.splitlines()[1:])), 100)
        self.assertTrue(json.loads(file.read_text())["complete"])

    def test_mistakes(self):
        self.bad(2, "compare", MODEL, MODEL, says="--text")
        self.bad(1, "compare", MODEL, MODEL, "--text", self.home / "none.txt", says="none.txt")
        self.bad(1, "compare", MODEL, "no-such-model", "--text", self.text, says="no-such-model")
        other = self.home / "golden"
        self.bad(1, "compare", MODEL, str(other), "--text", self.text, says="golden")
        self.bad(1, "compare", NANO, MODEL, "--text", self.text, says="vocabularies")


if __name__ == "__main__":
    unittest.main()
