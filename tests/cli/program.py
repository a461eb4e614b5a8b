"""Runs the built program for the tests in this folder. Standard library only."""
import os
import pathlib
import subprocess
import tempfile
import unittest

PROGRAM = os.environ["JAJU_PROGRAM"] if "JAJU_PROGRAM" in os.environ else None
GOLDEN = pathlib.Path(os.environ.get("JAJU_TESTS", pathlib.Path(__file__).parent.parent)) / "golden"
MODEL = str(GOLDEN / "tiny-chat")


class ProgramTest(unittest.TestCase):
    """A home of its own for every test, so nothing of the user's is read or written."""

    def setUp(self):
        self._home = tempfile.TemporaryDirectory()
        self.home = pathlib.Path(self._home.name)
        self.addCleanup(self._home.cleanup)

    def environment(self, **more):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAJU_", "XDG_", "LC_", "NO_COLOR"))}
        kept.update(JAJU_HOME=str(self.home), LANG="C.UTF-8", TERM="xterm")
        kept.update(more)
        return kept

    def jaju(self, *words, stdin="", env=None, cwd=None, text=True):
        if text:
            stdin = stdin.encode()
        done = subprocess.run([PROGRAM, *words], input=stdin, capture_output=True, timeout=120, cwd=cwd,
                              env=self.environment(**(env or {})))
        if text:
            done.stdout = done.stdout.decode()
            done.stderr = done.stderr.decode()
        return done

    def good(self, *words, **more):
        done = self.jaju(*words, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def bad(self, code, *words, says, **more):
        """Fails with `code`, nothing on stdout, one sentence on stderr that contains every part of `says`."""
        done = self.jaju(*words, **more)
        self.assertEqual(done.returncode, code, f"{words}: {done.stderr}")
        self.assertEqual(done.stdout, "", words)
        lines = [line for line in done.stderr.splitlines() if "random model answers" not in line]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("jaju: "), lines[0])
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, lines[0])
        return done
