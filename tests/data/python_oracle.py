"""Runs generated snippets through CPython and compares what they print with what the problem says.

usage: python_oracle.py DUMP_PROGRAM COUNT
DUMP_PROGRAM is synth_dump (src/data/synth/synth_dump.cc). COUNT: problems per level of the family.
"""
import contextlib
import io
import json
import re
import subprocess
import sys


def snippet_of(question, lines):
    """The code in a question: fenced, in backquotes, or bare between sentences."""
    fence = re.search(r"```(?:python)?\n(.*?)\n```", question, re.S)
    if fence:
        return fence.group(1)
    inline = re.search(r"`(.*?)`", question)
    if inline:
        return inline.group(1)
    # Bare: what is left when lines that are no Python (a sentence before or after) go.
    for first in range(len(lines)):
        for last in range(len(lines), first, -1):
            code = "\n".join(lines[first:last])
            try:
                compile(code, "snippet", "exec")
            except SyntaxError:
                continue
            if "print" in code:
                return code
    inline = re.search(r"print\(.*\)", question)
    return inline.group(0) if inline else None


def run(code):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "snippet", "exec"), {})
    return out.getvalue()


def main():
    dump, count = sys.argv[1], sys.argv[2]
    text = subprocess.run([dump, "python_output", count], check=True, capture_output=True).stdout.decode()
    checked = 0
    for line in text.splitlines():
        problem = json.loads(line)
        code = snippet_of(problem["question"], problem["question"].split("\n"))
        if code is None:
            sys.exit("no snippet found in: " + problem["question"])
        try:
            printed = run(code)
        except Exception as error:  # the small Python accepted what CPython refuses
            sys.exit(f"{error!r} from:\n{code}")
        if printed != problem["expected"] + "\n" or problem["answer"] != problem["expected"]:
            sys.exit(f"CPython prints {printed!r}, the problem says {problem['expected']!r}:\n{code}")
        checked += 1
    if checked < 100:
        sys.exit(f"only {checked} problems")
    print(f"{checked} snippets agree with CPython")


if __name__ == "__main__":
    main()
