"""The command center's files: types, caching, deep links, and what a browser is told about safety."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2 as httpx
import pytest

from holdfast.bootstrap.server import Server, Settings
from holdfast.link import Endpoint
from holdfast.protocols.http.static import StaticFiles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle."""
    web = tmp_path / "web"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("<!doctype html><title>Holdfast</title>")
    (web / "assets" / "index-abc.js").write_text("export {};" * 100)
    (web / "assets" / "inter-abc.woff2").write_bytes(b"font")
    (web / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("not yours")
    return web


@asynccontextmanager
async def serving(folder: Path, tmp_path: Path) -> AsyncGenerator[httpx.AsyncClient]:
    """A server with that bundle."""
    settings = Settings(store="memory://", listen=Endpoint("", 0, str(tmp_path / "wire")), http=0)
    server = Server(settings)
    await server.start()
    try:
        assert server.http is not None
        server.http.files = StaticFiles(folder)
        async with httpx.AsyncClient(base_url=server.http.url) as client:
            yield client
    finally:
        await server.stop()


async def test_types_caching_and_deep_links(folder: Path, tmp_path: Path) -> None:
    async with serving(folder, tmp_path) as client:
        page = await client.get("/")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert page.headers["cache-control"] == "no-cache"
        script = await client.get("/assets/index-abc.js")
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert script.headers["content-encoding"] == "gzip"
        assert script.text == "export {};" * 100
        assert (await client.get("/assets/inter-abc.woff2")).headers["content-type"] == "font/woff2"
        assert (await client.get("/favicon.svg")).headers["content-type"] == "image/svg+xml"
        assert (await client.get("/agents/order/7")).text == page.text
        again = await client.get("/", headers={"if-none-match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.head("/")).content == b""


async def test_a_missing_hashed_file_is_missing_and_nothing_outside_is_served(folder: Path, tmp_path: Path) -> None:
    async with serving(folder, tmp_path) as client:
        assert (await client.get("/assets/index-old.js")).status_code == 404
        for path in ("/../secret.txt", "/%2e%2e/secret.txt", "/assets/../../secret.txt", "//etc/passwd"):
            assert "not yours" not in (await client.get(path)).text
        assert (await client.get("/api/nothing")).status_code == 404
        assert (await client.post("/", content=b"{}")).status_code == 404


async def test_what_a_browser_is_told_about_safety(folder: Path, tmp_path: Path) -> None:
    async with serving(folder, tmp_path) as client:
        headers = (await client.get("/inbox")).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"


async def test_without_a_bundle_the_page_says_how_to_build_it(tmp_path: Path) -> None:
    async with serving(tmp_path / "nothing", tmp_path) as client:
        page = await client.get("/")
        assert page.status_code == 503
        assert "./dev web" in page.text
        assert (await client.get("/healthz")).json() == {"ok": True}
