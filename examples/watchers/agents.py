"""The fleet: a feeder that reads the log, a watcher for each package, an incident for each package with something off.

``holdfast up examples/watchers/agents.py`` serves it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from examples.watchers.lines import Line, Log, Stray, parse, read_chunk
from examples.watchers.rules import Finding, Package, severity
from holdfast import Agent, Context, Retry

feeder = Agent("feeder")
watcher = Agent("watcher")
strays = Agent("strays")
incident = Agent("incident")

CHUNK_LINES = 100
ODD_LINES_KEPT = 20
A_WEEK_SECONDS = 7 * 24 * 3600


@dataclass
class Reading:
    """How far the feeder is. ``offsets`` are bytes, by the mark of the log."""

    offsets: dict[str, int] = field(default_factory=dict[str, int])
    unfinished: dict[str, int] = field(default_factory=dict[str, int])
    lines: int = 0
    packages: list[str] = field(default_factory=list[str])
    last: str = ""


@dataclass(frozen=True)
class Record:
    """What an incident knows of one finding; ``answer`` is a person's."""

    finding: Finding
    severity: str
    answer: str = ""


@feeder.handler
async def read(ctx: Context, logs: list[Log], left: int) -> None:
    """Read a chunk of the first log, give every line to whom it concerns, and go on with a message to itself."""
    reading = await ctx.state.get("reading", Reading(), type=Reading)
    if not logs or not left:
        for package in reading.packages:
            await ctx.send(review[package], reading.last)
        return
    log, *others = logs
    offset = reading.offsets.get(log.mark, 0)
    chunk = await ctx.run(read_chunk, log.path, offset, min(left, CHUNK_LINES), retry=Retry(attempts=5))
    for raw in chunk.lines:
        line = parse(raw)
        reading.last = line.at or reading.last
        if isinstance(line, Stray):
            await ctx.send(keep["log"], line)
            continue
        if line.package not in reading.packages:
            reading.packages.append(line.package)
        await ctx.send(see[line.package], line)
    reading.offsets[log.mark] = chunk.offset
    reading.unfinished[log.mark] = len(chunk.unfinished)
    reading.lines += len(chunk.lines)
    await ctx.state.set("reading", reading)
    await ctx.send(read[ctx.key], logs if chunk.lines else others, left - len(chunk.lines))


@watcher.handler
async def see(ctx: Context, line: Line) -> None:
    """Take in one line about the package."""
    package = await ctx.state.get("package", Package(), type=Package)
    found = package.see(line.at, line.verb, line.status, line.versions)
    await report(ctx, package, found)


@watcher.handler
async def review(ctx: Context, at: str) -> None:
    """Look at the package as the log leaves it."""
    package = await ctx.state.get("package", Package(), type=Package)
    await report(ctx, package, package.review(at))


async def report(ctx: Context, package: Package, found: list[Finding]) -> None:
    await ctx.state.set("package", package)
    for finding in found:
        await ctx.send(judge[ctx.key], finding)


@strays.handler
async def keep(ctx: Context, line: Stray) -> None:
    """Count a line about no package; keep the last odd ones as they are."""
    kinds: dict[str, int] = await ctx.state.get("kinds", {})
    await ctx.state.set("kinds", {**kinds, line.kind: kinds.get(line.kind, 0) + 1})
    if line.kind == "odd":
        odd: list[str] = await ctx.state.get("odd", [])
        await ctx.state.set("odd", [*odd, line.text][-ODD_LINES_KEPT:])


@incident.handler
async def judge(ctx: Context, finding: Finding) -> None:
    """Decide how bad a finding is; if it is serious, ask a person and keep the answer."""
    records = await ctx.state.get("records", [], type=list[Record])
    record = Record(finding, severity(finding, [record.finding for record in records]))
    await ctx.state.set("records", [*records, record])
    if record.severity == "serious":
        question = f"{ctx.key} {finding.text} ({finding.at}). Look into it?"
        answer = await ctx.ask(question, choices=["yes", "no"], timeout=A_WEEK_SECONDS, default="nobody answered")
        await ctx.state.set("records", [*records, replace(record, answer=answer)])
