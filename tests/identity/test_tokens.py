"""Signed tokens: what is believed, and each reason not to believe one."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from holdfast.control.identity.exchange import delegated
from holdfast.control.identity.keys import InMemory, KeyRing
from holdfast.control.identity.tokens import Authority, TokenRules
from holdfast.domain.address import address
from holdfast.domain.errors import HoldfastError, Rejected
from holdfast.domain.principal import EVERY_TENANT, Principal, identity_of, spiffe_id, subject_of

ADA = Principal("person", "ada@example.org", "acme", frozenset({"read", "send", "steer"}), ("ops",))
DESK = Principal("agent", "acme/desk/42", "acme", frozenset({"models", "send", "read"}))
CLERK = Principal("agent", "acme/clerk/1", "acme", frozenset({"send"}))


class Signs:
    """An authority with a clock in hand."""

    def __init__(self, **rules: Any) -> None:
        self.ms = 1_700_000_000_000
        self.count = 0
        self.ring = KeyRing(InMemory(), lambda: self.ms)
        self.authority = Authority(self.ring, TokenRules(**rules), lambda: self.ms, self.token)

    def token(self, chars: int) -> str:
        self.count += 1
        return f"{self.count:0{chars}d}"

    def refuses(self, token: str, **asked: Any) -> str:
        with pytest.raises(HoldfastError) as caught:
            self.authority.read(token, **asked)
        return caught.value.code


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    head, body, signature = token.split(".")
    return json.loads(_raw(head)), json.loads(_raw(body)), signature


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_says_who_for_whom_and_what() -> None:
    signs = Signs(trust_domain="example.org")
    issued = signs.authority.issue(delegated(ADA, DESK, 4), audience="https://billing", jkt="thumb", once=True)
    head, body, _ = parts(issued.token)
    assert head == {"typ": "at+jwt", "alg": "Ed25519", "kid": signs.ring.key_id}
    assert body["sub"] == "spiffe://example.org/acme/-person/ada@example.org"
    assert body["act"] == {"sub": "spiffe://example.org/acme/desk/42"}
    assert body["aud"] == "https://billing" and body["cnf"] == {"jkt": "thumb"} and body["once"] is True
    assert body["scope"] == "read send" and body["exp"] - body["iat"] == 300
    who = signs.authority.principal(signs.authority.read(issued.token, audience="https://billing"))
    assert (who.kind, who.id, who.tenant, who.act) == ("person", "ada@example.org", "acme", ("acme/desk/42",))
    assert who.actor == "acme/desk/42" and who.chain == ("acme/person:ada@example.org",)
    assert who.labels == ("agent:acme/desk/42",)


def test_each_reason_has_its_code() -> None:
    signs = Signs()
    good = signs.authority.issue(ADA).token
    head, body, signature = parts(good)
    assert signs.refuses("nonsense") == "token.malformed"
    assert signs.refuses("a.b.c") == "token.malformed"
    assert signs.refuses(f"{_text({**head, 'alg': 'none'})}.{good.split('.')[1]}.") == "token.algorithm"
    assert signs.refuses(f"{_text({**head, 'alg': 'HS256'})}.{good.split('.')[1]}.{signature}") == "token.algorithm"
    assert signs.refuses(f"{_text({**head, 'kid': 'other'})}.{good.split('.')[1]}.{signature}") == "token.key"
    assert signs.refuses(f"{_text({**head, 'typ': 'session+jwt'})}.{good.split('.')[1]}.{signature}") == "token.type"
    assert signs.refuses(f"{good.split('.')[0]}.{_text({**body, 'scope': '*'})}.{signature}") == "token.forged"
    assert signs.refuses(good, audience="https://elsewhere") == "token.audience"
    assert signs.refuses(signs.authority.issue(ADA, audience="https://elsewhere").token) == "token.audience"
    other = Authority(signs.ring, TokenRules(issuer="https://other"), lambda: signs.ms, signs.token)
    assert signs.refuses(other.issue(ADA, audience=signs.authority.rules.iss).token) == "token.issuer"


def test_a_key_that_signs_symmetrically_with_our_public_key_is_no_key_of_ours() -> None:
    """The classic confusion: HS256 with the public key as the secret."""
    signs = Signs()
    head, body, _ = parts(signs.authority.issue(ADA).token)
    public = signs.ring.public_keys()[signs.ring.key_id]
    header = {**head, "alg": "HS256"}
    forged = jws.serialize_compact(header, json.dumps(body).encode(), OctKey.import_key(public), algorithms=["HS256"])
    assert signs.refuses(forged) == "token.algorithm"


def test_a_key_of_somebody_elses_under_our_name_forges_nothing() -> None:
    signs = Signs()
    head, body, _ = parts(signs.authority.issue(ADA).token)
    mine: Any = OKPKey.generate_key("Ed25519", private=True)
    forged = jws.serialize_compact(head, json.dumps(body).encode(), mine, algorithms=["Ed25519"])
    assert signs.refuses(forged) == "token.forged"


def test_clocks_may_differ_by_so_much_and_no_more() -> None:
    signs = Signs(seconds=60, skew_seconds=30)
    token = signs.authority.issue(ADA).token
    signs.ms += (60 + 29) * 1000
    assert signs.authority.read(token)
    signs.ms += 1000
    assert signs.refuses(token) == "token.expired"
    late = signs.authority.issue(ADA).token
    signs.ms -= 30_000
    assert signs.authority.read(late)
    signs.ms -= 1000
    assert signs.refuses(late) == "token.not_yet"


def test_a_retired_key_is_believed_no_more() -> None:
    signs = Signs()
    token = signs.authority.issue(ADA).token
    signs.ring.rotate(10)
    assert signs.authority.read(token)
    signs.ms += 10_000
    assert signs.refuses(token) == "token.key"


def test_nobody_gives_what_it_does_not_have() -> None:
    signs = Signs()
    assert signs.authority.issue(ADA, scopes=frozenset({"read", "tokens"})).claims.scope == "read"
    assert signs.authority.issue(ADA, scopes=frozenset({"*"})).claims.scope == "read send steer"
    assert signs.authority.issue(ADA, seconds=10**9).claims.exp - signs.ms // 1000 == 3600


def test_delegation_narrows_and_keeps_everybody_in_the_chain() -> None:
    one = delegated(ADA, DESK, 4)
    assert one.scopes == {"read", "send"} and one.actor == DESK.id and one.chain == (ADA.subject,)
    two = delegated(one, CLERK, 4)
    assert two.scopes == {"send"} and two.actor == CLERK.id and two.chain == (ADA.subject, DESK.id)
    assert two.act == (DESK.id, CLERK.id)


@pytest.mark.parametrize("actor", [ADA, DESK])
def test_nobody_acts_for_itself_by_a_detour(actor: Principal) -> None:
    with pytest.raises(HoldfastError) as caught:
        delegated(delegated(ADA, DESK, 4), actor, 4)
    assert caught.value.code == "delegation.cyclic"


def test_a_chain_has_an_end() -> None:
    found = ADA
    for n in range(4):
        found = delegated(found, Principal("agent", f"acme/a/{n}", "acme", frozenset({"send"})), 4)
    with pytest.raises(HoldfastError) as caught:
        delegated(found, DESK, 4)
    assert caught.value.code == "delegation.too_deep"


def test_delegation_does_not_leave_a_tenant() -> None:
    with pytest.raises(HoldfastError) as caught:
        delegated(ADA, Principal("agent", "globex/desk/1", "globex", frozenset({"send"})), 4)
    assert caught.value.code == "tenant.crossed"
    root = Principal("service", "root", EVERY_TENANT, frozenset({"*"}))
    agent = Principal("agent", "default/desk/1", "default", frozenset({"send"}))
    assert delegated(root, agent, 4).tenant == "default", "an agent does not come to every tenant by acting for somebody"


_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
_KEYS = st.text(st.characters(exclude_characters="/", exclude_categories=("Z", "C")), min_size=1, max_size=40)


@given(_NAMES, _NAMES, _KEYS)
def test_every_agent_has_an_id_that_names_it_alone(tenant: str, name: str, key: str) -> None:
    full = f"{tenant}/{name}/{key}"
    try:
        address(full)
    except Rejected:
        return
    spiffe = spiffe_id(full, "td.example")
    assert spiffe.startswith("spiffe://td.example/") and spiffe.count("/") == 5
    assert subject_of(spiffe, "td.example") == full and identity_of(full) == ("agent", full, tenant)


@given(st.sampled_from(["person", "service"]), _NAMES, st.text(min_size=1, max_size=40))
def test_no_person_is_taken_for_an_agent(kind: Any, tenant: str, id: str) -> None:
    try:
        who = Principal(kind, id, tenant)
        spiffe = spiffe_id(who.subject, "td")
    except UnicodeEncodeError:
        return
    assert identity_of(subject_of(spiffe, "td")) == (kind, id, tenant)


@pytest.mark.parametrize(
    "id", ["spiffe://other/acme/desk/1", "spiffe://td/acme/desk", "https://td/a/b/c", "spiffe://td/a/b/c/d", ""]
)
def test_ids_of_elsewhere_name_nobody(id: str) -> None:
    with pytest.raises(Rejected) as caught:
        subject_of(id, "td")
    assert caught.value.code == "token.subject"
