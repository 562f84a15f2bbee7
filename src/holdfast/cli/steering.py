"""Steering: pause, resume, steer, cancel, kill, retire, fork, dead letters, stuck turns, draining."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Address, Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..sdk.client import Client
    from .output import Column

Why = Annotated[str, typer.Option("--why", help="The reason, kept with it.", show_default=False)]
Turn = Annotated[int, typer.Option("--turn", help="Only this turn; a negative number is a message's id. All by default.")]
Id = Annotated[int, typer.Argument(help="The dead letter's id.")]

dead = typer.Typer(help="Messages whose turns failed with nobody to tell.", no_args_is_help=True, rich_markup_mode=None)
turns = typer.Typer(help="Turns that need a person.", no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (pause, resume, steer, cancel, kill, retire, fork, drain):
        app.command()(command)
    app.add_typer(dead, name="dead")
    app.add_typer(turns, name="turns")


def _do(operation: str, output: Format, url: str, store: str, **given: Any) -> None:
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.channel.request(operation, **given), url, store), output)


def pause(address: Address, why: Why = "", output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Let an agent start nothing and go on with nothing until it is resumed."""
    _do("pause", output, url, store, address=address, why=why)


def resume(address: Address, output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Let a paused agent go on."""
    _do("resume", output, url, store, address=address)


def retire(address: Address, why: Why = "", output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Let an agent take no more messages; its journal stays, and resume brings it back."""
    _do("retire", output, url, store, address=address, why=why)


def cancel(
    address: Address, turn: Turn = 0, why: Why = "", output: Output = Format.table, url: Url = "", store: StoreUrl = ""
) -> None:
    """Cancel an agent's turn: its cleanup and compensations run."""
    _do("cancel", output, url, store, address=address, turn=turn, why=why)


def kill(
    address: Address, turn: Turn = 0, why: Why = "", output: Output = Format.table, url: Url = "", store: StoreUrl = ""
) -> None:
    """End an agent's turn at once, running nothing of it any more."""
    _do("kill", output, url, store, address=address, turn=turn, why=why)


def steer(
    address: Address,
    words: Annotated[str, typer.Argument(help="What to say, in quotes.")],
    turn: Annotated[int, typer.Option("--turn", help="To this open turn; needed only if there are several.")] = 0,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Say something to a turn under way without stopping it; a thinking agent hears it next."""
    _do("steer", output, url, store, address=address, words=words, turn=turn)


def fork(
    address: Address,
    to: Annotated[str, typer.Argument(help="The new agent's address: another key of the same kind.")],
    turn: Annotated[int, typer.Option("--turn", help="The state when this turn had ended; as it stands now if none.")] = 0,
    before: Annotated[
        str, typer.Option("--before", help="Run the turn again, for real from before this step on.", metavar="STEP")
    ] = "",
    newest: Annotated[bool, typer.Option("--newest", help="On the newest code, not the turn's own.")] = False,
    why: Why = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Begin a new agent with another's state, as it was after a turn or before one of its steps."""
    given = {"address": address, "to": to, "turn": turn, "before": before, "newest": newest, "why": why}
    _do("fork", output, url, store, **given)


def drain(
    worker: Annotated[str, typer.Argument(help="A worker's name or session; the server itself if none is named.")] = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Let a worker, or the server, take no more work, finish what it does, and end."""
    _do("drain", output, url, store, name=worker)


@dead.command("list")
def list_dead(
    address: Annotated[str, typer.Argument(help="Only of this agent.")] = "",
    limit: Annotated[int, typer.Option("--limit")] = 100,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """List dead letters."""
    from . import session
    from .output import age, short, show

    rows, now = session.timed(lambda c: c.dead(address=address, limit=limit), url, store)
    columns: list[Column] = [
        ("ID", lambda d: d.id),
        ("ADDRESS", lambda d: d.address),
        ("HANDLER", lambda d: d.handler),
        ("ARGUMENTS", lambda d: short(d.kwargs or d.args, 50)),
        ("ERROR", lambda d: short(d.error, 70)),
        ("SINCE", lambda d: age(d.ended, now)),
    ]
    show(rows, columns, output, "no dead letters")


@dead.command("show")
def show_dead(id: Id, output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Show one dead letter, whole."""
    from ..domain.errors import NotFound
    from . import session
    from .output import show_one

    rows = session.run(lambda c: c.dead(after=id - 1, limit=1), url, store)
    if not rows or rows[0].id != id:
        raise NotFound("dead.unknown", f"There is no dead letter {id}. `holdfast dead list` lists them.", id=id)
    show_one(rows[0], output)


@dead.command("retry", context_settings={"ignore_unknown_options": True})
def retry_dead(
    id: Id,
    args: Annotated[list[str] | None, typer.Argument(help="Other arguments, as for call.", metavar="[ARG]...")] = None,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Send a dead letter again, with other arguments if given."""
    from ..domain.errors import NotFound
    from . import session
    from .output import show_one
    from .talking import _payload  # pyright: ignore[reportPrivateUsage]

    async def work(client: Client) -> Any:
        payload = b""
        if args:
            rows = await client.dead(after=id - 1, limit=1)
            if not rows or rows[0].id != id:
                raise NotFound("dead.unknown", f"There is no dead letter {id}. `holdfast dead list` lists them.", id=id)
            payload = await _payload(client, rows[0].address, rows[0].handler, args)
        return await client.redeliver(id=id, payload=payload)

    show_one(session.run(work, url, store), output)


@dead.command("discard")
def discard_dead(id: Id, output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Take a dead letter off the list without sending it again."""
    _do("discard", output, url, store, id=id)


@turns.command("retry")
def retry_turn(address: Address, turn: Turn = 0, output: Output = Format.table, url: Url = "", store: StoreUrl = "") -> None:
    """Run a turn again that was set aside: it diverged from its journal, or it kept killing its workers."""
    _do("retry_stuck", output, url, store, address=address, turn=turn)


@turns.command("show")
def show_turn(
    address: Address,
    turn: Annotated[int, typer.Argument(help="The turn's number (holdfast journal).")],
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Tell one turn, whole: what it was asked and by whom, its entries, what its steps cost."""
    from . import session
    from .output import show_one

    show_one(session.run(lambda c: c.story(address, turn), url, store), output)
