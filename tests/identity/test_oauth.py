"""Signed tokens over HTTP: for oneself, for others, bound to a key, good for one use; and everything that is refused."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk, jws
from joserfc.jwk import OKPKey

from holdfast.control.identity.proof import hashed
from http_site import Site, site
from test_edges import said

EXCHANGED = "urn:ietf:params:oauth:token-type:access_token"


@pytest.fixture(autouse=True)
def _admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_ADMIN_TOKEN", "the-secret-of-whoever-set-it-up")


async def own(s: Site, secret: str, headers: dict[str, str] | None = None, **form: str) -> Any:
    answer = await s.client.post(
        "/oauth/token",
        data={"grant_type": "client_credentials", **form},
        headers=headers or {},
        auth=("me", secret),
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_signed_token_can_be_verified_by_anybody_from_the_published_keys(tmp_path: Path) -> None:
    async with site(tmp_path, file={"trust_domain": "example.org"}) as s:
        made = await own(s, await s.token(agent="desk/7", scopes=["send"]), audience="https://billing.example")
        keys: Any = jwk.KeySet.import_key_set((await s.client.get("/.well-known/jwks.json")).json())
        said_by = json.loads(jws.deserialize_compact(made["access_token"], keys, algorithms=["Ed25519"]).payload)
        assert said_by["sub"] == "spiffe://example.org/default/desk/7" and said_by["aud"] == "https://billing.example"
        assert made["token_type"] == "Bearer" and made["expires_in"] <= 300 and made["scope"] == "send"
        elsewhere = await s.ask("whoami", made["access_token"])
        assert elsewhere.json()["code"] == "token.audience", "a token for somebody else is no token for here"


async def test_an_agent_acts_for_a_person_and_the_journal_says_so(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        ada = await s.token("person:ada", scopes=["operator"])
        desk = await s.token(agent="desk/7", scopes=["send", "models"])
        clerk = await s.token(agent="desk/8", scopes=["send"])
        first = (await s.exchange(desk, ada)).json()
        assert first["issued_token_type"] == EXCHANGED and first["scope"] == "send"
        heard = await said(s, first["access_token"])
        assert (heard["sender"], heard["chain"]) == ("default/desk/7", ["default/person:ada", "default/desk/7"])
        assert heard["labels"] == ["agent:default/desk/7"], "what an agent says for a person is not the person's word"
        second = (await s.exchange(clerk, first["access_token"])).json()
        heard = await said(s, second["access_token"])
        assert (heard["sender"], heard["chain"]) == (
            "default/desk/8",
            ["default/person:ada", "default/desk/7", "default/desk/8"],
        )
        who = (await s.ask("whoami", second["access_token"])).json()
        assert (who["kind"], who["id"], who["acting"]) == ("person", "ada", ["default/desk/7", "default/desk/8"])


async def test_what_a_delegation_may_not(tmp_path: Path) -> None:
    async with site(tmp_path, file={"delegation_depth": 2}) as s:
        ada = await s.token("person:ada", scopes=["operator"])
        tokens = [await s.token(agent=f"desk/{n}", scopes=["send"]) for n in range(4)]
        other = await s.token("service:x", tenant="acme", scopes=["admin"])
        one = (await s.exchange(tokens[0], ada)).json()["access_token"]
        two = (await s.exchange(tokens[1], one)).json()["access_token"]
        for actor, subject, code in (
            (tokens[0], two, "delegation.cyclic"),
            (tokens[2], two, "delegation.too_deep"),
            (one, ada, "delegation.cyclic"),
            (other, ada, "tenant.crossed"),
            (tokens[0], "hf_made_up", "auth.unknown"),
            (tokens[0], one[:-4] + "AAAA", "token.forged"),
        ):
            refused = await s.exchange(actor, subject)
            assert refused.status_code in (400, 401) and refused.json()["code"] == code, (code, refused.text)
        wider = await s.exchange(tokens[0], ada, scope="send steer tokens")
        assert wider.json()["scope"] == "send", "scopes only ever narrow"
        steer = await s.ask("pause", one, address="desk/1")
        assert steer.json()["code"] == "auth.scope", "the person may, the agent may not, so together they may not"


async def test_a_token_for_one_use_is_good_for_one_use(tmp_path: Path, store_url: str) -> None:
    async with site(tmp_path, store=store_url) as s:
        ada = await s.token("person:ada", scopes=["operator"])
        once = (await s.ask("issue_token", ada, once=True)).json()["token"]
        assert (await s.ask("whoami", once)).json()["id"] == "ada"
        again = await s.ask("whoami", once)
        assert (again.status_code, again.json()["code"]) == (401, "token.replayed")


def proof(key: Any, method: str, url: str, token: str = "", **claims: Any) -> str:
    said: dict[str, Any] = {"jti": f"{time.time_ns()}", "htm": method, "htu": url, "iat": int(time.time()), **claims}
    if token:
        said.setdefault("ath", hashed(token))
    header = {"typ": "dpop+jwt", "alg": "Ed25519", "jwk": key.as_dict(private=False)}
    return jws.serialize_compact(header, json.dumps(said).encode(), key, algorithms=["Ed25519"])


async def test_a_bound_token_is_nothing_without_its_key(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        base = str(s.client.base_url).rstrip("/")
        mine: Any = OKPKey.generate_key("Ed25519", private=True)
        thief: Any = OKPKey.generate_key("Ed25519", private=True)
        ada = await s.token("person:ada", scopes=["operator"])
        made = await own(s, ada, {"dpop": proof(mine, "POST", f"{base}/oauth/token")})
        token, url = made["access_token"], f"{base}/api/v1/operations/whoami"
        assert made["token_type"] == "DPoP"
        good = proof(mine, "POST", url, token)
        answer = await s.ask("whoami", headers={"authorization": f"DPoP {token}", "dpop": good})
        assert answer.status_code == 200 and answer.json()["id"] == "ada", answer.text
        for shown, code in (
            ("", "token.bound"),
            (good, "token.replayed"),
            (proof(thief, "POST", url, token), "token.bound"),
            (proof(mine, "GET", url, token), "token.proof"),
            (proof(mine, "POST", f"{base}/elsewhere", token), "token.proof"),
            (proof(mine, "POST", url, token, iat=int(time.time()) - 600), "token.proof"),
            (proof(mine, "POST", url, "another token"), "token.proof"),
            ("nonsense", "token.malformed"),
        ):
            headers = {"authorization": f"DPoP {token}", **({"dpop": shown} if shown else {})}
            refused = await s.ask("whoami", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (401, code)


async def test_requests_that_are_none(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        secret = await s.token("person:ada", scopes=["operator"])
        for form, auth, error in (
            ({"grant_type": "client_credentials"}, None, "invalid_client"),
            ({"grant_type": "client_credentials"}, ("me", "hf_wrong"), "invalid_client"),
            ({"grant_type": "password"}, ("me", secret), "unsupported_grant_type"),
            ({}, ("me", secret), "unsupported_grant_type"),
            ({"grant_type": "client_credentials", "scope": "king"}, ("me", secret), "invalid_scope"),
            ({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"}, ("me", secret), "invalid_request"),
        ):
            given: Any = {"auth": auth} if auth else {}
            answer = await s.client.post("/oauth/token", data=form, **given)
            assert 400 <= answer.status_code < 500 and answer.json()["error"] == error, answer.text
            assert answer.headers["cache-control"] == "no-store"


async def test_a_rotation_does_not_break_what_is_under_way(tmp_path: Path) -> None:
    async with site(tmp_path) as s:
        ada = await s.token("person:ada", scopes=["operator"])
        root = await s.token("person:root", scopes=["admin"], tenant="*")
        token = (await s.ask("issue_token", ada)).json()["token"]
        assert (await s.ask("rotate_keys", ada)).json()["code"] == "auth.scope"
        assert (await s.ask("rotate_keys", root, overlap_seconds=60)).status_code == 200
        assert (await s.ask("whoami", token)).json()["id"] == "ada"
        assert len((await s.client.get("/.well-known/jwks.json")).json()["keys"]) == 2
        assert (await s.ask("rotate_keys", root, overlap_seconds=0)).status_code == 200
        states = [k["state"] for k in (await s.ask("keys", root)).json()]
        assert states == ["signing", "retired", "believed"] or states[0] == "signing"
