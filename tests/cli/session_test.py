"""The session on a terminal, driven through a pseudo terminal."""
import os
import pty
import re
import select
import stat
import subprocess
import time
import unittest

from program import MODEL, PROGRAM, ProgramTest


class Terminal:
    def __init__(self, words, env):
        self.master, slave = pty.openpty()
        import fcntl
        import struct
        import termios
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))

        def own_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([PROGRAM, *words], stdin=slave, stdout=slave, stderr=slave, env=env,
                                        preexec_fn=own_terminal)
        os.close(slave)
        self.seen = ""  # everything shown so far
        self.at = 0     # how far expect() has read

    def expect(self, pattern, seconds=30):
        """Waits until `pattern` shows up behind what was expected before; returns the match."""
        end = time.monotonic() + seconds
        while True:
            match = re.compile(pattern, re.S).search(self.seen, self.at)
            if match:
                self.at = match.end()
                return match
            left = end - time.monotonic()
            if left <= 0 or not self.read(left):
                raise AssertionError(f"no {pattern!r} in {self.seen[self.at:]!r}")

    def read(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def send(self, text):
        os.write(self.master, text.encode())

    def line(self, text):
        self.send(text + "\r")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


class Session(ProgramTest):
    def start(self, *words, **env):
        terminal = Terminal(["run", MODEL, "--seed", "1", "--max-tokens", "8", *words], self.environment(**env))
        self.addCleanup(terminal.close)
        terminal.expect(r"Send a message \(/\? for help\)")
        terminal.expect(">>> ")
        return terminal

    def leave(self, terminal):
        """Ctrl-D once the prompt is there: between two prompts the terminal would swallow it."""
        end = time.monotonic() + 20
        while time.monotonic() < end and not terminal.seen.endswith(">>> "):
            terminal.read(0.2)
        terminal.send("\x04")
        self.ended(terminal)

    def ended(self, terminal, code=0):
        end = time.monotonic() + 20
        while time.monotonic() < end and terminal.process.poll() is None:
            terminal.read(0.2)
        self.assertEqual(terminal.process.poll(), code, terminal.seen)

    def test_talk_and_leave(self):
        for leave in ("/bye\r", "\x04"):
            terminal = self.start()
            terminal.line("hello")
            terminal.expect("cut after 8 tokens")
            terminal.expect(">>> ")
            terminal.send(leave)
            self.ended(terminal)

    def test_the_second_turn_reads_only_what_is_new(self):
        terminal = self.start("--verbose")
        terminal.line("hello there, this is the first message")
        first = terminal.expect(r"prompt tokens +(\d+).*?cached tokens +(\d+).*?generated tokens +(\d+)")
        self.assertEqual(first.group(2), "0")
        terminal.expect(">>> ")
        terminal.line("and the second")
        second = terminal.expect(r"prompt tokens +(\d+).*?cached tokens +(\d+)")
        # All of the first prompt and its answer but the last token, which was sampled and never read.
        self.assertGreaterEqual(int(second.group(2)), int(first.group(1)) + int(first.group(3)) - 1)
        terminal.expect(">>> ")
        terminal.line("/clear")
        terminal.expect(">>> ")
        terminal.line("hello there, this is the first message")
        again = terminal.expect(r"prompt tokens +(\d+)")
        self.assertEqual(again.group(1), first.group(1))

    def test_korean_is_edited_by_character(self):
        terminal = self.start()
        terminal.send("안녕하세요")
        terminal.send("\x7f\x7f")       # two backspaces take two syllables
        terminal.send("\x01가\x05나\r")  # to the beginning, a syllable, to the end, another
        terminal.expect("cut after")
        terminal.expect(">>> ")
        self.leave(terminal)
        self.assertEqual((self.home / "state" / "history").read_text(), '"가안녕하나"\n')

    def test_korean_without_a_locale(self):
        terminal = self.start(LANG="C")
        terminal.line("한글")
        terminal.expect("cut after")
        self.leave(terminal)
        self.assertEqual((self.home / "state" / "history").read_text(), '"한글"\n')

    def test_history_is_private_and_comes_back(self):
        terminal = self.start()
        terminal.line("something memorable")
        terminal.expect("cut after")
        terminal.expect(">>> ")
        terminal.line("/bye")
        self.ended(terminal)
        path = self.home / "state" / "history"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        terminal = self.start()
        terminal.send("\x1b[A\x1b[A")  # up: /bye, up: the message
        terminal.expect("something memorable")
        terminal.send("\r")
        terminal.expect("cut after")
        terminal.expect(">>> ")
        terminal.line("/set nohistory")
        terminal.expect("set: nohistory")
        terminal.line("a secret")
        terminal.expect("cut after")
        self.leave(terminal)
        self.assertNotIn("a secret", path.read_text())

    def test_lines_between_quotes_are_one_message(self):
        terminal = self.start()
        terminal.line('"""first')
        terminal.expect(r"\.\.\. ")
        terminal.line("second")
        terminal.expect(r"\.\.\. ")
        terminal.line('third"""')
        terminal.expect("cut after")
        terminal.expect(">>> ")
        self.leave(terminal)
        self.assertEqual((self.home / "state" / "history").read_text(), '"first\\nsecond\\nthird"\n')

    def test_a_paste_is_one_message(self):
        terminal = self.start()
        terminal.send("\x1b[200~one\rtwo\nthree\x1b[201~")
        terminal.expect("three")
        self.assertNotIn("cut after", terminal.seen)
        terminal.send("\r")
        terminal.expect("cut after")
        terminal.expect(">>> ")
        self.leave(terminal)
        self.assertEqual((self.home / "state" / "history").read_text(), '"one\\ntwo\\nthree"\n')
        self.assertIn("\x1b[?2004h", terminal.seen)

    def test_ctrl_c_stops_the_answer_and_keeps_the_session(self):
        terminal = self.start("--max-tokens", "-1", "--logit-bias", "2048:-100", "--logit-bias", "2051:-100")
        terminal.line("talk")
        terminal.expect("talk")
        terminal.expect(r"\S.{40}")
        terminal.send("\x03")
        terminal.expect(">>> ")
        terminal.send("half a line\x03")
        terminal.expect(r"Use Ctrl \+ d or /bye to exit")
        terminal.expect(">>> ")
        terminal.line("/set parameter max_tokens 3")
        terminal.expect("set max_tokens to 3")
        terminal.line("again")
        terminal.expect("cut after 3 tokens")
        self.leave(terminal)

    def test_editor_key(self):
        editor = self.home / "editor.sh"
        editor.write_text('#!/bin/sh\nprintf "%s edited" "$(cat "$1")" > "$1.new" && mv "$1.new" "$1"\n')
        editor.chmod(0o755)
        terminal = self.start(EDITOR=str(editor))
        terminal.send("draft\x07")
        terminal.expect("draft edited")
        terminal.send("\r")
        terminal.expect("cut after")
        self.leave(terminal)
        self.assertEqual((self.home / "state" / "history").read_text(), '"draft edited"\n')

    def test_set_and_show(self):
        terminal = self.start()
        for line, says in (
                ("/?", "Commands"), ("/? shortcuts", "Ctrl"), ("/set", "temperature"), ("/show", "template"),
                ("/set parameter temperature 0.25", "set temperature to 0.25"),
                ("/show parameters", r"temperature +0\.25"),
                ("/set parameter temperature hot", "not a number"),
                ("/set parameter temperature -1", "temperature"),
                ("/set parameter colour 1", "no parameter 'colour'"),
                ("/set system \"You are brief.\"", "set the system message"), ("/show system", "You are brief."),
                ("/set think", "set: think"), ("/show parameters", r"think +yes"), ("/set nothink", "set: nothink"),
                ("/set hidethinking", "set: hidethinking"), ("/set nowordwrap", "set: nowordwrap"),
                ("/set wordwrap", "set: wordwrap"), ("/set verbose", "set: verbose"), ("/set quiet", "set: quiet"),
                ("/set thinkk", "did you mean think"), ("/show info", "AXK1"), ("/show template", "im_start"),
                ("/show license", "licence"), ("/sett", "did you mean /set"), ("/frob", r"no command /frob")):
            terminal.line(line)
            terminal.expect(says)
            terminal.expect(">>> ")
        self.leave(terminal)

    def test_thinking_is_dim_or_folded(self):
        terminal = self.start("--think")
        terminal.line("hm")
        terminal.expect(r"\x1b\[2m.+\x1b\[0m")
        terminal.expect(">>> ")
        terminal.line("/set hidethinking")
        terminal.expect(">>> ")
        terminal.line("hm")
        terminal.expect(r"thought for \d+\.\d s")
        self.leave(terminal)
        terminal = self.start("--think", NO_COLOR="1")
        terminal.line("hm")
        terminal.expect("cut after")
        self.assertNotIn("\x1b[2m", terminal.seen)

    def test_save_and_load(self):
        terminal = self.start("--system", "brief", "--verbose")
        terminal.line("remember me")
        first = terminal.expect(r"prompt tokens +(\d+)")
        terminal.expect(">>> ")
        terminal.line("/save talk")
        terminal.expect("saved 'talk'")
        terminal.line("/save ../evil")
        terminal.expect("cannot be a session's name")
        terminal.line("/bye")
        self.ended(terminal)
        saved = self.home / "state" / "sessions" / "talk.json"
        self.assertEqual(stat.S_IMODE(saved.stat().st_mode), 0o600)
        terminal = self.start("--verbose")
        terminal.line("/load talk")
        terminal.expect("loaded 'talk', 2 messages")
        terminal.line("/show system")
        terminal.expect("brief")
        terminal.line("go on")
        second = terminal.expect(r"prompt tokens +(\d+)")
        self.assertGreater(int(second.group(1)), int(first.group(1)))
        terminal.expect(">>> ")
        terminal.line("/load nothing-of-that-name")
        terminal.expect("no saved conversation")
        saved.write_text('{"model": 5}')
        terminal.line("/load talk")
        terminal.expect("'model' must be a text")
        terminal.line("/load " + MODEL)
        terminal.expect("loaded the model")
        self.leave(terminal)

    def test_errors_do_not_end_the_session(self):
        terminal = self.start("--context", "40")
        terminal.line("word " * 100)
        terminal.expect("context")
        terminal.expect(">>> ")
        terminal.line("short")
        terminal.expect(">>> ")
        self.leave(terminal)


if __name__ == "__main__":
    unittest.main()
