"""The company's proxy, where there is one: which it is for an address, and a way through it."""

from __future__ import annotations

import asyncio
import base64
import socket
from urllib.parse import unquote, urlsplit

from ...ports.upstream import Broken

_HEAD_BYTES = 65_536


def proxy_for(scheme: str, host: str) -> str | None:
    """The proxy's address, or None for a direct connection. The loopback never goes through a proxy."""
    if host in ("localhost", "127.0.0.1", "::1"):
        return None
    from urllib.request import getproxies, proxy_bypass  # slow to load, and only vendors elsewhere need it

    found = getproxies().get(scheme)
    return None if found is None or proxy_bypass(host) else found


async def tunnel(proxy: str, host: str, port: int) -> socket.socket:
    """A socket that reaches ``host:port`` through the proxy's CONNECT. Raises ``Broken(connect)``."""
    parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    loop = asyncio.get_running_loop()
    if parts.scheme != "http" or parts.hostname is None:
        raise Broken("connect", f"the proxy {proxy!r} is not reached by http")
    found = await loop.getaddrinfo(parts.hostname, parts.port or 8080, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    sock.setblocking(False)
    try:
        await loop.sock_connect(sock, address)
        head = f"CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n"
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            head += f"proxy-authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
        await loop.sock_sendall(sock, f"{head}\r\n".encode("latin-1"))
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = await loop.sock_recv(sock, 1)  # byte by byte: what comes after the head belongs to the vendor
            if not piece or len(answer) > _HEAD_BYTES:
                raise Broken("connect", f"the proxy {parts.hostname} hung up")
            answer += piece
        status = answer.split(b" ", 2)[1:2]
        if status != [b"200"]:
            raise Broken("connect", f"the proxy {parts.hostname} refused {host}:{port}: {answer[:100]!r}")
        return sock
    except BaseException:
        sock.close()
        raise
