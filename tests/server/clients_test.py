"""The official clients, unchanged, streaming and not: npm openai, @anthropic-ai/sdk, ollama and ai."""
import os
import pathlib
import shutil
import subprocess
import unittest

from served import Server

HERE = pathlib.Path(__file__).parent


class Clients(unittest.TestCase):
    def test_official_clients(self):
        lacking = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
        if lacking:
            print(f"SKIPPED: the official clients need {' and '.join(lacking)}: install nodejs and npm (./jaju test does)")
            self.skipTest("no node")
        server = Server("--max-sequences", "8")
        try:
            env = dict(os.environ, JAJU_URL=f"http://127.0.0.1:{server.port}", JAJU_MODEL="tiny-chat")
            done = subprocess.run([HERE / "clients" / "run.sh", os.environ["JAJU_WORK"]], env=env, capture_output=True,
                                  text=True, timeout=500)
            print(done.stdout)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(server.wait_idle()["jaju_requests_failed_total"], 0)
        finally:
            server.close()


if __name__ == "__main__":
    unittest.main()
