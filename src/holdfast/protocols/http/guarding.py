"""Headers of pages that people see in a browser: it loads and runs what the policy names, guesses no types, tells nobody
where it came from, and shows them in nobody's frame."""

from __future__ import annotations

Header = tuple[bytes, bytes]
HTML = b"text/html; charset=utf-8"
_ALWAYS = "base-uri 'none'; frame-ancestors 'none'"


def guarded(policy: str, *more: Header) -> list[Header]:
    """The headers for a content security policy that begins with nothing and adds ``policy``; and others."""
    return [
        (b"content-security-policy", f"default-src 'none'; {policy}; {_ALWAYS}".encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"DENY"),
        *more,
    ]


__all__ = ["HTML", "Header", "guarded"]
