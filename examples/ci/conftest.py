"""A pytest fixture that gates an extension module: memory_gate(CODE, ...) runs CODE many
times in a Python of its own under memtrace, and fails where a call site keeps growing.

    def test_parse_keeps_nothing(memory_gate):
        memory_gate("parser.parse(text)", setup="import parser; text = '...'")
"""
import subprocess
import sys
import textwrap

import pytest

# The snapshots mark the iterations; the growth from one to the next is judged.
LOOP = """
import ctypes, gc
{setup}
snapshot = ctypes.CDLL(None).memtrace_snapshot
for _ in range({iterations}):
    for _ in range({calls}):
        {code}
    gc.collect()
    snapshot(b"iteration")
"""


@pytest.fixture
def memory_gate(tmp_path):
    def gate(code, setup="", iterations=30, calls=50, max_growth="512"):
        script = LOOP.format(code=code, setup=textwrap.dedent(setup), iterations=iterations,
                             calls=calls)
        command = ["memtrace", "run", "-q", "-o", str(tmp_path / "gate.mtz"), "--gate",
                   "--iterations", "--warmup", "10", "--max-growth", max_growth,
                   sys.executable, "-c", script]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        if done.returncode:
            pytest.fail(f"{code}: status {done.returncode}\n{done.stdout}", pytrace=False)
    return gate
