"""The tools that change the database. Like the recorded ones they check seats, balances and sums, and leave the airline's
policy to the agent. As recorded, too: booking takes no seats, cancelling pays nothing back onto a gift card, and a change of
cabin changes flights and prices, but not the reservation's ``cabin``."""

from __future__ import annotations

import json
from string import ascii_uppercase

from examples.airline.calling import Refused, answering
from examples.airline.database import Airline
from examples.airline.reading import reservation_of, user_of
from examples.airline.records import (
    Airport,
    Cabin,
    FlightChoice,
    FlightType,
    Money,
    Passenger,
    Payment,
    PaymentMethod,
    Reservation,
    Segment,
    User,
    YesOrNo,
)

NOW = "2024-05-15T15:00:00"
BAG_PRICE = 50
INSURANCE_PRICE = 30
FIRST_CERTIFICATE = 3221322
FIRST_RESERVATION = "HATHAT"


@answering
def book_reservation(
    airline: Airline,
    user_id: str,
    origin: Airport,
    destination: Airport,
    flight_type: FlightType,
    cabin: Cabin,
    flights: list[FlightChoice],
    passengers: list[Passenger],
    payment_methods: list[Payment],
    total_baggages: int,
    nonfree_baggages: int,
    insurance: YesOrNo,
) -> str:
    """Book a reservation and pay for it."""
    methods = user_of(airline, user_id)["payment_methods"]
    segments = [_booked(airline, choice, cabin, len(passengers)) for choice in flights]
    each = sum(segment["price"] for segment in segments) + (INSURANCE_PRICE if insurance == "yes" else 0)
    _check_payments(methods, payment_methods, each * len(passengers) + BAG_PRICE * nonfree_baggages)
    reservation: Reservation = {
        "reservation_id": _new_reservation_id(airline),
        "user_id": user_id,
        "origin": origin,
        "destination": destination,
        "flight_type": flight_type,
        "cabin": cabin,
        "flights": segments,
        "passengers": [passenger.copy() for passenger in passengers],
        "payment_history": [payment.copy() for payment in payment_methods],
        "created_at": NOW,
        "total_baggages": total_baggages,
        "nonfree_baggages": nonfree_baggages,
        "insurance": insurance,
    }
    airline.reservations.put(reservation["reservation_id"], reservation)
    user = airline.users.edit(user_id)
    user["reservations"].append(reservation["reservation_id"])
    for payment in payment_methods:
        _charge(user, payment)
    return json.dumps(reservation)


@answering
def update_reservation_flights(
    airline: Airline, reservation_id: str, cabin: Cabin, flights: list[FlightChoice], payment_id: str
) -> str:
    """Change the flights or the cabin of a reservation. Give all its flights, also those that stay; these keep their price
    unless the cabin changes."""
    before = reservation_of(airline, reservation_id)
    count = len(before["passengers"])
    kept = {(one["flight_number"], one["date"]): one for one in before["flights"]} if cabin == before["cabin"] else {}
    segments: list[Segment] = []
    for choice in flights:
        stays = kept.get((choice["flight_number"], choice["date"]))
        segments.append(_segment(choice, stays) if stays else _booked(airline, choice, cabin, count))
    each = sum(one["price"] for one in segments) - sum(one["price"] for one in before["flights"])
    reservation = _paid_for(airline, reservation_id, payment_id, each * count)
    reservation["flights"] = segments
    return json.dumps(reservation)


@answering
def update_reservation_baggages(
    airline: Airline, reservation_id: str, total_baggages: int, nonfree_baggages: int, payment_id: str
) -> str:
    """Change the number of bags of a reservation, and pay for those more that are not free."""
    more = nonfree_baggages - reservation_of(airline, reservation_id)["nonfree_baggages"]
    reservation = _paid_for(airline, reservation_id, payment_id, BAG_PRICE * max(0, more))
    reservation["total_baggages"] = total_baggages
    reservation["nonfree_baggages"] = nonfree_baggages
    return json.dumps(reservation)


@answering
def update_reservation_passengers(airline: Airline, reservation_id: str, passengers: list[Passenger]) -> str:
    """Change who flies, but not how many."""
    if len(reservation_of(airline, reservation_id)["passengers"]) != len(passengers):
        raise Refused("number of passengers does not match")
    reservation = airline.reservations.edit(reservation_id)
    reservation["passengers"] = [passenger.copy() for passenger in passengers]
    return json.dumps(reservation)


@answering
def cancel_reservation(airline: Airline, reservation_id: str) -> str:
    """Cancel a whole reservation and pay back what was paid for it."""
    reservation_of(airline, reservation_id)
    reservation = airline.reservations.edit(reservation_id)
    paid = reservation["payment_history"]
    back: list[Payment] = [{"payment_id": payment["payment_id"], "amount": -payment["amount"]} for payment in paid]
    paid.extend(back)
    reservation["status"] = "cancelled"
    return json.dumps(reservation)


@answering
def send_certificate(airline: Airline, user_id: str, amount: Money) -> str:
    """Send a user a certificate over an amount."""
    number, methods = FIRST_CERTIFICATE, user_of(airline, user_id)["payment_methods"]
    while f"certificate_{number}" in methods:
        number += 1
    key = f"certificate_{number}"
    airline.users.edit(user_id)["payment_methods"][key] = {"source": "certificate", "amount": amount, "id": key}
    return f"Certificate {key} added to user {user_id} with amount {amount}."


def _booked(airline: Airline, choice: FlightChoice, cabin: Cabin, count: int) -> Segment:
    """A flight at today's price, if it can be booked for so many."""
    number, day = choice["flight_number"], choice["date"]
    if (flight := airline.flights.get(number)) is None:
        raise Refused(f"flight {number} not found")
    on_day = flight["dates"].get(day, {"status": "unknown"})
    if on_day["status"] != "available" or "available_seats" not in on_day or "prices" not in on_day:
        raise Refused(f"flight {number} not available on date {day}")
    if on_day["available_seats"][cabin] < count:
        raise Refused(f"not enough seats on flight {number}")
    price, origin, destination = on_day["prices"][cabin], flight["origin"], flight["destination"]
    return _segment(choice, {**choice, "price": price, "origin": origin, "destination": destination})


def _segment(choice: FlightChoice, known: Segment) -> Segment:
    """What was chosen, as the caller wrote it, with what is known of it."""
    return {**choice, "price": known["price"], "origin": known["origin"], "destination": known["destination"]}


def _method(methods: dict[str, PaymentMethod], payment_id: str) -> PaymentMethod:
    if payment_id not in methods:
        raise Refused("payment method not found")
    return methods[payment_id]


def _check_payments(methods: dict[str, PaymentMethod], payments: list[Payment], price: Money) -> None:
    if len({payment["payment_id"] for payment in payments}) < len(payments):
        raise Refused("a payment method is given more than once")
    for payment in payments:
        method = _method(methods, payment["payment_id"])
        if method.get("amount", payment["amount"]) < payment["amount"]:
            raise Refused(f"not enough balance in payment method {payment['payment_id']}")
    paid = sum(payment["amount"] for payment in payments)
    if paid != price:
        raise Refused(f"payment amount does not add up, total price is {price}, but paid {paid}")


def _paid_for(airline: Airline, reservation_id: str, payment_id: str, price: Money) -> Reservation:
    """The reservation to be changed, once the change is paid for, or paid back if the price is negative."""
    user_id = reservation_of(airline, reservation_id)["user_id"]
    method = _method(user_of(airline, user_id)["payment_methods"], payment_id)
    if method["source"] == "certificate":
        raise Refused("certificate cannot be used to update reservation")
    if method.get("amount", price) < price:
        raise Refused("gift card balance is not enough")
    reservation = airline.reservations.edit(reservation_id)
    if price:
        payment: Payment = {"payment_id": payment_id, "amount": price}
        reservation["payment_history"].append(payment)
        _charge(airline.users.edit(user_id), payment)
    return reservation


def _charge(user: User, payment: Payment) -> None:
    """Take money from a gift card, or put it there if it is negative. A certificate is used up, whatever its amount."""
    method = user["payment_methods"][payment["payment_id"]]
    if method["source"] == "certificate":
        del user["payment_methods"][method["id"]]
    elif "amount" in method:
        method["amount"] -= payment["amount"]


def _new_reservation_id(airline: Airline) -> str:
    """The recorded id, or the next ones in the alphabet; a conversation books a few."""
    stem, last = FIRST_RESERVATION[:-1], FIRST_RESERVATION[-1]
    for letter in ascii_uppercase[ascii_uppercase.index(last) :]:
        if airline.reservations.get(stem + letter) is None:
            return stem + letter
    raise Refused("no more reservations can be booked in this conversation")
