"""jaju pack: what it writes runs, is verified, and is refused where it should be."""
import json
import os
import pathlib
import resource
import shutil
import subprocess
import unittest

from program import MODEL, PROGRAM, ProgramTest

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
        said = self.good("pack", NANO, "--dry-run").stdout
        plain = json.loads(self.good("show", NANO, "--json").stdout)
        self.assertRegex(said, f"all +{plain['parameters']['total']:,} ")  # a head that is the embedding counts once
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

    def test_fewer_bits(self):
        sizes = []
        for scheme in ("q4", "q3", "q2"):
            to = self.home / scheme
            self.good("pack", NANO, "--to", to, "--experts", scheme, "--rest", "q6")
            self.assertIn("as they were written", self.good("pack", "--verify", to).stdout)
            self.assertIn(scheme, self.good("show", to).stdout)
            self.good("run", to, "--check", "1+1", "--max-tokens", "4")
            out = json.loads(self.good("pack", NANO, "--dry-run", "--json", "--experts", scheme).stdout)
            sizes.append(next(p["bytes"] for p in out["parts"] if p["name"] == "routed experts"))
        self.assertEqual(sizes, sorted(sizes, reverse=True))

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

    def write_text(self, name="text.txt", n=400):
        path = self.home / name
        path.write_text("".join(f"{i} + {i % 7} = {i + i % 7}. 사과 {i}개.\n" for i in range(n)))
        return path

    def test_calibration(self):
        text, kept = self.write_text(), self.home / "kept.importance"
        words = ("--calibration", text, "--calibration-tokens", "2000", "--quiet")
        self.good("pack", NANO, *words, "--save-importance", kept)
        self.assertFalse(self.to.exists())
        self.good("pack", NANO, "--to", self.to, *words)
        manifest = json.loads((self.to / "packed.json").read_text())
        self.assertEqual(manifest["calibration_tokens"], 2000)
        self.good("pack", "--verify", self.to)
        self.assertEqual([p.name for p in self.to.iterdir() if "importance" in p.name], [])
        # The same from the file; not the same without.
        again, plain = self.home / "again", self.home / "plain"
        self.good("pack", NANO, "--to", again, "--importance", kept)
        self.good("pack", NANO, "--to", plain)
        weights = [(d / "model.safetensors").read_bytes() for d in (self.to, again, plain)]
        self.assertEqual(weights[0], weights[1])
        self.assertNotEqual(weights[0], weights[2])
        self.assertEqual(len(weights[0]), len(weights[2]))
        self.assertNotIn("calibration_tokens", json.loads((plain / "packed.json").read_text()))

    def test_calibration_mistakes(self):
        text = self.write_text(n=40)
        self.bad(1, "pack", MODEL, "--to", self.to, "--calibration", self.home / "none.txt", says="none.txt")
        self.bad(2, "pack", MODEL, "--to", self.to, "--calibration-tokens", "50", says="--calibration")
        self.bad(2, "pack", MODEL, "--to", self.to, "--save-importance", "x", says="--calibration")
        self.bad(2, "pack", MODEL, "--to", self.to, "--calibration", text, "--importance", "x", says="--importance")
        self.bad(1, "pack", MODEL, "--to", self.to, "--importance", pathlib.Path(MODEL) / "model.safetensors",
                 says="holds no importance")
        self.assertFalse(self.to.exists())
        kept = self.home / "kept.importance"
        self.good("pack", NANO, "--calibration", text, "--save-importance", kept, "--quiet")
        self.bad(1, "pack", MODEL, "--to", self.to, "--importance", kept, says="this model wants")

    def test_interrupted_work_knows_its_calibration(self):
        text = self.write_text()
        words = ["pack", NANO, "--to", self.to, "--calibration", text, "--quiet"]
        stage = self.to.with_name("packed.partial")
        # No file may grow past 2 MB: the weights cannot, and the statistics are there by then.
        limit = 2_000_000
        killed = subprocess.run([PROGRAM, *words], capture_output=True, env=self.environment(),
                                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertEqual(killed.returncode, 1, killed.stderr)
        self.assertIn(b"File too large", killed.stderr)
        self.assertTrue((stage / "importance.kept").exists())
        for other in (["--calibration-tokens", "500"], ["--experts", "q6"]):  # so would another tokenizer be
            self.bad(1, *words, *other, says="other work")
        self.bad(1, "pack", NANO, "--to", self.to, says="other work")
        self.bad(1, *words[:4], "--calibration", self.write_text("other.txt", 300), says="other work")
        self.good(*words)
        whole = self.home / "whole"
        self.good("pack", NANO, "--to", whole, *words[4:])
        for name in ("model.safetensors", "packed.json"):
            self.assertEqual((self.to / name).read_bytes(), (whole / name).read_bytes())

    def test_a_text_that_cannot_be_read_leaves_nothing(self):
        lines = self.home / "lines.jsonl"
        lines.write_text('{"text": "good words here"}\n{"words": 1}\n')
        self.bad(1, "pack", NANO, "--to", self.to, "--calibration", lines, says="lines.jsonl line 2")
        self.assertEqual([p.name for p in self.home.iterdir()], ["lines.jsonl"])

    def test_places(self):
        self.bad(2, "pack", MODEL, says="--to")
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
        # Files of others that look unfinished are theirs.
        foreign = self.home / "mine.partial"
        foreign.mkdir()
        for name in ("film.mkv.partial", "notes.tmp-2024.txt"):
            (foreign / name).write_text("keep")
        self.bad(1, "pack", MODEL, "--to", self.home / "mine", says="not empty")
        self.assertEqual(sorted(f.name for f in foreign.iterdir()), ["film.mkv.partial", "notes.tmp-2024.txt"])
        # A link is followed, also where nothing is yet; a slash at the end is no name.
        elsewhere = self.home / "elsewhere"
        elsewhere.mkdir()
        (self.home / "link").symlink_to(elsewhere / "model")
        source = self.home / "source"
        shutil.copytree(MODEL, source)
        self.good("pack", str(source) + "/", "--to", self.home / "link")
        self.assertEqual(json.loads((elsewhere / "model" / "packed.json").read_text())["source"], "source")
        self.good("pack", "--verify", self.home / "link")
        (self.home / "slash").symlink_to(str(elsewhere / "other") + "/")
        self.good("pack", MODEL, "--to", self.home / "slash")
        self.good("pack", "--verify", elsewhere / "other")

    def test_nothing_of_the_user_is_overwritten(self):
        source = self.home / "source"
        shutil.copytree(MODEL, source)
        weights = source / "model.safetensors"
        before = weights.read_bytes()
        text = self.write_text()
        for target in (weights, text):
            self.bad(1, "pack", source, "--calibration", text, "--save-importance", target, says="holds no importance")
            self.bad(1, "pack", source, "--to", self.to, "--calibration", text, "--save-importance", target,
                     says="holds no importance")
        self.bad(1, "pack", source, "--calibration", text, "--save-importance", self.home / "no" / "x", says="cannot write")
        self.bad(1, "gguf", "export", source, "--to", weights, "--force", says="file of the model itself")
        # As Hugging Face's cache has it: links to blobs.
        snapshot = self.home / "snapshot"
        snapshot.mkdir()
        for file in source.iterdir():
            (snapshot / file.name).symlink_to(file)
        self.bad(1, "gguf", "export", snapshot, "--to", snapshot / "model.safetensors", "--force", says="file of the model itself")
        self.assertEqual(weights.read_bytes(), before)
        kept = self.home / "kept.importance"
        for _ in range(2):  # its own kind is replaced
            self.good("pack", source, "--calibration", text, "--save-importance", kept)
        os.mkfifo(self.home / "pipe")
        self.bad(1, "pack", source, "--to", self.to, "--calibration", self.home / "pipe", says="regular file")
        self.bad(1, "pack", source, "--to", self.to, "--importance", self.home / "pipe", says="regular file")

    def test_what_does_not_decide_the_bytes_does_not_stop_a_resumption(self):
        source = self.home / "source"
        shutil.copytree(NANO, source)
        words = ["pack", source, "--to", self.to, "--quiet"]
        limit = 2_000_000
        subprocess.run([PROGRAM, *words], capture_output=True, env=self.environment(),
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertTrue(self.to.with_name("packed.partial").exists())
        (source / "notes.json").write_text("{}")
        (source / "generation_config.json").touch()
        self.good(*words)
        (source / "tokenizer.json").unlink()
        (source / "tokenizer.json").symlink_to("nowhere")
        self.bad(1, "pack", source, "--to", self.home / "again", says="a file that is not there")
        (source / "tokenizer.json").unlink()
        (source / "tokenizer.json").write_text("{")
        self.bad(1, "pack", source, "--to", self.home / "again", says="not valid JSON")
        self.assertFalse((self.home / "again.partial").exists())

    def test_command_lines_that_say_two_things(self):
        shape = "layers=2,hidden=64,ff=64,experts=8,width=64,heads=2,vocab=256,groups=1"
        for more in (["--calibration", "x"], ["--importance", "x"], ["--verify"]):
            self.bad(2, "pack", "--random", shape, "--to", self.to, *more, says="excludes")
        self.bad(2, "pack", MODEL, "--to", self.to, "--skew", "1", says="--random")
        self.bad(2, "pack", "--random", shape, "--to", self.to, "--skew", "nan", says="--skew")
        self.bad(2, "pack", MODEL, "--to", self.to, "--threads", "-1", says="--threads")
        self.bad(1, "pack", "--random", "foo=1", "--to", self.to, says="--random: there is no 'foo'")
        self.bad(1, "pack", "--random", "layers=1,layers=2", "--to", self.to, says="layers is there twice")
        out = json.loads(self.good("pack", "--random", shape + ",dtype=q3,rest=q6", "--dry-run", "--json").stdout)
        self.assertEqual([part["scheme"] for part in out["parts"][:2]], ["q3", "q6"])


if __name__ == "__main__":
    unittest.main()
