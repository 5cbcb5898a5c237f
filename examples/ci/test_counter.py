"""Tests of counter.c by the fixture of conftest.py; the second one fails, and is meant to."""


def test_tidy_keeps_nothing(memory_gate):
    memory_gate("counter.tidy('hello, world')", setup="import counter")


def test_leaky_keeps_nothing(memory_gate):
    memory_gate("counter.leaky('hello, world')", setup="import counter")
