"""jaju data from outside: the verbs, and what survives kill -9 and a disk that refuses."""
import json
import pathlib
import random
import resource
import signal
import subprocess
import time
import unittest

from program import GOLDEN, PROGRAM, ProgramTest

TOKENIZER = str(GOLDEN / "tiny-chat")


def read_lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


class Data(ProgramTest):
    def synth(self, name="p", **more):
        options = {"train": 2000, "test": 50} | more
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        self.good("data", "synth", "--to", str(self.home / name), "--quiet", *words)
        # Plain text of the test's own, so that it does not hang on what the grammars give.
        with open(self.home / name / "notes.jsonl", "w") as file:
            for i in range(300):
                file.write(json.dumps({"text": f"{i} and {i + 1} make {2 * i + 1}."}) + "\n")
        return self.home / name

    def files(self, directory):
        return {path.name: path.read_bytes() for path in sorted(pathlib.Path(directory).iterdir())}

    def test_synth_stats_show_check(self):
        out = self.synth()
        self.assertEqual(sorted(p.name for p in out.iterdir()), ["manifest.json", "notes.jsonl", "test.jsonl", "text.jsonl", "train.jsonl"])
        train = read_lines(out / "train.jsonl")
        self.assertEqual(len(train), 2000)
        self.assertEqual(list(train[0]), ["id", "task", "language", "difficulty", "question", "thinking", "answer", "expected"])
        stats = [json.loads(line) for line in self.good("data", "stats", str(out), "--json").stdout.splitlines()]
        self.assertEqual([s["problems"] for s in stats], [2000, 50])
        for task, n in stats[0]["by_task"].items():
            self.assertEqual(n, sum(p["task"] == task for p in train))
        self.assertIn("by language", self.good("data", "stats", str(out)).stdout)
        shown = self.good("data", "show", str(out / "train.jsonl"), "-n", "3", "--task", "add")
        self.assertEqual(shown.stdout.count("--- add"), 3)
        self.good("data", "check", str(out / "train.jsonl"))
        self.good("data", "check", str(out / "train.jsonl"), "--against", str(out / "test.jsonl"))
        # A planted leak, in other clothes, is found.
        leak = read_lines(out / "test.jsonl")[7]
        leak["question"] = "  " + leak["question"].upper().replace(" ", "   ")
        with open(out / "train.jsonl", "a") as file:
            file.write(json.dumps(leak) + "\n")
        done = self.jaju("data", "check", str(out / "train.jsonl"), "--against", str(out / "test.jsonl"), "--json")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout)["same_question"], 1)

    def test_nothing_of_the_user_is_overwritten(self):
        (self.home / "mine").mkdir()
        (self.home / "mine" / "text.jsonl").write_text("precious")
        words = ["data", "synth", "--to", str(self.home / "mine"), "--train", "20", "--test", "5", "--quiet"]
        self.bad(1, *words, says=["text.jsonl is there already", "--force"])
        self.assertEqual((self.home / "mine" / "text.jsonl").read_text(), "precious")
        self.good(*words, "--force")
        self.bad(1, "data", "show", str(self.home / "mine" / "train.jsonl"), "--task", "ad", says="its tasks are")
        checked = [json.loads(line) for line in self.good("data", "check", str(self.home / "mine"), "--json").stdout.splitlines()]
        self.assertEqual([(c["problems"], c["ok"]) for c in checked], [(20, True), (5, True)])

    def test_wrong_command_lines(self):
        self.bad(2, "data", "synth", "--to", "x", "--train", "-1", says="--train")
        self.bad(2, "data", "synth", "--to", "x", "--seed", "-1", says="--seed")
        self.bad(1, "data", "prepare", str(self.home), "--tokenizer", TOKENIZER, "--to", "x", says="is a directory")
        self.bad(2, "data", says="subcommand")
        self.bad(2, "data", "synth", says="--to")
        self.bad(1, "data", "synth", "--to", str(self.home / "x"), "--tasks", "ad", says="there is no task or group 'ad'")
        self.bad(1, "data", "synth", "--to", str(self.home / "x"), "--languages", "fr", says="there is no language 'fr'")
        self.bad(1, "data", "synth", "--to", str(self.home / "x"), "--languages", "ko=x", says="'x' is not a weight")
        prepare = ["data", "prepare", "--tokenizer", TOKENIZER, "--to", str(self.home / "s")]
        self.bad(2, *prepare, says="nothing to prepare")
        self.bad(2, *prepare, "x.jsonl", "--format", "page", says="there is no format 'page'")
        self.bad(2, *prepare, "--source", "x.jsonl:page", says="--source")
        self.bad(2, *prepare, "x.jsonl", "--weight", "y.jsonl=2", says="'y.jsonl' is not one of the files")
        self.bad(1, *prepare, "x.jsonl", says="x.jsonl")
        self.bad(1, "data", "check", str(self.home), says="has no manifest.json")
        self.bad(1, "data", "show", str(self.home / "none.jsonl"), says="none.jsonl")

    def prepare(self, out, to):
        return [PROGRAM, "data", "prepare", "--source", f"{out / 'train.jsonl'}:both", "--source",
                f"{out / 'notes.jsonl'}:text:3", "--tokenizer", TOKENIZER, "--to", str(to), "--shard-tokens", "60000",
                "--quiet"]

    def test_kill_and_go_on(self):
        out = self.synth(train=12000)
        subprocess.run(self.prepare(out, self.home / "whole"), check=True, capture_output=True, env=self.environment())
        whole = self.files(self.home / "whole")
        self.assertGreater(len(whole), 10)
        dice = random.Random(5)
        target = self.home / "killed"

        def shards():
            return len(list(target.glob("shard-*.bin")))

        kills = 0
        for _ in range(100):
            process = subprocess.Popen(self.prepare(out, target), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=self.environment())
            # Killed a random moment after it wrote one to four shards more.
            enough = shards() + dice.randint(1, 4)
            while shards() < enough and process.poll() is None:
                time.sleep(0.001)
            time.sleep(dice.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
            if process.wait() == 0:
                break
            kills += 1
        else:
            self.fail("100 runs did not finish it: nothing is carried over from one to the next")
        self.assertGreater(kills, 3)
        got = self.files(target)
        self.assertEqual(sorted(got), sorted(whole))
        for name, content in whole.items():
            self.assertTrue(got[name] == content, f"{name} differs")

    def test_a_full_disk(self):
        """A file may not grow beyond a limit: the write fails as on a full disk, with another errno."""
        out = self.synth(train=4000)

        def limited(*words, limit):
            def prepare_child():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

            return subprocess.run(words, capture_output=True, text=True, env=self.environment(), preexec_fn=prepare_child)

        target = self.home / "s"
        done = limited(*self.prepare(out, target), limit=100_000)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn("cannot write", done.stderr)
        self.assertIn("shard-00000.bin", done.stderr)
        self.assertEqual([p.name for p in target.iterdir()], ["progress.json"])
        subprocess.run(self.prepare(out, target), check=True, capture_output=True, env=self.environment())
        self.good("data", "check", str(target))
        # No half-written file keeps a final name.
        done = limited(PROGRAM, "data", "synth", "--to", str(self.home / "q"), "--train", "2000", "--test", "20", "--quiet",
                       limit=50_000)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write", done.stderr)
        self.assertNotIn("train.jsonl", [p.name for p in (self.home / "q").iterdir()])
        self.assertNotIn("manifest.json", [p.name for p in (self.home / "q").iterdir()])

    def test_interrupt_says_how_to_go_on(self):
        out = self.synth(train=12000)
        process = subprocess.Popen(self.prepare(out, self.home / "s"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=self.environment())
        deadline = time.monotonic() + 30
        while not (self.home / "s" / "progress.json").exists() and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, errors)
        self.assertIn("the same command goes on", errors)

    def test_damage_is_named(self):
        out = self.synth()
        subprocess.run(self.prepare(out, self.home / "s"), check=True, capture_output=True, env=self.environment())
        shard = self.home / "s" / "shard-00001.bin"
        data = bytearray(shard.read_bytes())
        data[1000] ^= 1
        shard.write_bytes(data)
        self.bad(1, "data", "check", str(self.home / "s"), says=["shard-00001.bin is damaged", "jaju data prepare"])


if __name__ == "__main__":
    unittest.main()
