"""The tools that only read: profiles, reservations, flights, and the two that need no database at all."""

from __future__ import annotations

import ast
import json
import operator
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from examples.airline.calling import Refused, answering
from examples.airline.database import Airline
from examples.airline.records import Airport, Day, Flight, Reservation, User

AIRPORTS = {
    "SFO": "San Francisco",
    "JFK": "New York",
    "LAX": "Los Angeles",
    "ORD": "Chicago",
    "DFW": "Dallas",
    "DEN": "Denver",
    "SEA": "Seattle",
    "ATL": "Atlanta",
    "MIA": "Miami",
    "BOS": "Boston",
    "PHX": "Phoenix",
    "IAH": "Houston",
    "LAS": "Las Vegas",
    "MCO": "Orlando",
    "EWR": "Newark",
    "CLT": "Charlotte",
    "MSP": "Minneapolis",
    "DTW": "Detroit",
    "PHL": "Philadelphia",
    "LGA": "LaGuardia",
}

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: lambda one, other: one / other,
}


@answering
def get_user_details(airline: Airline, user_id: str) -> str:
    """Get a user's profile: address, payment methods, membership, reservations."""
    return json.dumps(user_of(airline, user_id))


@answering
def get_reservation_details(airline: Airline, reservation_id: str) -> str:
    """Get a reservation: flights, passengers, payments, bags, insurance."""
    return json.dumps(reservation_of(airline, reservation_id))


def list_all_airports(airline: Airline) -> str:
    """List all airports and their cities."""
    return json.dumps(AIRPORTS)


def search_direct_flight(airline: Airline, origin: Airport, destination: Airport, date: Day) -> str:
    """Search for direct flights between two airports on a day."""
    return json.dumps([_offer(flight, date) for flight in _leaving(airline, origin, date, destination)])


def search_onestop_flight(airline: Airline, origin: Airport, destination: Airport, date: Day) -> str:
    """Search for flights with one stop between two airports on a day."""
    found: list[list[dict[str, Any]]] = []
    for first in _leaving(airline, origin, date):
        arrival = first["scheduled_arrival_time_est"]
        onward = _day_after(date) if arrival.endswith("+1") else date
        for second in _leaving(airline, first["destination"], onward, destination):
            if arrival <= second["scheduled_departure_time_est"]:
                # As recorded: a second flight on the next day is shown with the seats and prices of the first day.
                found.append([_offer(first, date) | {"date": date}, _offer(second, date) | {"date": onward}])
    return json.dumps(found)


@answering
def calculate(airline: Airline, expression: str) -> str:
    """Calculate an expression of numbers, + - * / and parentheses."""
    try:
        return str(round(float(_value(ast.parse(expression.strip(), mode="eval").body)), 2))
    except (SyntaxError, ArithmeticError, ValueError, RecursionError, MemoryError):
        raise Refused(f"cannot calculate {expression}") from None


def think(airline: Airline, thought: str) -> str:
    """Think about something. Nothing is looked up and nothing is changed."""
    return ""


def transfer_to_human_agents(airline: Airline, summary: str) -> str:
    """Transfer the user to a human agent, with a summary of the user's issue."""
    return "Transfer successful"


def user_of(airline: Airline, user_id: str) -> User:
    """A user, only to be read; or a refusal."""
    if (user := airline.users.get(user_id)) is None:
        raise Refused("user not found")
    return user


def reservation_of(airline: Airline, reservation_id: str) -> Reservation:
    """A reservation, only to be read; or a refusal."""
    if (reservation := airline.reservations.get(reservation_id)) is None:
        raise Refused("reservation not found")
    return reservation


def _leaving(airline: Airline, origin: str, day: str, destination: str | None = None) -> Iterator[Flight]:
    for flight in airline.flights.values():
        there = flight["origin"] == origin and destination in (None, flight["destination"])
        if there and day in flight["dates"] and flight["dates"][day]["status"] == "available":
            yield flight


def _offer(flight: Flight, day: str) -> dict[str, Any]:
    return {key: value for key, value in flight.items() if key != "dates"} | dict(flight["dates"].get(day, {}))


def _day_after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left), _value(right))
        case _:
            raise ValueError("neither a number nor one of + - * /")
