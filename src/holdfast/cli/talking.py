"""Messages: call, send, signal, publish, and people's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Address, Format, Output, StoreUrl, Url

if TYPE_CHECKING:
    from ..sdk.client import Client

Handler = Annotated[str, typer.Argument(help="The handler's name.", metavar="HANDLER")]
Args = Annotated[
    list[str] | None,
    typer.Argument(help="JSON values; a bare word is a string. One object may name the parameters.", metavar="[ARG]..."),
]
Key = Annotated[str, typer.Option("--key", help="Dedupe key: the same again gives the same outcome.", show_default=False)]
Priority = Annotated[int, typer.Option("--priority", help="-100 to 100; higher ones overtake.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (call, send, signal, publish, answer):
        app.command(context_settings={"ignore_unknown_options": True})(command)


async def _payload(client: Client, address: str, handler: str, args: list[str] | None) -> bytes:
    from ..domain.address import address as parse
    from ..domain.address import name_of
    from . import arguments

    kinds = await client.definitions(name=name_of(parse(address)))
    known = next((d.handlers[handler] for d in kinds if handler in d.handlers), None)
    return arguments.payload(args or [], known)


def call(
    address: Address,
    handler: Handler,
    args: Args = None,
    key: Key = "",
    priority: Priority = 0,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait; 0 for as long as it takes.")] = 0,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Ask an agent and print its answer: holdfast call desk/42 handle '{"text": "hello"}'."""
    import asyncio

    from ..domain.errors import Rejected, StepTimeout, TurnFailed
    from ..journal.codec import decode_any, error_of
    from . import session
    from .output import show_value

    if store.startswith("sqlite"):
        raise Rejected(
            "server.needed",
            f"Nobody runs agents on {store} now, so a call would wait for ever. Start a server: "
            f"holdfast up my_agents.py --store {store}; or leave a message: holdfast send.",
        )

    async def work(client: Client) -> Any:
        payload = await _payload(client, address, handler, args)
        asked = client.channel.request(
            "call", to=address, handler=handler, payload=payload, key=key, priority=priority, sender="cli"
        )
        try:
            return await asyncio.wait_for(asked, timeout or None)
        except TimeoutError:
            raise StepTimeout(
                "call.timeout",
                f"{address} has not answered within {timeout:g} s; its turn goes on. `holdfast describe {address}` shows "
                "what it waits for.",
            ) from None

    outcome = session.run(work, url, store)
    if outcome.failure is not None:
        raise error_of(outcome.failure, TurnFailed, "turn.failed")
    show_value(decode_any(outcome.value), output)


def send(
    address: Address,
    handler: Handler,
    args: Args = None,
    key: Key = "",
    priority: Priority = 0,
    after: Annotated[str, typer.Option("--after", help="Deliver later: 30s, 5m, 2h, 1d.", show_default=False)] = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Send an agent a message without waiting for its turn; prints the message's id."""
    from . import session
    from .durations import seconds
    from .output import show_one

    async def work(client: Client) -> Any:
        payload = await _payload(client, address, handler, args)
        due = await client.channel.now_ms() + int(seconds(after) * 1000) if after else 0
        return await client.channel.request(
            "send", to=address, handler=handler, payload=payload, key=key, priority=priority, sender="cli", due=due
        )

    show_one(session.run(work, url, store), output)


def signal(
    address: Address,
    event: Annotated[str, typer.Argument(help="The event's name.")],
    value: Annotated[str, typer.Argument(help="JSON, or a bare word.")] = "null",
    key: Key = "",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Send an event to an agent; a turn that waits for it goes on."""
    from ..journal.codec import encode
    from . import arguments, session
    from .output import show_one

    body = encode(arguments.value(value), "event")
    given = {"to": address, "event": event, "value": body, "key": key, "sender": "cli"}
    show_one(session.run(lambda c: c.channel.request("signal", **given), url, store), output)


def publish(
    topic: Annotated[str, typer.Argument(help="Tokens joined by dots: orders.eu.created.")],
    args: Args = None,
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Publish on a topic: every subscribed agent gets it exactly once."""
    from . import arguments, session
    from .output import show_one

    body = arguments.payload(args or [], None)
    show_one(
        session.run(lambda c: c.channel.request("publish", topic=topic, payload=body, sender="cli"), url, store), output
    )


def answer(
    question: Annotated[str, typer.Argument(help="The question's id, or the address if it has only one.")],
    value: Annotated[str, typer.Argument(help="JSON, or a bare word.")],
    by: Annotated[str, typer.Option("--by", help="Who answers.")] = "person",
    output: Output = Format.table,
    url: Url = "",
    store: StoreUrl = "",
) -> None:
    """Answer a question that an agent asked (holdfast asks lists them)."""
    from . import arguments, session
    from .output import show_one

    given = arguments.value(value)
    show_one(session.run(lambda c: c.answer(question=question, value=given, by=by), url, store), output)
