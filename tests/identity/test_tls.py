"""Beyond this machine: encrypted, and the server proved by its certificate."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import holdfast
from holdfast.domain.errors import HoldfastError, Unavailable
from holdfast.link import Endpoint
from http_site import site


def certificate(folder: Path) -> tuple[str, str]:
    """A certificate of this machine's own authority, for 127.0.0.1; files of it and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "holdfast.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return str(cert), str(secret)


async def test_the_wire_and_http_are_encrypted_beyond_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_ADMIN_TOKEN", "whoever-set-it-up")
    cert, key = certificate(tmp_path)
    given: dict[str, Any] = {"listen": Endpoint("0.0.0.0", 0), "tls_cert": cert, "tls_key": key, "auth": False}
    async with site(tmp_path, **given) as s:
        assert s.server.listener is not None and s.server.http is not None
        assert s.server.listener.at.tls and s.server.identity.required, "beyond this machine everybody is asked"
        url = f"holdfast+tls://127.0.0.1:{s.server.listener.at.port}"
        with pytest.raises(Unavailable) as caught:
            async with holdfast.connect(url, token="whoever-set-it-up"):
                pass
        assert caught.value.code == "server.tls"
        monkeypatch.setenv("HOLDFAST_CA", cert)
        async with holdfast.connect(url, token="whoever-set-it-up") as client:
            assert (await client.whoami()).id == "admin-token"
        with pytest.raises(HoldfastError) as refused:
            async with holdfast.connect(url):
                pass
        assert refused.value.code == "auth.required"
        with pytest.raises(Unavailable):
            async with holdfast.connect(url.replace("+tls", ""), token="whoever-set-it-up", patience_seconds=0.1):
                pass
        trusting = ssl.create_default_context(cafile=cert)
        async with httpx.AsyncClient(verify=trusting, base_url=f"https://127.0.0.1:{s.server.http.port}") as browser:
            done = await browser.post("/auth/session", json={"token": "whoever-set-it-up"})
            assert "; Secure" in done.headers["set-cookie"], done.text
            assert (await browser.get("/auth/session")).json()["principal"]["id"] == "admin-token"


async def test_behind_a_proxy_cookies_are_for_encrypted_connections_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_ADMIN_TOKEN", "whoever-set-it-up")
    async with site(tmp_path, listen=Endpoint("0.0.0.0", 0), behind_proxy=True) as s:
        done = await s.client.post("/auth/session", json={"token": "whoever-set-it-up"})
        assert "; Secure" in done.headers["set-cookie"]
        there = {"host": "agents.example.org", "x-forwarded-proto": "https"}
        told = (await s.client.get("/.well-known/oauth-authorization-server", headers=there)).json()
        assert told["token_endpoint"] == "https://agents.example.org/oauth/token"


async def test_a_proxy_on_this_machine_makes_nobody_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_ADMIN_TOKEN", "whoever-set-it-up")
    async with site(tmp_path, auth=False, behind_proxy=True) as s:
        assert (await s.ask("whoami")).json()["code"] == "auth.required"
    async with site(tmp_path, auth=False) as s:
        forged = {"x-forwarded-proto": "https"}
        told = (await s.client.get("/.well-known/oauth-authorization-server", headers=forged)).json()
        assert told["token_endpoint"].startswith("http://"), "only a proxy that was named is believed"
