"""The command center's files: the bundle that ``web/`` builds into ``holdfast/web``, with headers that keep a browser safe.

Every path that is no file and no endpoint is the application's own (deep links), so it gets ``index.html``. Hashed files
never change; the page itself is asked for anew each time. Nothing is loaded from anywhere else, and no script or style that
is not a file of ours runs.
"""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path

from .guarding import HTML, guarded
from .requests import Request

FOLDER = Path(__file__).resolve().parents[2] / "web"
_TYPES = {
    ".html": HTML,
    ".js": b"text/javascript; charset=utf-8",
    ".mjs": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".png": b"image/png",
    ".ico": b"image/x-icon",
    ".woff2": b"font/woff2",
    ".json": b"application/json",
    ".webmanifest": b"application/manifest+json",
    ".txt": b"text/plain; charset=utf-8",
}
_SAFE = guarded(
    "script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; form-action 'self'",
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_COMPRESSED = frozenset({".html", ".js", ".mjs", ".css", ".svg", ".json", ".txt", ".webmanifest"})

MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Holdfast: not built yet</title>
<h1>The command center is not built yet</h1>
<p>This server runs from a checkout whose web sources were never built. Everything else works. Build it once with
<code>./dev web</code> (node 18 or newer; without one it is taken from PyPI), then reload this page.</p></html>
"""


class File:
    """A file as it goes over the wire."""

    __slots__ = ("body", "etag", "kind", "packed")

    def __init__(self, path: Path) -> None:
        self.body = path.read_bytes()
        self.kind = _TYPES.get(path.suffix, b"application/octet-stream")
        self.etag = b'"' + hashlib.sha256(self.body).hexdigest()[:20].encode() + b'"'
        self.packed = gzip.compress(self.body, 6, mtime=0) if path.suffix in _COMPRESSED else None


class StaticFiles:
    """See the module."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder

    @property
    def is_built(self) -> bool:
        """Whether there is anything to serve."""
        return (self.folder / "index.html").is_file()

    async def answer(self, request: Request) -> None:
        """Answer a GET or HEAD for anything."""
        if not self.is_built:
            await request.answer(503, HTML, MISSING.encode(), _SAFE)
            return
        path = self._path(request.path)
        if path is None:
            await request.answer(404, b"text/plain; charset=utf-8", b"There is no such file.\n", _SAFE)
            return
        file = _load(path, path.stat().st_mtime_ns)
        lasting = path.parent.name == "assets"
        caching = b"public, max-age=31536000, immutable" if lasting else b"no-cache"
        headers = [*_SAFE, (b"cache-control", caching), (b"etag", file.etag), (b"vary", b"accept-encoding")]
        if request.header(b"if-none-match") == file.etag.decode():
            await request.answer(304, file.kind, b"", headers)
            return
        body = file.body
        if file.packed is not None and "gzip" in request.header(b"accept-encoding"):
            body = file.packed
            headers.append((b"content-encoding", b"gzip"))
        await request.answer(200, file.kind, body, headers)

    def _path(self, asked: str) -> Path | None:
        """The file for a path; the application's page for what is none, but not for a hashed file of another build."""
        path = (self.folder / asked.lstrip("/")).resolve()
        if path.is_file() and path.is_relative_to(self.folder.resolve()):
            return path
        if asked.startswith("/assets/"):
            return None
        return self.folder / "index.html"


@lru_cache(maxsize=256)
def _load(path: Path, changed: int) -> File:
    return File(path)


__all__ = ["FOLDER", "StaticFiles"]
