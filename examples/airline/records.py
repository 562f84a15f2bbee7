"""The airline's records: JSON objects, of which only what the tools look at is named. The rest is kept and shown as is."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

import msgspec

Cabin = Literal["basic_economy", "economy", "business"]
FlightType = Literal["one_way", "round_trip"]
YesOrNo = Literal["yes", "no"]
Money = int | float
Airport = Annotated[str, msgspec.Meta(description="An airport's three letters, such as JFK")]
Day = Annotated[str, msgspec.Meta(description="A date, such as 2024-05-20")]


class Passenger(TypedDict):
    """Someone who flies; dob is a date of birth."""

    first_name: str
    last_name: str
    dob: str


class Payment(TypedDict):
    """An amount paid with a payment method of the user's profile; negative if it was paid back."""

    payment_id: str
    amount: Money


class FlightChoice(TypedDict):
    """A flight to be taken."""

    flight_number: str
    date: Day


class Segment(TypedDict):
    """A flight on a day as it was booked, at the price for one passenger at that time."""

    flight_number: str
    date: str
    price: Money
    origin: str
    destination: str


class PaymentMethod(TypedDict):
    """What a user can pay with; only gift cards and certificates have an amount."""

    source: Literal["credit_card", "gift_card", "certificate"]
    id: str
    amount: NotRequired[Money]


class User(TypedDict):
    """A user's profile. The tools look at no more than this; the rest is only shown."""

    address: dict[str, str]
    payment_methods: dict[str, PaymentMethod]
    reservations: list[str]


class Reservation(TypedDict):
    """A trip that was booked; only a cancelled one has a status."""

    reservation_id: str
    user_id: str
    origin: str
    destination: str
    flight_type: FlightType
    cabin: Cabin
    flights: list[Segment]
    passengers: list[Passenger]
    payment_history: list[Payment]
    created_at: str
    total_baggages: int
    nonfree_baggages: int
    insurance: YesOrNo
    status: NotRequired[str]


class FlightDay(TypedDict):
    """A flight on one day; one that can be booked has seats and prices, others have times."""

    status: str
    available_seats: NotRequired[dict[Cabin, int]]
    prices: NotRequired[dict[Cabin, Money]]


class Flight(TypedDict):
    """A flight as it is scheduled, and what becomes of it on each day."""

    flight_number: str
    origin: str
    destination: str
    scheduled_departure_time_est: str
    scheduled_arrival_time_est: str
    dates: dict[str, FlightDay]
