"""Overload: ten times the slots, clients that leave at random. No leak, no stuck slot, the same answers."""
import json
import random
import socket
import threading
import time
import unittest

from served import Server

SLOTS = 4


class Overload(unittest.TestCase):
    def test_ten_times_the_slots(self):
        server = Server("--max-sequences", str(SLOTS), "--queue", str(2 * SLOTS))
        try:
            ask = lambda i: {"messages": [{"role": "user", "content": f"물음 {i % 7} " * 5}], "max_tokens": 24, "temperature": 0,
                             "chat_template_kwargs": {"enable_thinking": i % 2 == 1}}
            quiet = {}
            for i in range(14):
                status, _, body = server.ask("/v1/chat/completions", ask(i))
                self.assertEqual(status, 200)
                quiet[i] = body["choices"][0]["message"]
            dice = random.Random(1)
            seen = {"ok": 0, "refused": 0, "left": 0}
            wrong = []
            lock = threading.Lock()

            def leave(i, patience):
                body = json.dumps({**ask(i), "stream": True, "max_tokens": 500}).encode()
                with socket.create_connection(("127.0.0.1", server.port), timeout=20) as s:
                    s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                    time.sleep(patience)

            def client(seed):
                mine = random.Random(seed)
                for _ in range(8):
                    i = mine.randrange(14)
                    if mine.random() < 0.4:
                        leave(i, mine.random() * 0.1)
                        with lock:
                            seen["left"] += 1
                        continue
                    status, headers, body = server.ask("/v1/chat/completions", ask(i))
                    with lock:
                        if status == 200:
                            seen["ok"] += 1
                            if body["choices"][0]["message"] != quiet[i]:
                                wrong.append((i, body["choices"][0]["message"], quiet[i]))
                        elif status == 429 and int(headers["Retry-After"]) >= 1:
                            seen["refused"] += 1
                        else:
                            wrong.append((status, body))

            threads = [threading.Thread(target=client, args=(dice.random(),)) for _ in range(10 * SLOTS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
            self.assertFalse(any(t.is_alive() for t in threads))
            self.assertEqual(wrong, [])
            self.assertTrue(all(seen.values()), seen)
            now = server.wait_idle()
            self.assertEqual(now["jaju_cache_pages_running"], 0)
            self.assertEqual(now["jaju_requests_failed_total"], 0)
            self.assertEqual(now["jaju_requests_accepted_total"],
                             now["jaju_requests_finished_total"] + now["jaju_requests_cancelled_total"])
            for _ in range(100):
                if server.metrics()["jaju_connections"] <= 1:
                    break
                time.sleep(0.05)
            self.assertLessEqual(server.metrics()["jaju_connections"], 1)
            for i in range(14):  # every slot still works
                self.assertEqual(server.ask("/v1/chat/completions", ask(i))[2]["choices"][0]["message"], quiet[i])
        finally:
            server.close()

    def test_a_slow_reader_blocks_nobody(self):
        server = Server("--max-sequences", "2", "--write-timeout", "1")
        try:
            endless = {"2048": -100, "2051": -100}
            body = json.dumps({"messages": [{"role": "user", "content": "가"}], "stream": True, "max_tokens": 1900, "n": 1,
                               "logprobs": True, "top_logprobs": 20, "logit_bias": endless}).encode()
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", server.port))
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            for _ in range(5):
                status, _, _ = server.ask("/v1/chat/completions", {"messages": [{"role": "user", "content": "나"}], "max_tokens": 5})
                self.assertEqual(status, 200)
            entry = [e for e in server.log(lambda e: e.get("gone"), 20) if e.get("gone")]
            self.assertEqual(len(entry), 1)
            self.assertIn("read", entry[0]["error"])
            server.wait_idle()
            s.close()
        finally:
            server.close()


if __name__ == "__main__":
    unittest.main()
