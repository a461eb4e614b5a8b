"""The script ./jaju at the root, in a made-up checkout with a made-up cmake: when it builds, and how it fails."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(os.environ.get("JAJU_TESTS", pathlib.Path(__file__).parent.parent)).parent

CMAKE = """#!/bin/sh
# Counts its calls; --build makes a program that prints its arguments.
echo "$*" >> "$CALLS"
if [ "$1" = --build ]; then
  [ -z "$BREAK" ] || { echo "error: broken on purpose"; exit 1; }
  echo "[1/1] Linking"
  printf '#!/bin/sh\\nfor a in "$@"; do echo "<$a>"; done\\n' > "$2/jaju.new"
  chmod +x "$2/jaju.new" && mv "$2/jaju.new" "$2/jaju"
  case "$*" in *jaju-train*) cp "$2/jaju" "$2/jaju-train" ;; esac
  [ -z "$SLOW" ] || sleep 1
fi
"""


class Script(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        base = pathlib.Path(folder.name)
        self.checkout = base / "a check out"
        (self.checkout / "src").mkdir(parents=True)
        (self.checkout / "cmake").mkdir()
        (self.checkout / "src" / "a.cc").write_text("")
        (self.checkout / "CMakeLists.txt").write_text("")
        shutil.copy(ROOT / "jaju", self.checkout / "jaju")
        self.tools = base / "tools"
        self.tools.mkdir()
        self.tool("cmake", CMAKE)
        self.tool("dpkg-query", '#!/bin/sh\n[ -z "$LACK" ] && echo "install ok installed"\n')
        self.calls = base / "calls"
        self.calls.write_text("")

    def tool(self, name, text):
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def environment(self, **env):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("JAJU_")}
        return dict(kept, PATH=f"{self.tools}:{kept['PATH']}", CALLS=str(self.calls), **env)

    def jaju(self, *words, script=None, cwd="/", **env):
        return subprocess.run([str(script or self.checkout / "jaju"), *words], capture_output=True, text=True, cwd=cwd,
                              stdin=subprocess.DEVNULL, timeout=60, env=self.environment(**env))

    def builds(self):
        return sum(line.startswith("--build") for line in self.calls.read_text().splitlines())

    def test_builds_once_then_only_when_something_is_newer(self):
        first = self.jaju("run", "두 낱말", "*")
        self.assertEqual((first.returncode, first.stdout), (0, "<run>\n<두 낱말>\n<*>\n"), first.stderr)
        self.assertEqual(first.stderr, "jaju: building (1 steps)\n")
        again = self.jaju("x")
        self.assertEqual((again.stdout, again.stderr, self.builds()), ("<x>\n", "", 1))
        time.sleep(0.02)
        (self.checkout / "src" / "a.cc").write_text("changed")
        self.jaju("x")
        self.assertEqual(self.builds(), 2)
        time.sleep(0.02)
        (self.checkout / "src" / "a.cc").unlink()
        self.jaju("x")
        self.assertEqual(self.builds(), 3)
        self.jaju("x")
        self.assertEqual(self.builds(), 3)

    def test_only_train_builds_the_trainer(self):
        self.assertEqual(self.jaju("run").returncode, 0)
        self.assertNotIn("JAJU_TRAIN=ON", self.calls.read_text())
        self.assertNotIn("jaju-train", self.calls.read_text())
        for _ in range(2):
            out = self.jaju("train", "status", "a b")
            self.assertEqual((out.returncode, out.stdout), (0, "<train>\n<status>\n<a b>\n"), out.stderr)
        self.assertEqual(self.builds(), 2)
        self.assertIn("JAJU_TRAIN=ON", self.calls.read_text())
        time.sleep(0.01)
        (self.checkout / "src" / "a.cc").write_text("newer")
        self.assertEqual(self.jaju("run").returncode, 0)
        self.assertNotIn("jaju-train", self.calls.read_text().splitlines()[-1])
        self.jaju("train")
        self.assertIn("jaju-train", self.calls.read_text().splitlines()[-1])

    def test_run_does_not_ask_for_the_trainers_packages(self):
        self.tool("dpkg-query", '#!/bin/sh\ncase "$*" in *libtorch*) ;; *) echo "install ok installed" ;; esac\n')
        self.tool("apt-get", '#!/bin/sh\necho "apt $*" >> "$CALLS"\n')
        self.assertEqual(self.jaju("run").returncode, 0)
        self.assertNotIn("apt ", self.calls.read_text())
        self.assertIn("JAJU_TRAIN=OFF", self.calls.read_text())

    # Of the processor's time, which is the script's own whatever else the machine does.
    def test_a_fresh_start_takes_under_a_tenth_of_a_second_and_calls_no_tool(self):
        self.assertEqual(self.jaju("x").returncode, 0)
        self.assertNotEqual(self.calls.read_text(), "")
        self.calls.write_text("")
        times = []
        for _ in range(5):
            before = os.times()
            self.assertEqual(self.jaju("x").returncode, 0)
            after = os.times()
            times.append(after.children_user - before.children_user + after.children_system - before.children_system)
        self.assertEqual(self.calls.read_text(), "")
        self.assertLess(min(times), 0.1, times)

    def test_through_a_symlink_from_another_folder(self):
        link = self.tools / "linked"
        link.symlink_to(self.checkout / "jaju")
        done = self.jaju("x", script=link, cwd=self.tools)
        self.assertEqual((done.returncode, done.stdout), (0, "<x>\n"))
        self.assertTrue((self.checkout / "build" / "release" / "jaju").exists())

    def test_a_failed_build_shows_the_log_and_keeps_failing(self):
        for _ in range(2):
            done = self.jaju("x", BREAK="1")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("broken on purpose", done.stderr)
            self.assertIn("build/release/build.log", done.stderr)
        self.assertEqual(self.jaju("x").stdout, "<x>\n")

    def test_two_first_calls_build_once(self):
        both = [subprocess.Popen([str(self.checkout / "jaju"), "x"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 text=True, env=self.environment(SLOW="1")) for _ in range(2)]
        for process in both:
            out, err = process.communicate(timeout=60)
            self.assertEqual(out, "<x>\n", err)
        self.assertEqual(self.builds(), 1)

    def test_without_rights_it_prints_the_one_command(self):
        self.tool("id", "#!/bin/sh\necho 1000\n")
        self.tool("sudo", "#!/bin/sh\nexit 1\n")
        done = self.jaju("x", LACK="1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("sudo apt-get install -y", done.stderr)
        self.assertIn("libedit-dev", done.stderr)
        self.assertEqual(self.builds(), 0)

    def test_build_folder_elsewhere(self):
        place = self.tools / "other place"
        self.assertEqual(self.jaju("x", JAJU_BUILD_DIR=str(place)).stdout, "<x>\n")
        self.assertTrue((place / "release" / "jaju").exists())
        self.assertFalse((self.checkout / "build").exists())

    @unittest.skipIf(os.geteuid() == 0, "root can write anywhere")
    def test_read_only_but_built(self):
        self.jaju("x")
        for folder in (self.checkout / "build" / "release", self.checkout / "build", self.checkout):
            folder.chmod(0o555)
            self.addCleanup(folder.chmod, 0o755)
        self.assertEqual(self.jaju("x").stdout, "<x>\n")

    def test_fuzz_knows_its_targets(self):
        (self.checkout / "fuzz").mkdir()
        (self.checkout / "fuzz" / "CMakeLists.txt").write_text("jaju_fuzz(json DEPENDS base)\n")
        self.assertEqual(self.jaju("fuzz").stdout, "json\n")
        self.assertEqual(self.jaju("fuzz", "nothing").returncode, 2)


if __name__ == "__main__":
    unittest.main()
