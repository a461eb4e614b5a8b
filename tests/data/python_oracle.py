"""Holds the code problems against CPython: what snippets print, where a broken one is refused, whether the text of a
blank fits.

usage: python_oracle.py DUMP_PROGRAM COUNT
DUMP_PROGRAM is synth_dump (src/data/synth/synth_dump.cc). COUNT: problems per family, language and level.
"""
import contextlib
import io
import json
import re
import subprocess
import sys
import traceback


def snippet_of(question, must_hold="print"):
    """The code in a question: fenced, in backquotes, or bare between sentences."""
    fence = re.search(r"```(?:python)?\n(.*?)\n```", question, re.S)
    if fence:
        return fence.group(1)
    inline = re.search(r"`(.*?)`", question)
    if inline:
        return inline.group(1)
    # Bare: the longest run of lines that is Python.
    lines = question.split("\n")
    for size in range(len(lines), 0, -1):
        for first in range(len(lines) - size + 1):
            code = "\n".join(lines[first : first + size])
            try:
                compile(code, "snippet", "exec")
            except SyntaxError:
                continue
            if must_hold in code:
                return code
    inline = re.search(r"print\(.*\)", question)
    return inline.group(0) if inline else None


def run(code, names=None):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "snippet", "exec"), {} if names is None else names)
    return out.getvalue()


CLAIMS = 0


def check_trace(trace):
    """Every "a+b=c" and "a>b → True" in a trace is true."""
    global CLAIMS
    text = re.sub(r"[=!<>]=", " ", trace)
    for found in re.finditer(r"[-0-9+*/%()=]+", text):
        run_of_signs = found.group(0)
        parts = run_of_signs.split("=")
        # The first and last part may belong to a name or an index: "d['a']+8=", "=6+d".
        if found.start() > 0 and re.match(r"[\w\])'\[]", text[found.start() - 1]):
            parts[0] = ""
        if found.end() < len(text) and re.match(r"[\w\[('.]", text[found.end()]):
            parts[-1] = ""
        parts = [part for part in parts if part]
        values = []
        for part in parts:
            try:
                values.append(eval(part, {}))
            except (SyntaxError, TypeError):  # a piece of something else: "(", "2)", "0-"
                values = []
                break
        assert len(set(values)) <= 1, f"{run_of_signs} in the trace is not true"
        CLAIMS += len(values) > 1
    for left, sign, right, says in re.findall(r"(?:^|[,:] )(-?\d+)(==|!=|<=|>=|<|>)(-?\d+) → (True|False)",
                                              trace, re.M):
        assert str(eval(left + sign + right)) == says, f"{left}{sign}{right} is not {says}"
        CLAIMS += 1


def check_output(problem):
    code = snippet_of(problem["question"])
    assert code is not None, "no snippet found"
    printed = run(code)
    assert printed == problem["expected"] + "\n", f"CPython prints {printed!r}"
    assert problem["answer"] == problem["expected"]
    # What the trace prints, clause by clause, is the answer; and it holds no false step.
    said = re.findall(r"(?:^|[ ])print (.*)$", problem["thinking"], re.M)
    assert "\n".join(said) == problem["expected"], f"the trace prints {said}"
    check_trace(problem["thinking"])


# What an English sentence asks for, written down apart from the generator.
MEANINGS = {
    r"returns the sum of": "+", r"returns \w+ minus": "-", r"product of": "*", r"remainder of": "%", r"quotient of": "//",
    r"greater than": ">", r"less than": "<", r"are equal": "==", r"upper case": "upper", r"lower case": "lower",
    r"at the end of the list": "append", r"number of items": "len", r"prints the sum": "sum", r"largest value": "max",
    r"smallest value": "min", r"defines a function": "def", r"gives the value back": "return",
    r"one by one": "for", r"if the condition is false": "else",
}


def check_complete(problem):
    fill = problem["expected"]
    assert problem["answer"] == f"`{fill}`"
    question = problem["question"]
    filled = "\n".join(line if re.search(r"^\S.*___.*[?？]", line) else line.replace("___", fill)
                       for line in question.split("\n"))
    # The fence, or what is left of a bare question once every line that cannot be part of the code is gone.
    code = snippet_of(filled, "")
    assert code is not None and fill in code, "no snippet found"
    if problem["language"] == "en" and problem["difficulty"] == 1:
        asked = [right for words, right in MEANINGS.items() if re.search(words, question)]
        assert asked == [fill], f"the sentence asks for {asked}"
    names = {}
    printed = run(code, names)
    for call, result in re.findall(r"(\w+\([^()]*\)) = (-?\d+)", question):
        got = eval(call, names)
        assert got == int(result), f"{call} is {got}"
    if re.search(r"range\(.*___\)", question):
        assert ", ".join(printed.split()) in question, f"it prints {printed!r}"


def check_bug(problem):
    lines = re.findall(r"^\d+: (.*)$", problem["question"], re.M)
    wrong = int(problem["expected"])
    code = "\n".join(lines)
    try:
        printed = run(code)
    except SyntaxError as error:
        assert error.lineno == wrong, f"CPython refuses line {error.lineno}"
    except NameError as error:
        at = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "snippet"][-1]
        assert at == wrong, f"CPython stops at line {at}"
    else:
        # It runs: the question says what it prints and what it should.
        numbers = re.findall(r"-?\d+", re.sub(r"^\d+: .*$", "", problem["question"], flags=re.M))
        assert problem["difficulty"] == 3 and printed.strip() in numbers and len(set(numbers)) == 2


CHECKS = {"python_output": check_output, "python_complete": check_complete, "python_bug": check_bug}


def main():
    dump, count = sys.argv[1], sys.argv[2]
    for task, check in CHECKS.items():
        text = subprocess.run([dump, task, count], check=True, capture_output=True).stdout.decode()
        problems = [json.loads(line) for line in text.splitlines()]
        if len(problems) < 100:
            sys.exit(f"{task}: only {len(problems)} problems")
        for problem in problems:
            try:
                check(problem)
            except Exception as error:
                sys.exit(f"{task}: {error!r} in\n{problem['question']}\nexpected: {problem['expected']}")
        print(f"{task}: {len(problems)} problems agree with CPython")
    if CLAIMS < 3 * int(count):
        sys.exit(f"only {CLAIMS} claims judged in the traces")
    print(f"{CLAIMS} claims in the traces are true")


if __name__ == "__main__":
    main()
