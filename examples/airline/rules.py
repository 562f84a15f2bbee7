"""What the airline's policy may look up: the database as this conversation has left it, and the customer's last words.

Everything here only reads, and follows from the intent alone: the database is the one before the conversation, with what the
agent has done since, told by its past. ``policy.yaml`` beside it says what is allowed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from examples.airline.changing import NOW
from examples.airline.data import load_base
from examples.airline.database import Airline
from examples.airline.tools import TOOLS
from holdfast.domain.intent import Intent

_KEPT: OrderedDict[tuple[str, int], Airline] = OrderedDict()
_MOST_KEPT = 512


def airline_of(intent: Intent) -> Airline:
    """The database as the agent of an intent has left it."""
    changes = [
        d for d in intent.past or () if d.verb == "tool" and d.name in TOOLS and TOOLS[d.name].changes and not d.failed
    ]
    key = (intent.agent, len(changes))
    found = _KEPT.get(key)
    if found is None:
        found = Airline(load_base())
        for done in changes:
            TOOLS[done.name].call(found, done.arguments)
        _KEPT[key] = found
        if len(_KEPT) > _MOST_KEPT:
            _KEPT.popitem(last=False)
    return found


def reservation(intent: Intent, id: str) -> Any:
    """A reservation's record. Raises ``KeyError``: a rule about a reservation that is not there denies."""
    found = airline_of(intent).reservations.get(id)
    if found is None:
        raise KeyError(f"reservation {id}")
    return found


def cabin(intent: Intent, id: str) -> str:
    """The cabin of a reservation. The airline's tool changes flights and prices to another cabin, but leaves the record's
    ``cabin`` as it was: what the agent has changed it to counts."""
    changed = [
        d.arguments["cabin"]
        for d in intent.past or ()
        if d.name == "update_reservation_flights" and not d.failed and d.arguments.get("reservation_id") == id
    ]
    return changed[-1] if changed else reservation(intent, id)["cabin"]


def user(intent: Intent, id: str) -> Any:
    """A user's profile. Raises ``KeyError``."""
    found = airline_of(intent).users.get(id)
    if found is None:
        raise KeyError(f"user {id}")
    return found


def hours_since_booking(intent: Intent, id: str) -> float:
    """How long ago a reservation was made."""
    made = datetime.fromisoformat(reservation(intent, id)["created_at"])
    return (datetime.fromisoformat(NOW) - made).total_seconds() / 3600


def statuses(intent: Intent, id: str) -> list[str]:
    """What has become of each flight of a reservation: available, on time, delayed, flying, landed, cancelled."""
    airline = airline_of(intent)
    return [_day(airline, segment)["status"] for segment in reservation(intent, id)["flights"]]


def stops(intent: Intent, flights: list[Any]) -> list[str]:
    """The airports that flights lead through, first to last; a gap between two flights shows as both airports."""
    airline = airline_of(intent)
    found: list[str] = []
    for chosen in flights:
        flight = airline.flights.get(chosen["flight_number"])
        if flight is None:
            raise KeyError(f"flight {chosen['flight_number']}")
        found += [flight["origin"]] if found[-1:] != [flight["origin"]] else []
        found.append(flight["destination"])
    return found


def trips(intent: Intent, user_id: str) -> list[dict[str, Any]]:
    """A user's reservations, with what compensation depends on."""
    airline = airline_of(intent)
    touched = {
        str(d.arguments.get("reservation_id")) for d in intent.past or () if d.name in TOOLS and TOOLS[d.name].changes
    }
    found: list[dict[str, Any]] = []
    for id in user(intent, user_id)["reservations"]:
        record = airline.reservations.get(id)
        if record is None:
            continue
        days = [(segment, _day(airline, segment)) for segment in record["flights"]]
        found.append(
            {
                "id": id,
                "cabin": cabin(intent, id),
                "insured": record["insurance"] == "yes",
                "passengers": len(record["passengers"]),
                "cancelled": any(day["status"] == "cancelled" for _, day in days),
                "delayed": any(_late(airline, segment, day) for segment, day in days),
                "changed": id in touched,
            }
        )
    return found


def last_said(intent: Intent) -> str:
    """The customer's last message, in small letters: a turn hears its own message first."""
    return "" if intent.sources is None else intent.sources.words().split("\n", 1)[0]


def _day(airline: Airline, segment: Any) -> Any:
    flight = airline.flights.get(segment["flight_number"])
    if flight is None or segment["date"] not in flight["dates"]:
        raise KeyError(f"flight {segment['flight_number']} on {segment['date']}")
    return flight["dates"][segment["date"]]


def _late(airline: Airline, segment: Any, day: Any) -> bool:
    """Whether it is told to be delayed, or arrived after its time."""
    if day["status"] == "delayed":
        return True
    arrived = day.get("actual_arrival_time_est") or day.get("estimated_arrival_time_est")
    flight = airline.flights.get(segment["flight_number"])
    if arrived is None or flight is None or day["status"] not in ("landed", "flying"):
        return False
    clock, _, later = flight["scheduled_arrival_time_est"].partition("+")
    scheduled = datetime.fromisoformat(f"{segment['date']}T{clock}")
    days_late = (datetime.fromisoformat(arrived) - scheduled).total_seconds() / 86_400
    return days_late > int(later or 0)


LOOKUPS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (reservation, cabin, user, hours_since_booking, statuses, stops, trips, last_said)
}
"""By the names that conditions call."""
