"""Keys, settings, logs, metrics, and how the server ends."""
import base64
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import types
import unittest

from served import PROGRAM, Server, ServerTest, MODEL

BODY = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 2, "temperature": 0}


def key_line(name, key, *settings):
    return " ".join([name, hashlib.sha256(key.encode()).hexdigest(), *settings]) + "\n"


def run(*words, home, stdin=""):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("JAJU_", "XDG_"))}
    env["JAJU_HOME"] = str(home)
    return subprocess.run([PROGRAM, *words], input=stdin, capture_output=True, text=True, timeout=60, env=env)


class Keys(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)
        self.file = self.folder / "keys"

    def serve(self, *words):
        server = Server("--keys", str(self.file), *words)
        self.addCleanup(server.close)
        return server

    def bearer(self, key):
        return {"Authorization": f"Bearer {key}"}

    def test_keys_open_the_door_and_nothing_else_does(self):
        self.file.write_text(key_line("alice", "KEY-A") + "# a comment\n" + key_line("prom", "KEY-M", "metrics"))
        server = self.serve()
        for path in ("/v1/models", "/models", "/metrics", "/v1/nothing", "/V1/MODELS", "/v1/models/", "/v1/models.", "/api/tags"):
            for headers in ({}, self.bearer("wrong"), self.bearer(""), {"Authorization": "Basic KEY-A"}, {"X-Api-Key": "KEY-AA"},
                            self.bearer("KEY-A "[:4]), {"Cookie": "key=KEY-A"}):
                status, answer_headers, _ = server.ask(path, headers=headers)
                self.assertEqual(status, 401, (path, headers))
                self.assertEqual(answer_headers["WWW-Authenticate"], "Bearer")
            self.assertEqual(server.ask(path + "?api_key=KEY-A")[0], 401)
        self.assertEqual(server.ask("/v1/models", headers=self.bearer("KEY-A"))[0], 200)
        self.assertEqual(server.ask("/v1/models", headers={"X-Api-Key": "KEY-A"})[0], 200)
        self.assertEqual(server.ask("/health")[0], 200)
        self.assertEqual(server.ask("/ready")[0], 200)
        self.assertEqual(server.ask("/")[0], 200)
        self.assertEqual(server.ask("/metrics", headers=self.bearer("KEY-M"))[0], 200)
        self.assertEqual(server.ask("/v1/models", headers=self.bearer("KEY-M"))[0], 403)
        # A stranger's body is not taken: the answer comes before it.
        answer = server.raw(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 401"))
        text = "\n".join(server.lines)
        for secret in ("KEY-A", "KEY-M", "wrong"):
            self.assertNotIn(secret, text)
        self.assertIn("alice", {e.get("key") for e in server.log(lambda e: e.get("key") == "alice")})

    def test_limits_of_keys(self):
        self.file.write_text(key_line("few", "A", "requests_per_minute=2") + key_line("short", "B", "tokens_per_minute=10") +
                             key_line("one", "C", "concurrent=1"))
        server = self.serve()
        codes = [server.ask("/v1/chat/completions", BODY, headers=self.bearer("A")) for _ in range(3)]
        self.assertEqual([c[0] for c in codes], [200, 200, 429])
        self.assertGreater(int(codes[2][1]["Retry-After"]), 1)
        self.assertEqual(codes[2][2]["error"]["type"], "rate_limit_error")
        self.assertEqual(server.ask("/v1/models", headers=self.bearer("A"))[0], 200)  # costs nothing
        count = {"model": "x", "messages": [{"role": "user", "content": "a"}]}
        self.assertEqual(server.ask("/v1/messages/count_tokens", count, headers=self.bearer("A"))[0], 429)
        self.assertEqual(server.ask("/v1/chat/completions", BODY, headers=self.bearer("B"))[0], 200)
        self.assertEqual(server.ask("/v1/chat/completions", BODY, headers=self.bearer("B"))[0], 429)
        body = json.dumps({**BODY, "stream": True, "max_tokens": 1500, "logit_bias": {"2048": -100, "2051": -100}}).encode()
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as s:
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer C\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            self.assertIn(b"200", s.recv(100))
            self.assertEqual(server.ask("/v1/chat/completions", BODY, headers=self.bearer("C"))[0], 429)
        for _ in range(100):  # the place comes back when the client has gone
            if server.ask("/v1/chat/completions", BODY, headers=self.bearer("C"))[0] == 200:
                break
            time.sleep(0.05)
        for _ in range(20):  # and one after the other is never two at a time
            self.assertEqual(server.ask("/v1/chat/completions", BODY, headers=self.bearer("C"))[0], 200)

    def test_sighup_reads_the_keys_anew(self):
        self.file.write_text(key_line("alice", "OLD"))
        server = self.serve()
        self.assertEqual(server.ask("/v1/models", headers=self.bearer("OLD"))[0], 200)
        self.file.write_text(key_line("alice", "NEW"))
        server.process.send_signal(signal.SIGHUP)
        for _ in range(100):
            if server.ask("/v1/models", headers=self.bearer("NEW"))[0] == 200:
                break
            time.sleep(0.05)
        self.assertEqual(server.ask("/v1/models", headers=self.bearer("OLD"))[0], 401)
        self.file.write_text("damaged\n")
        server.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        self.assertEqual(server.ask("/v1/models", headers=self.bearer("NEW"))[0], 200)  # the keys stay as they were
        self.assertTrue(any("stay as they were" in line for line in server.lines))

    def test_tenants_do_not_share_the_cache(self):
        self.file.write_text(key_line("a", "A") + key_line("b", "B") + key_line("c", "C", "tenant=t") + key_line("d", "D", "tenant=t"))
        server = self.serve()
        body = {"messages": [{"role": "user", "content": "비밀 " * 60}], "max_tokens": 2, "temperature": 0}
        cached = lambda key: server.ask("/v1/chat/completions", body, headers=self.bearer(key))[2]["usage"]["prompt_tokens_details"]["cached_tokens"]
        self.assertEqual(cached("A"), 0)
        self.assertGreater(cached("A"), 0)
        self.assertEqual(cached("B"), 0)
        self.assertEqual(cached("C"), 0)
        self.assertGreater(cached("D"), 0)

    def test_new_key(self):
        made = run("serve", "--new-key", "alice", "--keys", str(self.file), home=self.folder)
        self.assertEqual(made.returncode, 0, made.stderr)
        key = made.stdout.strip()
        self.assertRegex(key, "^jaju_[A-Za-z0-9_-]{43}$")
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(key, self.file.read_text() + made.stderr)
        self.assertEqual(run("serve", "--new-key", "alice", "--keys", str(self.file), home=self.folder).returncode, 1)
        server = self.serve()
        self.assertEqual(server.ask("/v1/models", headers=self.bearer(key))[0], 200)


class Settings(unittest.TestCase):
    def test_command_line_over_environment_over_file_over_default(self):
        with tempfile.TemporaryDirectory() as home:
            file = pathlib.Path(home) / "s.toml"
            file.write_text('name = ["from-file"]\nmax_sequences = 3\nqueue = 5\n')
            server = Server("--config", str(file), "--max-sequences", "1", env={"JAJU_SERVE_MAX_SEQUENCES": "2", "JAJU_SERVE_NAME": "from-environment"})
            try:
                self.assertEqual(server.metrics()["jaju_sequences_max"], 1)
                names = [m["id"] for m in server.ask("/v1/models")[2]["data"]]
                self.assertEqual(names, ["tiny-chat", "from-environment"])
                self.assertEqual(server.ask("/v1/chat/completions", {**BODY, "model": "from-environment"})[0], 200)
            finally:
                server.close()

    def test_mistakes_are_named(self):
        with tempfile.TemporaryDirectory() as home:
            file = pathlib.Path(home) / "s.toml"
            for text, says in (("prot = 1\n", "prot"), ("port = 70000\n", "port"), ("port = \"x\n", "line 1"), ("think = 3\n", "think")):
                file.write_text(text)
                done = run("serve", MODEL, "--config", str(file), home=home)
                self.assertEqual(done.returncode, 2)
                self.assertIn(says, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1)
            done = run("serve", MODEL, "--host", "0.0.0.0", home=home)
            self.assertEqual(done.returncode, 1)
            self.assertIn("--new-key", done.stderr)
            self.assertEqual(run("serve", MODEL, "--port", "-1", home=home).returncode, 2)
            self.assertEqual(run("serve", "no-such-model", home=home).returncode, 1)

    def test_without_a_model_nano_is_served(self):
        server = Server("--context", "256", model=None)
        try:
            self.assertEqual(server.ask("/v1/models")[2]["data"][0]["id"], "nano")
            ask = {"messages": [{"role": "user", "content": "47 * 86"}], "temperature": 0, "max_tokens": 150}
            self.assertTrue(server.ask("/v1/chat/completions", ask)[2]["jaju"]["thinking"], "as `jaju run` does")
        finally:
            server.close()
        server = Server("--context", "256", model=None, env={"JAJU_SERVE_THINK": "false"})
        try:
            self.assertFalse(server.ask("/v1/chat/completions", ask)[2]["jaju"]["thinking"])
        finally:
            server.close()


class Doors(ServerTest):
    words = ("--cors-origin", "https://app.example")

    def test_other_sites_can_not_use_a_browser(self):
        own = f"http://127.0.0.1:{self.server.port}"
        self.assertEqual(self.server.ask("/v1/models", headers={"Origin": own})[0], 200)
        self.assertEqual(self.server.ask("/v1/models", headers={"Origin": "https://evil.example"})[0], 403)
        self.assertEqual(self.server.ask("/v1/chat/completions", BODY, headers={"Origin": "null"})[0], 403)
        status, headers, _ = self.server.ask("/v1/models", headers={"Origin": "https://app.example"})
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (200, "https://app.example"))
        status, headers, _ = self.server.ask("/v1/chat/completions", method="OPTIONS", headers={
            "Origin": "https://app.example", "Access-Control-Request-Method": "POST"})
        self.assertEqual(status, 204)
        status, headers, _ = self.server.ask("/v1/chat/completions", method="OPTIONS", headers={
            "Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
        self.assertEqual(status, 403)
        self.assertNotIn("Access-Control-Allow-Origin", headers)

    def test_other_names_are_not_ours(self):
        """DNS rebinding: a page's own name that resolves to 127.0.0.1."""
        answer = self.server.raw(b"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 403"), answer)
        answer = self.server.raw(b"GET /v1/models HTTP/1.1\r\nHost: LOCALHOST:8080\r\nConnection: close\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)

    def test_the_page_has_a_strict_policy(self):
        status, headers, body = self.server.ask("/")
        self.assertEqual(status, 200)
        self.assertIn("default-src", headers["Content-Security-Policy"])
        self.assertEqual(self.server.ask("/", headers={"If-None-Match": headers["ETag"]})[0], 304)
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")


class Figures(ServerTest):
    words = ("--metrics-host", "127.0.0.1", "--kv", "q8")

    def test_metrics_have_an_address_of_their_own(self):
        self.server.ask("/v1/chat/completions", {**BODY, "max_tokens": 5, "logit_bias": {"2048": -100, "2051": -100}})
        self.assertEqual(self.server.ask("/metrics")[0], 404)
        self.assertEqual(self.server.ask("/v1/models", port=self.server.metrics_port)[0], 404)
        status, _, text = self.server.ask("/metrics", port=self.server.metrics_port)
        self.assertEqual(status, 200)
        for name in ("jaju_http_requests_total{", "jaju_queue_waiting", "jaju_batch_rows", "jaju_generated_tokens_total",
                     "jaju_time_to_first_token_seconds_bucket{", "jaju_inter_token_seconds_bucket{", "jaju_cache_pages_prefix",
                     'jaju_cache_page_bytes{type="q8"}',
                     "jaju_preemptions_total", "jaju_speculation_accepted_tokens_total", "jaju_prompt_tokens_cached_total",
                     'jaju_expert_visits_total{layer="1"}', 'jaju_expert_reads_total{layer="1"}', 'jaju_expert_busiest_ratio{layer="1"}',
                     'jaju_experts_unvisited{layer="1"}', "jaju_experts "):
            self.assertIn(name, text)
        self.assertIn("jaju_inter_token_seconds_count 4", text)
        values = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if not line.startswith("#")}
        visits, reads = values['jaju_expert_visits_total{layer="1"}'], values['jaju_expert_reads_total{layer="1"}']
        self.assertGreaterEqual(visits, values["jaju_step_rows_total"], "each row visits at least one expert")
        self.assertTrue(0 < reads <= visits)
        self.assertTrue(1 <= values['jaju_expert_busiest_ratio{layer="1"}'] <= values["jaju_experts"])

    def test_the_log_has_no_contents(self):
        self.server.ask("/v1/chat/completions?secret=in-the-query", {**BODY, "messages": [{"role": "user", "content": "my-secret-word"}]})
        entry = [e for e in self.server.log(lambda e: e["route"] == "/v1/chat/completions") if e["route"] == "/v1/chat/completions"][-1]
        self.assertEqual(entry["status"], 200)
        for name in ("time", "id", "peer", "ms", "prompt_tokens", "completion_tokens", "finish", "cache", "first_token_ms"):
            self.assertIn(name, entry)
        self.assertNotIn("secret", "\n".join(self.server.lines))


class Ending(unittest.TestCase):
    def stream(self, server, tokens):
        body = json.dumps({**BODY, "stream": True, "max_tokens": tokens, "logit_bias": {"2048": -100, "2051": -100}}).encode()
        s = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        got = s.recv(4096)
        return s, got

    def test_sigterm_lets_answers_end(self):
        server = Server()
        s, got = self.stream(server, 300)
        server.process.send_signal(signal.SIGTERM)
        while more := s.recv(65536):
            got += more
        s.close()
        self.assertIn(b"data: [DONE]", got)
        self.assertEqual(got.count(b'"finish_reason":"length"'), 1)
        self.assertEqual(server.process.wait(20), 0)
        server.close()

    def test_sigterm_during_the_greeting_lets_answers_end(self):
        # Whoever knows the port may ask before the greeting is out: here it waits for a full pipe.
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        end, full = os.pipe()
        os.set_blocking(full, False)
        with contextlib.suppress(BlockingIOError):
            while os.write(full, b"\n" * 4096):
                pass
        os.set_blocking(full, True)
        with tempfile.TemporaryDirectory() as home:
            log = os.path.join(home, "access.log")
            env = {k: v for k, v in os.environ.items() if not k.startswith(("JAJU_", "XDG_"))}
            process = subprocess.Popen([PROGRAM, "serve", MODEL, "--port", str(port), "--threads", "1", "--access-log", log],
                                       stderr=full, env={**env, "JAJU_HOME": home})
            self.addCleanup(process.kill)
            os.close(full)
            for _ in range(600):
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    time.sleep(0.05)
            s, got = self.stream(types.SimpleNamespace(port=port), 300)
            process.send_signal(signal.SIGTERM)
            while b"[DONE]" not in got and (more := s.recv(65536)):
                got += more
            s.close()
            self.assertIn(b"data: [DONE]", got)
            said = b""
            while more := os.read(end, 1 << 20):  # the greeting gets through, and the server to its end
                said += more
            self.assertIn(b"is served at", said)
            self.assertEqual(process.wait(20), 0)
        os.close(end)

    def test_what_takes_too_long_is_told_so(self):
        server = Server("--drain-seconds", "0.2")
        s, got = self.stream(server, 1900)
        server.process.send_signal(signal.SIGTERM)
        while more := s.recv(65536):
            got += more
        s.close()
        if b"[DONE]" not in got or b"shutting down" not in got:
            self.assertIn(b'"finish_reason":"length"', got)  # it was that fast
        self.assertEqual(server.process.wait(20), 0)
        server.close()

    def test_a_second_signal_ends_at_once(self):
        server = Server("--drain-seconds", "1000")
        s, _ = self.stream(server, 1900)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        server.process.send_signal(signal.SIGTERM)
        self.assertIn(server.process.wait(10), (0, 130))
        s.close()
        server.close()

    def test_requests_that_wait_for_a_thread_do_not_hold_up_the_end(self):
        server = Server("--workers", "1", "--drain-seconds", "30")
        regex = "(" + "|".join("\\p{L}{%d}\\p{N}" % i for i in range(1, 60)) + ")"
        got = []

        def ask(i):
            try:
                got.append(server.ask("/v1/chat/completions", {**BODY, "regex": f"{regex}{{{i + 1}}}"})[0])
            except OSError:
                got.append(0)
        clients = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
        for client in clients:
            client.start()
        time.sleep(0.5)
        self.assertEqual(server.ask("/health")[0], 200)
        self.assertLess(len(got), 8, "it does not wait behind all of them")
        server.process.send_signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(15), 0)
        for client in clients:
            client.join()
        self.assertTrue(set(got) <= {0, 200, 400, 503}, got)
        self.assertIn(503, got)
        server.close()

    def test_nobody_reads_what_it_says(self):
        server = subprocess.Popen([PROGRAM, "serve", "--port", "0", "--threads", "1", MODEL], stderr=subprocess.PIPE,
                                  env={**os.environ, "JAJU_HOME": tempfile.mkdtemp()})
        port = None
        for line in server.stderr:
            if match := re.search(rb"is served at http://[^ ]*:(\d+) ", line):
                port = int(match[1])
            if b"no keys" in line:
                break
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for _ in range(1000):  # more lines than a pipe holds
            connection.request("GET", "/health")
            self.assertEqual(connection.getresponse().read(), b'{"status":"ok"}')
        connection.close()
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(10), 0)
        server.stderr.close()

    def test_the_prefix_cache_outlives_a_restart(self):
        body = {"messages": [{"role": "user", "content": "오래 남을 말 " * 60}], "max_tokens": 8, "temperature": 0}
        with tempfile.TemporaryDirectory() as folder:
            answers = []
            for _ in range(2):
                server = Server("--cache-dir", folder)
                answers.append(server.ask("/v1/chat/completions", body)[2])
                server.close()
            self.assertEqual(answers[0]["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
            self.assertGreater(answers[1]["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
            self.assertEqual(answers[0]["choices"][0]["message"], answers[1]["choices"][0]["message"])


class Tls(unittest.TestCase):
    def test_https(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = f"{folder}/c.pem", f"{folder}/k.pem"
            made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days",
                                   "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], capture_output=True)
            if made.returncode != 0:
                self.skipTest("no openssl program to make a certificate with")
            server = Server("--tls-certificate", certificate, "--tls-key", key)
            try:
                context = ssl.create_default_context(cafile=certificate)
                with socket.create_connection(("127.0.0.1", server.port), timeout=10) as plain:
                    with context.wrap_socket(plain, server_hostname="localhost") as s:
                        s.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                        self.assertIn(b"200 OK", s.recv(4096))
                self.assertEqual(server.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")[:4] == b"HTTP", False)
            finally:
                server.close()


class RunUrl(ServerTest):
    def test_run_talks_to_a_server(self):
        url = f"http://127.0.0.1:{self.server.port}"
        local = run("run", MODEL, "--temperature", "0", "--max-tokens", "10", "안녕?", home=self.server.home)
        remote = run("run", url, "--temperature", "0", "--max-tokens", "10", "안녕?", home=self.server.home)
        self.assertEqual(remote.returncode, 0, remote.stderr)
        self.assertEqual(remote.stdout, local.stdout)
        piped = run("run", url, "--temperature", "0", "--max-tokens", "10", home=self.server.home, stdin="안녕?\n")
        self.assertEqual(piped.stdout, local.stdout)
        wrong = run("run", url, "--temperature", "99", "x", home=self.server.home)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("temperature", wrong.stderr)
        for words in (["--threads", "3"], ["--context", "5"], ["--memory", "1G"], ["--check"]):
            other = run("run", url, *words, "x", home=self.server.home)
            self.assertEqual(other.returncode, 2, words)
            self.assertIn(words[0] + " is for models of this machine", other.stderr)
        self.assertEqual(run("run", url, "--max-tokens", "-5", "x", home=self.server.home).returncode, 2)
        gone = run("run", "http://127.0.0.1:1", "x", home=self.server.home)
        self.assertEqual(gone.returncode, 1)
        self.assertIn("does not answer", gone.stderr)

    def test_a_session_with_a_server_knows_its_commands(self):
        master, slave = pty.openpty()
        env = {**os.environ, "JAJU_HOME": str(self.server.home), "TERM": "xterm", "LANG": "C.UTF-8"}
        session = subprocess.Popen([PROGRAM, "run", f"http://127.0.0.1:{self.server.port}", "--max-tokens", "5"], stdin=slave, stdout=slave,
                                   stderr=slave, env=env, start_new_session=True)
        os.close(slave)
        seen = ""

        def expect(text):
            nonlocal seen
            end = time.monotonic() + 30
            while text not in seen:
                self.assertLess(time.monotonic(), end, f"no {text!r} in {seen!r}")
                if select.select([master], [], [], 1)[0]:
                    seen += os.read(master, 65536).decode(errors="replace")
            seen = seen[seen.index(text) + len(text):]
        expect("at the other end")
        for line, answer in (("/set parameter temperature 2", "there is no command /set parameter temperature 2"), ("/set think", "set: think"),
                             ("/clear", "forgotten")):
            expect(">>> ")
            os.write(master, (line + "\r").encode())
            expect(answer)
        before = self.server.metrics()["jaju_requests_accepted_total"]
        expect(">>> ")
        os.write(master, b'"""/two\r')
        expect("... ")
        os.write(master, b'lines"""\r')
        expect(">>> ")
        self.assertEqual(self.server.metrics()["jaju_requests_accepted_total"], before + 1)
        os.write(master, b"/bye\r")
        self.assertEqual(session.wait(20), 0)
        os.close(master)
        self.assertIn("/two", (self.server.home / "state" / "history").read_text())


if __name__ == "__main__":
    unittest.main()
