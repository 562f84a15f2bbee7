"""Guards: what is in the content that leaves. Functions for the conditions and the changes of policies.

Secrets are found by detect-secrets (extra ``guards``): the formats of vendors' keys, tokens and private keys, not guesses
by entropy, which would make every id a secret. Personal data are found by formats with a checksum or a grammar: bank
accounts, payment cards, mail addresses, telephone numbers. Where the extra is missing, a condition that asks for secrets
cannot be judged, and what cannot be judged is denied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from ..domain.errors import Rejected
from ..domain.intent import Intent
from .provenance import leaves
from .purpose import asked_for

_MASK = "[withheld]"
_VENDORS = (
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
_OURS = re.compile(r"\bhf_[A-Za-z0-9]{32,}\b|\bsk-ant-[A-Za-z0-9_-]{20,}")
_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\d-])(?:\d[ -]?){12,18}\d(?![\d-])")
_MAIL = re.compile(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b")
_PHONE = re.compile(r"(?<![\w+])\+\d{1,3}[ ./()-]*\d(?:[ ./()-]*\d){6,12}(?!\w)")

Found = tuple[str, int, int]
"""What it is, and where it begins and ends."""


def secrets_in(value: Any) -> list[str]:
    """The kinds of secrets in a value, whatever it is made of: ``secrets_in(args.body).size() > 0``."""
    return sorted({kind for text in _texts(value) for kind, _, _ in _secrets(text)})


def personal_in(value: Any) -> list[str]:
    """The kinds of personal data in a value: iban, card, email, phone."""
    return sorted({kind for text in _texts(value) for kind, _, _ in _personal(text)})


def without_secrets(value: Any) -> Any:
    """The same value with its secrets withheld: ``transform: {set: {body: without_secrets(args.body)}}``."""
    return _masked(value, _secrets)


def without_personal(value: Any) -> Any:
    """The same value with its personal data withheld."""
    return _masked(value, _personal)


def check_installed(policy: str) -> None:
    """What the text of a policy calls is there. Raises ``Rejected(guard.not_installed)``."""
    if any(f"{guard}(" in policy for guard in NEED_EXTRA):
        _vendors()


def wanted(intent: Intent) -> bool:
    """Whether the principal asked for such an action, as far as words tell (``purpose``); true where nobody tracks words."""
    words = intent.sources.words() if intent.sources is not None else ""
    return not words or asked_for(intent.name, intent.declared.about, words)


NEED_EXTRA = (secrets_in.__name__, without_secrets.__name__)
"""The guards that work only where the extra ``guards`` is installed."""
GUARDS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (secrets_in, personal_in, without_secrets, without_personal, wanted)
}
"""What every policy can call."""


def _texts(value: Any) -> Iterator[str]:
    return (leaf for leaf in leaves(value) if isinstance(leaf, str))


def _masked(value: Any, find: Callable[[str], list[Found]]) -> Any:
    if isinstance(value, str):
        for _, start, end in sorted(find(value), key=lambda found: -found[1]):
            value = value[:start] + _MASK + value[end:]
        return value
    if isinstance(value, dict):
        return {name: _masked(part, find) for name, part in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, (list, tuple)):
        return [_masked(part, find) for part in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return value


@lru_cache(1)
def _vendors() -> list[tuple[str, re.Pattern[str]]]:
    try:
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    except ImportError as error:
        raise Rejected(
            "guard.not_installed", "Finding secrets needs the extra `guards`: pip install 'holdfast[guards]'."
        ) from error
    classes: list[Any] = list(get_mapping_from_secret_type_to_class().values())
    found: list[tuple[str, re.Pattern[str]]] = []
    for its in classes:
        if its.__name__ in _VENDORS:
            found += [(str(its.secret_type), pattern) for pattern in its().denylist]
    return found


def _secrets(text: str) -> list[Found]:
    found = [(kind, *match.span()) for kind, pattern in _vendors() for match in pattern.finditer(text)]
    found += [("Private Key", *match.span()) for match in _BLOCK.finditer(text)]
    found += [("Token", *match.span()) for match in _OURS.finditer(text)]
    return _apart(found)


def _personal(text: str) -> list[Found]:
    found = [("iban", *match.span()) for match in _IBAN.finditer(text) if _is_iban(match[0])]
    found += [("card", *match.span()) for match in _CARD.finditer(text) if _is_card(match[0])]
    found += [("email", *match.span()) for match in _MAIL.finditer(text)]
    found += [("phone", *match.span()) for match in _PHONE.finditer(text)]
    return _apart(found)


def _apart(found: list[Found]) -> list[Found]:
    """Without what lies within another one."""
    kept: list[Found] = []
    for kind, start, end in sorted(found, key=lambda f: (f[1], -f[2])):
        if not kept or start >= kept[-1][2]:
            kept.append((kind, start, end))
        elif end > kept[-1][2]:
            kept[-1] = (kept[-1][0], kept[-1][1], end)
    return kept


def _is_iban(text: str) -> bool:
    """ISO 13616: the number that it is, modulo 97, is 1."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def _is_card(text: str) -> bool:
    """ISO/IEC 7812: Luhn's sum is a multiple of 10."""
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [d if place % 2 == 0 else d * 2 - 9 * (d > 4) for place, d in enumerate(reversed(digits))]
    return len(set(digits)) > 1 and sum(doubled) % 10 == 0


__all__ = [
    "GUARDS",
    "NEED_EXTRA",
    "check_installed",
    "personal_in",
    "secrets_in",
    "wanted",
    "without_personal",
    "without_secrets",
]
