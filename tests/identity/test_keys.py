"""The key ring: made on first use, rotated with overlap, kept where only its owner looks."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from holdfast.bootstrap.keyfile import KeyFile, place_of
from holdfast.control.identity.keys import InMemory, KeyRing
from holdfast.domain.errors import Rejected


class Now:
    """A clock in hand."""

    def __init__(self) -> None:
        self.ms = 1_000_000_000_000

    def __call__(self) -> int:
        return self.ms


def test_a_key_is_made_on_first_use_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "below" / "store.keys"
    assert KeyFile(path).read() is None
    first = KeyRing(KeyFile(path), Now()).key_id
    assert KeyRing(KeyFile(path), Now()).key_id == first
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.keys"
    assert KeyRing(KeyFile(path), Now()).key_id
    path.chmod(0o644)
    with pytest.raises(Rejected) as caught:
        assert KeyRing(KeyFile(path), Now()).key_id
    assert caught.value.code == "keys.file"


def test_a_damaged_ring_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "store.keys"
    path.write_text('{"keys": [{')
    path.chmod(0o600)
    with pytest.raises(Rejected) as caught:
        assert KeyRing(KeyFile(path), Now()).key_id
    assert caught.value.code == "keys.malformed"
    assert path.read_text() == '{"keys": [{'


def test_two_servers_that_make_a_first_key_agree_on_one(tmp_path: Path) -> None:
    place = KeyFile(tmp_path / "store.keys")
    one, other = KeyRing(place, Now()), KeyRing(place, Now())
    one.look()
    other.look()
    one.rotate(0)
    assert other.key_id == one.key_id or other.believed(one.key_id) is not None


def test_a_rotation_overlaps_and_then_ends() -> None:
    now = Now()
    ring = KeyRing(InMemory(), now)
    old = ring.key_id
    new = ring.rotate(60)
    assert ring.key_id == new != old
    assert ring.believed(old) is not None and [k["kid"] for k in ring.jwks()["keys"]] == [new, old]
    now.ms += 60_000
    assert ring.believed(old) is None and [k["kid"] for k in ring.jwks()["keys"]] == [new]


def test_private_halves_of_old_keys_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "store.keys"
    ring = KeyRing(KeyFile(path), Now())
    assert ring.key_id
    ring.rotate(60)
    assert path.read_text().count('"d": ""') == 1


def test_another_server_learns_of_a_new_key_by_its_token(tmp_path: Path) -> None:
    path = tmp_path / "store.keys"
    here, there = KeyRing(KeyFile(path), Now()), KeyRing(KeyFile(path), Now())
    assert here.key_id == there.key_id
    new = here.rotate(60)
    assert there.believed(new) is not None


def test_what_was_signed_years_ago_can_be_verified() -> None:
    now = Now()
    ring = KeyRing(InMemory(), now)
    signed_with, signature = ring.key_id, ring.sign(b"a root of the journal")
    ring.rotate(0)
    now.ms += 10 * 366 * 86_400_000
    Ed25519PublicKey.from_public_bytes(ring.public_keys()[signed_with]).verify(signature, b"a root of the journal")


def test_keys_are_beside_the_store_or_where_one_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HOLDFAST_KEYS", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    beside = place_of("sqlite:////data/holdfast.db?durability=relaxed")
    assert isinstance(beside, KeyFile) and str(beside.path) == "/data/holdfast.db.keys"
    one = place_of("postgresql://me:hush@db/shop")
    other = place_of("postgresql://you:other@db/shop")
    assert isinstance(one, KeyFile) and isinstance(other, KeyFile) and one.path == other.path
    assert "hush" not in str(one.path) and one.path.is_relative_to(tmp_path)
    monkeypatch.setenv("HOLDFAST_KEYS", "/run/secrets/ring")
    named = place_of("memory://")
    assert isinstance(named, KeyFile) and str(named.path) == "/run/secrets/ring"
