"""Starts the built program as a server for the tests in this folder. Standard library only."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

PROGRAM = os.environ.get("JAJU_PROGRAM", "")
GOLDEN = pathlib.Path(os.environ.get("JAJU_TESTS", pathlib.Path(__file__).parent.parent)) / "golden"
MODEL = str(GOLDEN / "tiny-chat")


class Server:
    """One `jaju serve` on a free port of 127.0.0.1, with a home of its own."""

    def __init__(self, *words, home=None, env=None, model=MODEL):
        self._home = tempfile.TemporaryDirectory() if home is None else None
        self.home = pathlib.Path(home or self._home.name)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAJU_", "XDG_"))}
        kept.update(JAJU_HOME=str(self.home), LANG="C.UTF-8", **(env or {}))
        command = [PROGRAM, "serve", "--port", "0", "--threads", "1", *words, *([model] if model else [])]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=kept)
        self.lines = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(60) or self.port is None:
            self.process.kill()
            self.close()
            raise RuntimeError("the server did not start:\n" + "\n".join(self.lines))

    port = None
    metrics_port = None

    def _read(self):
        for raw in self.process.stderr:
            line = raw.decode(errors="replace").rstrip("\n")
            self.lines.append(line)
            if match := re.search(r"is served at https?://[^ ]*:(\d+) ", line):
                self.port = int(match[1])
            if match := re.search(r"metrics at http://[^ ]*:(\d+)/", line):
                self.metrics_port = int(match[1])
            if line.startswith(("jaju: no keys", "jaju: keys:")):
                self._ready.set()
        self._ready.set()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        self.process.stderr.close()
        if self._home:
            self._home.cleanup()

    def log(self, wanted=None, seconds=5):
        """The access log's lines as objects; waits until one satisfies `wanted`."""
        end = time.monotonic() + seconds
        while True:
            entries = [json.loads(line) for line in self.lines if line.startswith("{")]
            if wanted is None or any(wanted(e) for e in entries) or time.monotonic() > end:
                return entries
            time.sleep(0.02)

    def ask(self, path, body=None, method=None, headers=None, port=None):
        """(status, headers, body as JSON or text)"""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)
        try:
            data = None if body is None else body if isinstance(body, (bytes, str)) else json.dumps(body)
            connection.request(method or ("GET" if body is None else "POST"), path, data, headers or {})
            answer = connection.getresponse()
            content = answer.read()
            kind = answer.getheader("Content-Type", "")
            text = content.decode()
            return answer.status, dict(answer.getheaders()), json.loads(text) if kind == "application/json" else text
        finally:
            connection.close()

    def raw(self, data, seconds=10, port=None):
        """Sends bytes, returns all that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", port or self.port), timeout=seconds) as s:
            s.sendall(data)
            got = b""
            try:
                while chunk := s.recv(65536):
                    got += chunk
            except (socket.timeout, ConnectionResetError):
                pass
            return got

    def metrics(self):
        """{name: sum over labels}"""
        values = {}
        for line in self.ask("/metrics")[2].splitlines():
            if line and line[0] != "#":
                name, value = line.rsplit(" ", 1)
                name = name.split("{")[0]
                values[name] = values.get(name, 0) + float(value)
        return values

    def wait_idle(self, accepted=0, seconds=20):
        """The metrics once nothing runs and at least `accepted` generations ever came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            now = self.metrics()
            ended = sum(now[f"jaju_requests_{how}_total"] for how in ("finished", "cancelled", "failed"))
            if now["jaju_requests_accepted_total"] == ended >= accepted and now["jaju_sequences_running"] == 0:
                return now
            time.sleep(0.02)
        raise AssertionError(f"still busy: {now}")


class ServerTest(unittest.TestCase):
    """One server for all tests of a class."""
    words = ()
    env = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.words, env=cls.env)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def chat(self, content="안녕?", **fields):
        body = {"messages": [{"role": "user", "content": content}], "max_tokens": 8, "temperature": 0, **fields}
        return self.server.ask("/v1/chat/completions", body)

    def good(self, content="안녕?", **fields):
        status, _, body = self.chat(content, **fields)
        self.assertEqual(status, 200, body)
        return body


def sse(text):
    """The data of a stream's events, [DONE] left as text."""
    events = []
    for block in text.split("\n\n"):
        data = "\n".join(line[6:] for line in block.split("\n") if line.startswith("data: "))
        if data:
            events.append(data if data == "[DONE]" else json.loads(data))
    return events
