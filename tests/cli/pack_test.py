"""jaju pack: what it writes runs, is verified, and is refused where it should be."""
import json
import pathlib
import unittest

from program import MODEL, ProgramTest

NANO = pathlib.Path(__file__).resolve().parents[2] / "models" / "nano"


class Pack(ProgramTest):
    def setUp(self):
        super().setUp()
        self.to = self.home / "packed"

    def test_sizes_without_writing(self):
        out = json.loads(self.good("pack", NANO, "--dry-run", "--json").stdout)
        parts = {p["name"]: p for p in out["parts"]}
        experts = parts["routed experts"]
        self.assertEqual(experts["scheme"], "q4")
        self.assertEqual(experts["parameters"], 5 * 24 * 3 * 192 * 64)
        self.assertLess(8 * experts["bytes"] / experts["parameters"], 5.5)  # rows of 64 and whole extents cost a little
        self.assertEqual(sum(p["bytes"] for p in out["parts"]), out["bytes"])
        self.assertIn("all", self.good("pack", NANO, "--dry-run").stdout)
        self.assertFalse(self.to.exists())

    def test_a_packed_model_is_a_model(self):
        said = self.good("pack", NANO, "--to", self.to).stdout
        self.assertIn("tensors", said)
        self.assertEqual(sorted(p.name for p in self.to.iterdir() if p.suffix == ".safetensors"), ["model.safetensors"])
        self.assertFalse((self.to / "stage.json").exists())
        self.assertIn("as they were written", self.good("pack", "--verify", self.to).stdout)
        shown = json.loads(self.good("show", self.to, "--json").stdout)
        plain = json.loads(self.good("show", NANO, "--json").stdout)
        # Without the norm of the dense layer that nothing applies.
        self.assertIn(plain["parameters"]["total"] - shown["parameters"]["total"], (0, 192))
        question = "12+34=?"
        answer = self.good("run", NANO, question, "--think").stdout
        self.assertEqual(self.good("run", self.to, question, "--think").stdout, answer)
        self.good("run", self.to, "--check", "1+1")
        self.bad(1, "pack", self.to, "--to", self.home / "again", says="packed already")
        self.bad(1, "gguf", "export", self.to, "--to", self.home / "x.gguf", says="packed model")

    def test_damage_is_found(self):
        self.good("pack", MODEL, "--to", self.to, "--experts", "q8")
        file = self.to / "model.safetensors"
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        self.bad(1, "pack", "--verify", self.to, says="damaged")
        (self.to / "packed.json").write_text("{}")
        self.bad(1, "pack", "--verify", self.to, says="packed.json")
        self.bad(1, "pack", "--verify", MODEL, says="no packed model")

    def test_places(self):
        self.bad(1, "pack", MODEL, says="--to")
        self.to.mkdir()
        (self.to / "mine").write_text("keep")
        self.bad(1, "pack", MODEL, "--to", self.to, says="is there already")
        self.assertEqual((self.to / "mine").read_text(), "keep")
        stage = self.home / "other.partial"
        stage.mkdir()
        (stage / "mine").write_text("keep")
        self.bad(1, "pack", MODEL, "--to", self.home / "other", says="not empty")
        self.assertEqual((stage / "mine").read_text(), "keep")
        self.bad(2, "pack", MODEL, "--experts", "q5", says="q5")


if __name__ == "__main__":
    unittest.main()
