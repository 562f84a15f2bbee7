"""The airline's fourteen tools: which there are, which of them change something, and how to call one by name. Each answers
with exactly the text that was recorded for the same call and state; ``python -m examples.airline.prove`` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from examples.airline.calling import Tool
from examples.airline.changing import (
    book_reservation,
    cancel_reservation,
    send_certificate,
    update_reservation_baggages,
    update_reservation_flights,
    update_reservation_passengers,
)
from examples.airline.database import Airline
from examples.airline.reading import (
    calculate,
    get_reservation_details,
    get_user_details,
    list_all_airports,
    search_direct_flight,
    search_onestop_flight,
    think,
    transfer_to_human_agents,
)

_READING = (
    calculate,
    get_reservation_details,
    get_user_details,
    list_all_airports,
    search_direct_flight,
    search_onestop_flight,
    think,
    transfer_to_human_agents,
)
_CHANGING = (
    book_reservation,
    cancel_reservation,
    send_certificate,
    update_reservation_baggages,
    update_reservation_flights,
    update_reservation_passengers,
)

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (*(Tool(one, changes=False) for one in _READING), *(Tool(one, changes=True) for one in _CHANGING))
}
READ_ONLY = frozenset(name for name, tool in TOOLS.items() if not tool.changes)


def call(airline: Airline, name: str, arguments: str | Mapping[str, Any]) -> str:
    """The answer to a tool call as a model makes it; never raises for what a model can get wrong."""
    if name not in TOOLS:
        return f"Error: there is no tool {name}"
    return TOOLS[name].call(airline, arguments)
