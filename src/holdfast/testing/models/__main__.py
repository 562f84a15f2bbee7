"""``python -m holdfast.testing.models --port 18200``: a vendor in a process of its own, for benchmarks and by hand.

The first line on stdout is its URL, once it listens. It keeps no record of the calls: it counts them, and says at the
end how many there were. Without a fault, a delay, keys or models it is lean: see ``Vendor``.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from .naming import FAULTS, fault
from .refusals import ServerError
from .scripts import Choice, echo, flapping, late, percent
from .vendor import Vendor


def main(given: list[str] | None = None) -> int:
    """Run until a signal."""
    told = _arguments(given)
    try:
        script = _script(told)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    vendor = Vendor(script, keys=told.key, models=told.model, port=told.port, record=False)
    _runner()(_serve(vendor))
    print(f"{vendor.answered} answered, {vendor.cancelled} cancelled by the caller", file=sys.stderr)
    return 0


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m holdfast.testing.models", description="A model server that misbehaves.")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument(
        "--fault", metavar="NAME[:ARG,..]", help=f"flapping:UP,DOWN (seconds), or one of {', '.join(FAULTS)}"
    )
    parser.add_argument("--delay", type=float, default=0.0, metavar="MS", help="before every answer")
    parser.add_argument(
        "--fail", type=float, metavar="PERCENT", help="how many calls meet the fault: all, or 503 without one"
    )
    parser.add_argument("--seed", default="0", help="of --fail")
    parser.add_argument("--key", action="append", help="a key that is good; default: any")
    parser.add_argument("--model", action="append", help="a model that there is; default: any")
    return parser.parse_args(given)


def _script(told: argparse.Namespace) -> Choice | None:
    """The script that the options come to; None if there is nothing to decide."""
    choice: Choice | None = None
    name, _, times = (told.fault or "").partition(":")
    if name == "flapping":
        up, _, down = times.partition(",")
        choice = flapping(float(up or 5), float(down or 5))
    elif name:
        choice = fault(told.fault)
    if told.fail is not None:
        choice = percent(told.fail, choice or ServerError(503), told.seed)
    return late(told.delay / 1000, choice or echo) if told.delay > 0 else choice


async def _serve(vendor: Vendor) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with vendor:
        print(vendor.url, flush=True)
        await stop.wait()


def _runner() -> Callable[[Coroutine[Any, Any, None]], None]:
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


if __name__ == "__main__":
    raise SystemExit(main())
