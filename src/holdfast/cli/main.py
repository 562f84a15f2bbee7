"""``holdfast``: the commands are in the files beside this one; each imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from ..domain.errors import HoldfastError
from . import options
from .contents import COMMANDS


class _Commands(Mapping[str, Any]):
    """The commands by name; the file of one is imported when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            room, _ = COMMANDS[name]
            alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
            import_module(f"{__package__}.{room}").register(alone)
            self._made.update(get_group(alone).commands)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Root(TyperGroup):
    """All commands. Help and completion of their names read the table of contents and import none of them."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = cast("dict[str, Any]", _Commands())

    def _outline(self) -> TyperGroup:
        outlined = [TyperCommand(name, help=summary) for name, (_, summary) in COMMANDS.items()]
        return TyperGroup(name=self.name, commands=outlined, params=self.params)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        self._outline().format_commands(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        outline = self._outline()
        return outline.shell_complete(typer.Context(outline, info_name=ctx.info_name), incomplete)


app = typer.Typer(
    cls=_Root,
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


def app_main() -> None:
    """The entry point: runs the command, tells errors, ends with 0, 1 or 2."""
    try:
        app()
    except HoldfastError as error:
        from . import errors

        errors.tell(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        from . import errors

        errors.tell(errors.of_system(error))
        sys.exit(1)
