"""Run as a program of its own between a worker and the server of a tool: ties the server's life to the worker's.

    python -I -S leash.py PARENT COMMAND...

A worker that is killed outright cannot stop anybody. A server notices that its standard input ended, if it is a good one;
on Linux the kernel makes sure of the rest. Must not import anything of Holdfast: it starts in some milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Become the command."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was told
        sys.exit(1)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
