"""What tokens cost. A target's own ``price`` counts; otherwise the dated public table that ``genai-prices`` carries."""

from __future__ import annotations

from functools import cache
from importlib import metadata

from ..domain.conversation import Usage
from .routes import Price, Target

_PER_TOKEN = 1_000  # a US dollar per million tokens is 1,000 nano-dollars per token


def cost_nanos(target: Target, usage: Usage) -> int | None:
    """What an answer costs in 1e-9 US dollars; None if nobody knows the price."""
    price = target.price or listed(target.vendor, target.model)
    if price is None:
        return None
    cached = price.input if price.cached is None else price.cached
    written = price.input if price.written is None else price.written
    plain = max(0, usage.input - usage.cached - usage.written)
    dollars_e6 = plain * price.input + usage.cached * cached + usage.written * written + usage.output * price.output
    return round(dollars_e6 * _PER_TOKEN + price.request * 1e9)


@cache
def listed(vendor: str, model: str) -> Price | None:
    """The public price of a model. Where it depends on the length of the prompt, that of a short one."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        _, found = get_snapshot().find_provider_model(model, None, vendor or None, None)
    except LookupError:
        return None
    prices = found.prices if not isinstance(found.prices, list) else found.prices[-1].prices
    first = [
        _first(getattr(prices, name, None)) for name in ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
    ]
    if first[0] is None and first[1] is None:
        return None
    return Price(
        input=first[0] or 0.0,
        output=first[1] or 0.0,
        cached=first[2],
        written=first[3],
        request=(_first(getattr(prices, "requests_kcount", None)) or 0.0) / 1000,
        as_of=f"genai-prices {metadata.version('genai-prices')}",
    )


def _first(price: object) -> float | None:
    if price is None:
        return None
    return float(getattr(price, "base", price))  # type: ignore[arg-type]
