"""``holdfast``: the commands are in the files beside this one; each imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from ..domain.errors import HoldfastError
from . import (
    approving,
    auditing,
    declaring,
    doctor,
    doing,
    errors,
    fleet,
    guarding,
    identity,
    keeping,
    looking,
    mcp,
    models,
    money,
    options,
    policies,
    schedules,
    serving,
    steering,
    talking,
)

app = typer.Typer(
    name="holdfast",
    help="Agents that survive anything, wait for free, and talk to each other.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"holdfast {__version__}")
        raise typer.Exit


@app.callback()
def root(
    token: Annotated[
        str,
        typer.Option(
            "--token",
            envvar="HOLDFAST_TOKEN",
            help="Who you are, for a server that asks.",
            show_default=False,
            metavar="TOKEN",
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what the command would change; touches nothing.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell this Holdfast's version.")
    ] = False,
) -> None:
    """Agents that survive anything, wait for free, and talk to each other."""
    options.TOKEN[0] = token
    options.DRY_RUN[0] = dry_run


for room in (
    serving,
    talking,
    models,
    money,
    looking,
    steering,
    guarding,
    declaring,
    policies,
    schedules,
    identity,
    auditing,
    keeping,
    mcp,
    approving,
    doctor,
    doing,
    fleet,
):
    room.register(app)


def app_main() -> None:
    """The entry point: runs the command, tells errors, ends with 0, 1 or 2."""
    try:
        app()
    except HoldfastError as error:
        errors.tell(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
