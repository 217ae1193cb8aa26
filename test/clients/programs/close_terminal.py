"""Runs a command in a terminal of its own, closes the terminal once a word has been seen, and prints how it ended."""

import os
import pty
import sys

word, command = sys.argv[1].encode(), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execv(command[0], command)
seen = b""
while word not in seen:
    seen += os.read(terminal, 4096)
os.close(terminal)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
