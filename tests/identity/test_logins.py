"""People sign in where they always do: OpenID Connect with a real provider on this machine, and sessions of browsers."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import pytest

from holdfast.testing.identity_provider import IdentityProvider
from http_site import Site, site


async def sign_in(s: Site) -> httpx.Response:
    """As a browser does: to the provider and back."""
    away = await s.client.get("/auth/login/company")
    assert away.status_code == 302, away.text
    async with httpx.AsyncClient() as browser:
        back = await browser.get(away.headers["location"])
    return await s.client.get(back.headers["location"])


async def test_a_person_signs_in_with_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGIN_SECRET", "shared with the provider")
    provider = IdentityProvider(client_secret="shared with the provider", now=time.time)
    async with provider as login, site(tmp_path, login=login) as s:
        before = (await s.client.get("/auth/session")).json()
        assert before["principal"] is None and before["logins"] == ["company"]
        done = await sign_in(s)
        assert done.status_code == 200 and b"url=/" in done.content
        cookie = next(c for c in done.headers.get_list("set-cookie") if c.startswith("holdfast_session="))
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Max-Age=3600" in cookie
        now = (await s.client.get("/auth/session")).json()
        assert (now["principal"]["id"], now["principal"]["scopes"]) == ("ada@example.org", ["read", "send", "steer"])
        assert now["principal"]["groups"] == ["ops"]

        bare = await s.ask("stats")
        assert (bare.status_code, bare.json()["code"]) == (403, "auth.csrf")
        wrong = await s.ask("stats", headers={"x-holdfast-csrf": "0" * 32})
        assert wrong.json()["code"] == "auth.csrf"
        assert (await s.ask("stats", headers={"x-holdfast-csrf": now["csrf"]})).status_code == 200

        out = await s.client.delete("/auth/session", headers={"x-holdfast-csrf": now["csrf"]})
        assert out.status_code == 204 and (await s.client.get("/auth/session")).json()["principal"] is None


async def test_a_login_begun_elsewhere_ends_nowhere(tmp_path: Path) -> None:
    async with IdentityProvider(now=time.time) as login, site(tmp_path, login=login) as s:
        away = await s.client.get("/auth/login/company")
        asked = parse_qs(urlsplit(away.headers["location"]).query)
        assert asked["code_challenge_method"] == ["S256"] and asked["nonce"] and asked["state"]
        async with httpx.AsyncClient() as browser:
            back = (await browser.get(away.headers["location"])).headers["location"]
            stolen = await browser.get(back)
        assert (stolen.status_code, stolen.json()["code"]) == (400, "oidc.state")
        assert (await s.client.get(back)).status_code == 200
        again = await s.client.get(back)
        assert again.json()["code"] in ("oidc.state", "oidc.refused"), "a code is good for one login"
        assert (await s.client.get("/auth/login/nowhere")).json()["code"] == "oidc.unknown"


async def test_somebody_without_a_role_is_told_so(tmp_path: Path) -> None:
    user = {"sub": "2", "email": "eve@example.org", "groups": ["visitors"]}
    async with IdentityProvider(now=time.time, user=user) as login, site(tmp_path, login=login) as s:
        assert (await sign_in(s)).json()["code"] == "auth.scope"


async def test_programs_show_an_id_token_as_it_is(tmp_path: Path) -> None:
    async with IdentityProvider(now=time.time) as login, site(tmp_path, login=login) as s:
        good = login.id_token()
        assert (await s.ask("whoami", good)).json()["id"] == "ada@example.org"
        async with s.connect(good) as client:
            assert (await client.whoami()).tenant == "default"
        seconds = int(time.time())
        for claims, code in (
            ({"exp": seconds - 40}, "token.expired"),
            ({"iat": seconds + 100}, "token.not_yet"),
            ({"aud": "another program"}, "token.audience"),
            ({"email": ""}, "oidc.claims"),
            ({"email_verified": False}, "oidc.claims"),
        ):
            refused = await s.ask("whoami", login.id_token(**claims))
            assert refused.json()["code"] == code, refused.text
        forged = good[:-6] + ("AAAAAA" if not good.endswith("AAAAAA") else "BBBBBB")
        assert (await s.ask("whoami", forged)).json()["code"] == "token.forged"
        assert (await s.ask("whoami", login.id_token(iss="https://elsewhere"))).status_code == 401
        assert login.asked.count("GET /keys") == 1, "its keys are asked for once, not for every request"


async def test_a_provider_changes_its_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.control.identity import oidc

    monkeypatch.setattr(oidc, "_AGAIN_SECONDS", 0.0)
    async with IdentityProvider(now=time.time) as login, site(tmp_path, login=login) as s:
        old = login.id_token()
        assert (await s.ask("whoami", old)).status_code == 200
        login.rotate()
        assert (await s.ask("whoami", login.id_token())).status_code == 200
        assert (await s.ask("whoami", old)).json()["code"] == "token.key"


async def test_a_provider_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    async with IdentityProvider(now=time.time) as login:
        token = login.id_token()
        gone = login
    async with site(tmp_path, login=gone) as s:
        answer = await s.ask("whoami", token)
        assert (answer.status_code, answer.json()["code"]) == (503, "oidc.unreachable")


async def test_signing_in_with_a_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_ADMIN_TOKEN", "the-secret-of-whoever-set-it-up")
    async with site(tmp_path) as s:
        assert (await s.client.post("/auth/session", json={"token": ""})).json()["code"] == "auth.unknown"
        assert (await s.client.post("/auth/session", json={"token": "hf_x"})).status_code == 401
        evil = await s.client.post("/auth/session", json={"token": "x"}, headers={"origin": "https://evil.example"})
        assert evil.json()["code"] == "http.origin"
        done = await s.client.post("/auth/session", json={"token": "the-secret-of-whoever-set-it-up"})
        assert (await s.ask("whoami", headers={"x-holdfast-csrf": done.json()["csrf"]})).json()["id"] == "admin-token"
        session = s.client.cookies["holdfast_session"]
        s.client.cookies.clear()
        assert (await s.ask("whoami", session)).json()["code"] == "token.type", "a session is no token for programs"
