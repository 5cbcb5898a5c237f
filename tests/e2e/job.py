#!/usr/bin/env python3
"""A shell's part on a terminal: run a command as the job in the foreground, type ^Z when it is
ready, wait until the job has stopped, continue it, type ^C, and print how it ended.
A line of the command's output that is "ready" says that it is."""
import os
import pty
import signal
import sys


def wait(job, what):
    _, status = os.waitpid(job, os.WUNTRACED)
    if what == "stop":
        return os.WIFSTOPPED(status)
    return os.waitstatus_to_exitcode(status)


def shell(command):
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpgrp())
        for number in signal.SIGINT, signal.SIGTTOU:
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)
    stopped = wait(job, "stop")
    os.tcsetpgrp(0, os.getpgrp())
    print("stopped" if stopped else "not stopped", flush=True)
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
    print("ended", wait(job, "end"), flush=True)
    os._exit(0)


def main():
    pid, terminal = pty.fork()
    if pid == 0:
        shell(sys.argv[1:])
    seen = b""
    keys = [(b"ready", b"\x1a"), (b"again", b"\x03")]
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
        if keys and keys[0][0] in seen:
            os.write(terminal, keys.pop(0)[1])
    os.waitpid(pid, 0)
    sys.stdout.write(seen.decode().replace("\r\n", "\n"))


signal.alarm(300)
main()
