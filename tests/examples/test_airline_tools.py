"""The airline's tools answer as recorded: proven over the public data where it is, and tool by tool over a small airline."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from commands import python
from examples.airline.data import Base, MissingData, data_folder, load_base, load_conversations
from examples.airline.database import Airline
from examples.airline.prove import RENAMED, UNEXPLAINED, explain, prove, replay
from examples.airline.tools import READ_ONLY, TOOLS, call


def missing_data() -> str:
    """Why the public data cannot be used, if so."""
    try:
        data_folder()
    except MissingData as missing:
        return str(missing)
    return ""


needs_data = pytest.mark.skipif(bool(missing_data()), reason=missing_data() or "the data is here")

ADA = {"first_name": "Ada", "last_name": "Li", "dob": "1990-04-05"}
BOB = {"first_name": "Bob", "last_name": "Li", "dob": "1991-04-05"}


def flight(number: str, way: str, times: tuple[str, str], **days: Any) -> dict[str, Any]:
    origin, destination = way.split("-")
    return {
        "flight_number": number,
        "origin": origin,
        "destination": destination,
        "scheduled_departure_time_est": times[0],
        "scheduled_arrival_time_est": times[1],
        "dates": {f"2024-05-{day[1:]}": made for day, made in days.items()},
    }


def available(seats: int, price: int) -> dict[str, Any]:
    cabins = ("basic_economy", "economy", "business")
    return {
        "status": "available",
        "available_seats": dict.fromkeys(cabins, seats),
        "prices": {cabin: price * times for cabin, times in zip(cabins, (1, 2, 5), strict=True)},
    }


@pytest.fixture
def base() -> Base:
    """Two flights that meet in SEA, one of them late in the evening; a user with a trip and one of each payment method."""
    payments = [{"payment_id": "card", "amount": 200}]
    segment = {"origin": "JFK", "destination": "SEA", "flight_number": "F1", "date": "2024-05-20", "price": 90}
    reservation = {"reservation_id": "R1", "user_id": "ada", "origin": "JFK", "destination": "SEA", "flight_type": "one_way"}
    reservation |= {"cabin": "economy", "flights": [segment], "passengers": [ADA], "payment_history": payments}
    reservation |= {"created_at": "2024-05-01T00:00:00", "total_baggages": 1, "nonfree_baggages": 0, "insurance": "no"}
    methods = {
        "card": {"source": "credit_card", "brand": "visa", "last_four": "1234", "id": "card"},
        "gift": {"source": "gift_card", "amount": 300, "id": "gift"},
        "certificate": {"source": "certificate", "amount": 500, "id": "certificate"},
    }
    ada = {"name": {"first_name": "Ada"}, "address": {"province": "TX"}, "payment_methods": methods, "reservations": ["R1"]}
    flights = [
        flight("F1", "JFK-SEA", ("20:00:00", "23:00:00"), d20=available(2, 50), d21={"status": "cancelled"}),
        flight("F2", "JFK-SEA", ("22:00:00", "01:00:00+1"), d20=available(9, 60)),
        flight("F3", "SEA-SFO", ("13:00:00", "15:00:00"), d20=available(9, 90), d21=available(8, 80)),
        flight("F4", "SEA-SFO", ("23:00:00", "23:59:00"), d20=available(9, 10)),
    ]
    raw: Any = {
        "users": {"ada": ada},
        "reservations": {"R1": reservation},
        "flights": {f["flight_number"]: f for f in flights},
    }
    return Base(**raw)


@pytest.fixture
def airline(base: Base) -> Airline:
    return Airline(base)


def booking(*payments: tuple[str, int], **other: Any) -> dict[str, Any]:
    return {
        "user_id": "ada",
        "origin": "JFK",
        "destination": "SEA",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [{"flight_number": "F1", "date": "2024-05-20"}],
        "passengers": [ADA, BOB],
        "payment_methods": [{"payment_id": key, "amount": amount} for key, amount in payments],
        "total_baggages": 1,
        "nonfree_baggages": 1,
        "insurance": "yes",
    } | other


def change(payment_id: str, cabin: str = "economy", number: str = "F2") -> dict[str, Any]:
    flights = [{"flight_number": number, "date": "2024-05-20"}]
    return {"reservation_id": "R1", "cabin": cabin, "flights": flights, "payment_id": payment_id}


def amount(airline: Airline, method: str) -> float:
    return json.loads(call(airline, "get_user_details", {"user_id": "ada"}))["payment_methods"][method]["amount"]


@needs_data
def test_every_recorded_answer_and_every_graded_state_is_reproduced() -> None:
    base = load_base()
    untouched = Airline(base).digest()
    proof = prove(base, load_conversations())
    assert proof.conversations == 150
    assert (proof.equal.total(), proof.total.total(), dict(proof.reasons)) == (862, 862, {})
    assert (proof.graded, proof.expected_reached, proof.verdict_same) == (137, 137, 137)
    assert len({digest for _, _, digest in proof.digests}) == 67
    assert Airline(base).digest() == untouched
    assert proof.total.keys() == TOOLS.keys()


@needs_data
def test_a_database_kept_as_its_changes_after_each_call_answers_the_same() -> None:
    base = load_base()
    for conversation in load_conversations()[:50]:
        whole, kept = replay(base, conversation).airline, "{}"
        for recorded in conversation.calls():
            airline = Airline.from_changes(base, json.loads(kept))
            assert call(airline, recorded.name, recorded.arguments) == recorded.output
            before, kept = kept, json.dumps(airline.changes())
            assert kept == before or recorded.name not in READ_ONLY
        assert Airline.from_changes(base, json.loads(kept)).digest() == whole.digest()


@needs_data
def test_the_command_prints_the_proof_and_takes_another_file(tmp_path: Path) -> None:
    own = [c for c in load_conversations() if c.task_id == 3]
    later = json.dumps([{"task_id": 3, "reward": 0.0, "info": {}, "traj": c.messages} for c in own])
    (tmp_path / "later.json.gz").write_bytes(gzip.compress(later.replace('\\"province\\"', '\\"state\\"').encode()))
    done = python("-m", "examples.airline.prove", "--conversations", str(tmp_path / "later.json.gz"), "--digests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"3  {RENAMED}" in done.stdout
    assert done.stdout.count("task   3 trial 0  ") == 3


def test_absent_data_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_TEST_DATA", str(tmp_path))
    with pytest.raises(MissingData, match=r"sierra-research/tau-bench, commit 59a200c.*gpt-4o trajectories"):
        load_base()
    with pytest.raises(MissingData, match=r"There is no .*other\.json"):
        load_conversations(tmp_path / "other.json")


def test_a_difference_has_a_reason() -> None:
    assert explain('{"state": "TX"}', '{"province": "TX"}') == RENAMED
    assert explain('{"a": 1, "b": 2}', '{"b": 2, "a": 1}') == "the same JSON, its keys in another order"
    assert explain("Error: no", "yes") == explain("1", "2") == UNEXPLAINED


def test_tools_are_described_by_their_types() -> None:
    assert len(TOOLS) == 14 and len(READ_ONLY) == 8
    parameters = TOOLS["book_reservation"].definition["function"]["parameters"]
    assert parameters["required"] == list(booking()) and not parameters["additionalProperties"]
    assert sorted(parameters["properties"]["cabin"]["enum"]) == ["basic_economy", "business", "economy"]
    assert set(parameters["properties"]["flights"]["items"]["required"]) == {"date", "flight_number"}
    assert "$ref" not in json.dumps([tool.definition for tool in TOOLS.values()])


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("get_user_details", {"user_id": "bob"}, "Error: user not found"),
        ("send_certificate", {"user_id": "bob", "amount": 1}, "Error: user not found"),
        ("cancel_reservation", {"reservation_id": "R2"}, "Error: reservation not found"),
        (
            "update_reservation_passengers",
            {"reservation_id": "R1", "passengers": []},
            "Error: number of passengers does not",
        ),
        ("fly", {}, "Error: there is no tool fly"),
        ("think", "{", "Error: the arguments of think are not JSON"),
        ("think", {}, "Error: wrong arguments for think: Object missing required field `thought`"),
        ("think", {"thought": "", "more": 1}, "Error: wrong arguments for think: Object contains unknown field `more`"),
        ("calculate", {"expression": "(350 - 122.5) * 2 / -4"}, "-113.75"),
        ("calculate", {"expression": "2 ** 9"}, "Error: cannot calculate 2 ** 9"),
        ("calculate", {"expression": "1 / 0"}, "Error: cannot calculate 1 / 0"),
        ("calculate", {"expression": "open('x')"}, "Error: cannot calculate open('x')"),
        ("book_reservation", booking(("purse", 1)), "Error: payment method not found"),
        ("book_reservation", booking(("gift", 310)), "Error: not enough balance in payment method gift"),
        (
            "book_reservation",
            booking(("card", 309)),
            "Error: payment amount does not add up, total price is 310, but paid 309",
        ),
        ("book_reservation", booking(("card", 155), ("card", 155)), "Error: a payment method is given more than once"),
        ("book_reservation", booking(passengers=[ADA] * 3), "Error: not enough seats on flight F1"),
        (
            "book_reservation",
            booking(cabin="first"),
            "Error: wrong arguments for book_reservation: Invalid enum value 'first'",
        ),
        ("update_reservation_flights", change("certificate"), "Error: certificate cannot be used to update reservation"),
        ("update_reservation_flights", change("gift", "business", "F3"), "Error: gift card balance is not enough"),
        ("update_reservation_flights", change("card", number="F9"), "Error: flight F9 not found"),
    ],
)
def test_what_cannot_be_done_is_answered_and_changes_nothing(
    airline: Airline, name: str, arguments: Any, answer: str
) -> None:
    assert call(airline, name, arguments).startswith(answer)
    assert airline.changes() == {}


@pytest.mark.parametrize("day", ["2024-05-21", "2024-06-01"])
def test_a_flight_that_does_not_go_cannot_be_booked(airline: Airline, day: str) -> None:
    arguments = booking(flights=[{"flight_number": "F1", "date": day}])
    assert call(airline, "book_reservation", arguments) == f"Error: flight F1 not available on date {day}"


def test_flights_are_found_directly_and_with_a_stop(airline: Airline) -> None:
    way = {"origin": "JFK", "destination": "SEA", "date": "2024-05-20"}
    found = json.loads(call(airline, "search_direct_flight", way))
    assert [one["flight_number"] for one in found] == ["F1", "F2"]
    assert found[0]["prices"]["economy"] == 100 and "dates" not in found[0]
    pairs = json.loads(call(airline, "search_onestop_flight", way | {"destination": "SFO"}))
    assert [[leg["flight_number"] for leg in pair] for pair in pairs] == [["F1", "F4"], ["F2", "F3"]]
    assert pairs[1][1]["date"] == "2024-05-21" and pairs[1][1]["prices"]["economy"] == 180  # as recorded: the first day's


def test_a_booking_is_paid_for_and_listed(airline: Airline) -> None:
    arguments = booking(("certificate", 100), ("gift", 200), ("card", 10))
    booked = json.loads(call(airline, "book_reservation", json.dumps(arguments)))
    assert booked["reservation_id"] == "HATHAT" and booked["created_at"] == "2024-05-15T15:00:00"
    assert booked["flights"] == [arguments["flights"][0] | {"price": 100, "origin": "JFK", "destination": "SEA"}]
    user = json.loads(call(airline, "get_user_details", {"user_id": "ada"}))
    assert user["reservations"] == ["R1", "HATHAT"]
    assert user["payment_methods"].keys() == {"card", "gift"} and user["payment_methods"]["gift"]["amount"] == 100
    again = json.loads(call(airline, "book_reservation", booking(("card", 310))))
    assert again["reservation_id"] == "HATHAU"
    assert airline.changes().keys() == {"reservations", "users"}


def test_a_change_is_paid_or_paid_back(airline: Airline) -> None:
    changed = json.loads(call(airline, "update_reservation_flights", change("gift")))
    assert changed["payment_history"][-1] == {"payment_id": "gift", "amount": 30} and amount(airline, "gift") == 270
    changed = json.loads(call(airline, "update_reservation_flights", change("gift", "basic_economy")))
    assert changed["payment_history"][-1] == {"payment_id": "gift", "amount": -60} and amount(airline, "gift") == 330
    assert changed["cabin"] == "economy"  # as recorded


def test_a_flight_that_stays_keeps_its_price(airline: Airline) -> None:
    changed = json.loads(call(airline, "update_reservation_flights", change("card", number="F1")))
    assert changed["flights"][0]["price"] == 90 and len(changed["payment_history"]) == 1


def test_bags_and_passengers_are_changed(airline: Airline) -> None:
    bags = {"reservation_id": "R1", "total_baggages": 3, "nonfree_baggages": 2, "payment_id": "gift"}
    changed = json.loads(call(airline, "update_reservation_baggages", bags))
    assert (changed["total_baggages"], changed["nonfree_baggages"]) == (3, 2) and amount(airline, "gift") == 200
    people = {"reservation_id": "R1", "passengers": [BOB]}
    assert json.loads(call(airline, "update_reservation_passengers", people))["passengers"] == [BOB]


def test_a_cancelled_trip_is_paid_back_to_where_the_money_came_from(airline: Airline) -> None:
    cancelled = json.loads(call(airline, "cancel_reservation", {"reservation_id": "R1"}))
    assert cancelled["status"] == "cancelled"
    assert [one["amount"] for one in cancelled["payment_history"]] == [200, -200]


def test_certificates_have_numbers_that_go_on(airline: Airline) -> None:
    answers = [call(airline, "send_certificate", {"user_id": "ada", "amount": 50}) for _ in range(2)]
    assert answers[0] == "Certificate certificate_3221322 added to user ada with amount 50."
    assert amount(airline, "certificate_3221323") == 50 and "certificate_3221323" in answers[1]


def test_copies_of_a_database_are_apart(base: Base) -> None:
    before = json.dumps([base.users, base.reservations, base.flights])
    one, other = Airline(base), Airline(base)
    call(one, "cancel_reservation", {"reservation_id": "R1"})
    arguments = booking(("card", 310))
    call(one, "book_reservation", arguments)
    call(one, "cancel_reservation", {"reservation_id": "HATHAT"})
    assert arguments == booking(("card", 310))
    assert other.changes() == {} and other.digest() == Airline(base).digest() != one.digest()
    assert json.dumps([base.users, base.reservations, base.flights]) == before


def test_changes_are_all_that_has_to_be_kept(base: Base) -> None:
    airline = Airline(base)
    call(airline, "book_reservation", booking(("gift", 300), ("card", 10)))
    changes = json.loads(json.dumps(airline.changes()))
    kept = Airline.from_changes(base, changes)
    assert kept.changes() == changes == airline.changes() and kept.digest() == airline.digest()
    call(kept, "cancel_reservation", {"reservation_id": "HATHAT"})
    assert changes == airline.changes() and kept.digest() != airline.digest()


def test_what_is_changed_back_is_no_change(base: Base) -> None:
    airline = Airline(base)
    for people in ([BOB], [ADA]):
        call(airline, "update_reservation_passengers", {"reservation_id": "R1", "passengers": people})
    assert airline.changes() == {} and airline.digest() == Airline(base).digest()
