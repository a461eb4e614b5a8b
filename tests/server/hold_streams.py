#!/usr/bin/env python3
"""hold_streams.py [N] [SECONDS]: N streams that wait for the model, held for SECONDS; prints what they cost.

Not a test of ctest: it prints figures. JAJU_PROGRAM names the program. One stream keeps the only slot busy; the others wait in
the queue and get a comment a second, ten times as often as by default.
"""
import json
import os
import resource
import selectors
import socket
import sys
import time

from served import Server


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, n + 200), hard))
    server = Server("--max-sequences", "1", "--queue", str(n + 10), "--keep-alive-comment", "1", "--access-log", "off")

    def of_server():
        status = open(f"/proc/{server.process.pid}/status").read()
        memory = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith(("VmRSS", "Threads"))}
        times = open(f"/proc/{server.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return int(memory["VmRSS"]) / 1024, int(memory["Threads"]), (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")

    try:
        before = of_server()
        body = json.dumps({"messages": [{"role": "user", "content": "가"}], "stream": True, "max_tokens": 1900, "seed": 1,
                           "logit_bias": {"2048": -100, "2051": -100}}).encode()
        request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        chosen = selectors.DefaultSelector()
        start = time.monotonic()
        sockets = []
        for _ in range(n):
            s = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            s.sendall(request)
            chosen.register(s, selectors.EVENT_READ, len(sockets))
            sockets.append(s)
        opened = time.monotonic() - start
        cpu = of_server()[2]
        begun = time.monotonic()
        comments = [0] * n
        lost = 0
        while time.monotonic() - begun < seconds:
            for key, _ in chosen.select(0.1):
                data = key.fileobj.recv(65536)
                if not data:
                    lost += 1
                    chosen.unregister(key.fileobj)
                comments[key.data] += data.count(b": still here")
        after = of_server()
        held = time.monotonic() - begun
        print(f"{n} streams opened in {opened:.2f} s, held {held:.1f} s, {lost} lost; fewest comments {min(comments[n // 2:])}, "
              f"all {sum(comments)}")
        print(f"server: {before[0]:.0f} MiB before, {after[0]:.0f} MiB with them ({(after[0] - before[0]) * 1024 / n:.1f} KiB each), "
              f"{after[1]} threads, {(after[2] - cpu) / held * 100:.1f} % of one CPU while they were held (the busy slot included)")
        for s in sockets:
            s.close()
        server.wait_idle(n, 60)
        print(f"after they left: {of_server()[0]:.0f} MiB, {server.metrics()['jaju_connections']:.0f} connection(s)")
    finally:
        server.close()


if __name__ == "__main__":
    main()
