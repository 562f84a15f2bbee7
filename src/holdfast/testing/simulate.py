"""``python -m holdfast.testing.simulate --seeds 1000 --from 5``: long runs of the simulator."""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback

from .simulation import Broken, simulate


def main() -> int:
    """Run seeds; the exit code says whether all held."""
    parser = argparse.ArgumentParser(prog="python -m holdfast.testing.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--verbose", action="store_true", help="show what the runtime logs, and tracebacks")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at the first failure")
    given = parser.parse_args()
    if given.verbose:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(message)s")
        logging.getLogger("holdfast").setLevel(logging.DEBUG)
    failed = crashes = entries = 0
    began = time.perf_counter()
    for seed in range(given.first, given.first + given.seeds):
        try:
            report = simulate(seed)
            crashes += report.crashes
            entries += report.entries
        except Broken as error:
            failed += 1
            print(error, flush=True)
            if given.verbose:
                traceback.print_exc()
            if not given.keep_going:
                break
    took = time.perf_counter() - began
    print(f"{given.seeds} seeds, {failed} failed, {entries} journal entries, {crashes} crashes, {took:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
