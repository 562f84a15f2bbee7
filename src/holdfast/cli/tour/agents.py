"""The tour's agents: a small bookshop. Orders take from the stock, charge a card, ask a person when they are dear, wait for
the courier, and compensate when they are refused; a clerk thinks; a bookkeeper counts; couriers lose parcels."""

from __future__ import annotations

import asyncio

from holdfast import Agent, Context, Rejected
from holdfast.cli.demo_agents import CLERK, find_order, send_back

stock = Agent("stock", description="What lies on one shelf.", labels={"owner": "boris", "team": "warehouse"})
order = Agent("order", description="One order of the bookshop, start to end.", labels={"owner": "mara", "team": "sales"})
courier = Agent(
    "courier", description="Carries parcels, one after the other.", labels={"owner": "boris", "team": "delivery"}
)
bookkeeper = Agent(
    "bookkeeper", description="Counts what is left, every now and then.", labels={"owner": "hana", "team": "warehouse"}
)
clerk = Agent(
    "clerk",
    model="recorded",
    instructions=CLERK,
    tools=[find_order, send_back],
    description="Talks to customers.",
    labels={"owner": "mara", "team": "service"},
)

DEAR, VERY_DEAR = 180, 240


@stock.handler
async def take(ctx: Context, amount: int) -> int:
    """Take from the shelf, or put back; what is left."""
    left = await ctx.state.get("left", 400) - amount
    await ctx.state.set("left", left)
    return left


@stock.handler(shared=True)
async def count(ctx: Context) -> int:
    """What is left."""
    return await ctx.state.get("left", 400)


@order.handler
async def place(ctx: Context, item: str, price: int, card: str, by: str) -> str:
    """One order, start to end. ``by`` is the courier who brings it."""
    await ctx.call(stock[item].take, 1)
    ctx.compensate(put_back, item)
    try:
        receipt = await ctx.run(charge, card, price)
    except Rejected as error:  # a rule had a person asked, and they said no (policy.yaml)
        if error.code != "gate.not_approved":
            raise
        await ctx.call(stock[item].take, -1)
        return "refused: nothing was charged"
    if DEAR < price <= VERY_DEAR:
        question = f"Ship {item} to a new customer for ${price}?"
        answer = await ctx.ask(question, choices=["ship", "refuse"], timeout=1800, default="refuse", to="shift lead")
        if answer == "refuse":
            await ctx.call(stock[item].take, -1)
            return f"refused, {receipt} is given back"
    await ctx.call(courier[by].carry, ctx.key, item)
    note = await thank(ctx, price)
    return f"{item} delivered, {receipt}{note}"


async def thank(ctx: Context, price: int) -> str:
    """Large orders get a letter, whose words a person chooses."""
    if price < 2 * DEAR:
        return ""
    words = await ctx.ask(f"A letter to go with order {ctx.key}?", timeout=900, default="", to="shift lead")
    return f", with a letter: {words}" if words else ""


def put_back(item: str) -> str:
    """An order that is cancelled gives its book back to the shelf's owner."""
    return f"{item} goes back"


async def charge(card: str, price: int) -> str:
    """Charge a card. One kind of card is always declined, one only at first."""
    await asyncio.sleep(0.3 + price / 400)
    if card.startswith("declined"):
        raise RuntimeError(f"The bank declined {card.partition('-')[2]} for ${price}: insufficient funds.")
    return f"${price} charged to {card[-4:]}"


@courier.handler
async def carry(ctx: Context, to: str, item: str) -> str:
    """Bring a parcel; takes a while, and now and then it has to be looked for first."""
    await ctx.run(load, item)
    await ctx.sleep(4 + 14 * await ctx.random())
    if await ctx.random() < 0.06:
        question = f"Nobody opens for order {to}. Leave it with the neighbour?"
        found = await ctx.ask(question, choices=["yes", "no"], timeout=600, default="no", to="dispatch")
        if found == "no":
            await ctx.sleep(20)
    return f"{item} brought"


async def load(item: str) -> str:
    """Put a parcel into the van."""
    await asyncio.sleep(0.4)
    return f"{item} is in the van"


@bookkeeper.handler
async def report(ctx: Context, items: list[str]) -> dict[str, int]:
    """Count all shelves at once, then think about it for a while."""
    counts = await ctx.gather(*(ctx.call(stock[item].count) for item in items))
    await ctx.run(sum_up, counts)
    return dict(zip(items, counts, strict=True))


async def sum_up(counts: list[int]) -> int:
    """Add them up, slowly."""
    await asyncio.sleep(1.2)
    return sum(counts)
