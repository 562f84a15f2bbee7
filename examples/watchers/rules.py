"""What a watcher keeps of its package, and when it says that something is off. Plain functions: no agent, no clock but the
log's."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

HALF_DONE = ("unpacked", "half-installed", "half-configured")
GONE = ("not-installed", "config-files")
KNOWN = ("status", "install", "upgrade", "configure", "trigproc", "remove", "purge", "disappear")
PATIENCE_SECONDS = 60
FLAPPING_SECONDS = 24 * 3600

SERIOUS = ("stuck", "downgraded", "removed", "flapping")
SERIOUS_AGAIN = ("new-upstream",)


@dataclass(frozen=True)
class Finding:
    """Something is off with a package."""

    rule: str
    at: str
    text: str


@dataclass
class Package:
    """A package as its watcher knows it. Times are the log's; ``""`` for never."""

    status: str = ""
    versions: list[str] = field(default_factory=list[str])
    lines: int = 0
    verbs: dict[str, int] = field(default_factory=dict[str, int])
    odd: int = 0
    changed: str = ""
    half_done_since: str = ""
    gone_since: str = ""
    stuck_since: str = ""

    def see(self, at: str, verb: str, status: str, versions: tuple[str, ...]) -> list[Finding]:
        """Take in one line; what is off because of it."""
        self.lines += 1
        self.verbs[verb] = self.verbs.get(verb, 0) + 1
        if verb not in KNOWN:
            self.odd += 1
            return []
        if verb == "status":
            return self._turn(status, versions[0], at)
        if verb in ("upgrade", "install"):
            return _replaced(at, versions[0], versions[-1])
        return []

    def review(self, at: str) -> list[Finding]:
        """The log ends here, at this time: is the package left half done?"""
        since = self.half_done_since
        if not since or since == self.stuck_since or (seconds := _seconds(since, at)) < PATIENCE_SECONDS:
            return []
        self.stuck_since = since
        return [Finding("stuck", at, f"left {self.status} for {seconds} s")]

    def _turn(self, status: str, version: str, at: str) -> list[Finding]:
        before, self.status = self.status, status
        if status != before:
            self.changed = at
        if version not in (*self.versions[-1:], "<none>"):
            self.versions.append(version)
        if status in HALF_DONE:
            self.half_done_since = self.half_done_since or at
            return []
        found: list[Finding] = []
        if self.half_done_since and (seconds := _seconds(self.half_done_since, at)) >= PATIENCE_SECONDS:
            found.append(Finding("slow", at, f"half done for {seconds} s before it was {status}"))
        self.half_done_since = ""
        if status in GONE and self.versions and not self.gone_since:
            self.gone_since = at
            found.append(Finding("removed", at, f"{self.versions[-1]} was removed"))
        elif status == "installed" and self.gone_since:
            if _seconds(self.gone_since, at) < FLAPPING_SECONDS:
                found.append(
                    Finding("flapping", at, f"installed again {_seconds(self.gone_since, at)} s after it was removed")
                )
            self.gone_since = ""
        return found


def severity(finding: Finding, before: list[Finding]) -> str:
    """How bad a finding is, after those that the package had before."""
    again = finding.rule in SERIOUS_AGAIN and any(other.rule == finding.rule for other in before)
    return "serious" if finding.rule in SERIOUS or again else "minor"


def _replaced(at: str, old: str, new: str) -> list[Finding]:
    if old == "<none>" or old == new:
        return []
    if _order(new) < _order(old):
        return [Finding("downgraded", at, f"went back from {old} to {new}")]
    if _upstream(old) != _upstream(new):
        return [Finding("new-upstream", at, f"went from {old} to {new}, more than a repair")]
    return []


def _upstream(version: str) -> str:
    return re.split("[-+~]", version)[0]


def _order(version: str) -> tuple[int, list[tuple[list[int], int]], list[tuple[list[int], int]]]:
    """Debian's order of versions (deb-version(7)): epoch, then upstream and revision as runs of text and number, in which
    ``~`` comes before the end and letters come before everything else."""
    epoch, colon, rest = version.partition(":")
    upstream, _, revision = (rest if colon else version).rpartition("-")
    if not upstream:
        upstream, revision = revision, "0"
    return (int(epoch) if colon and epoch.isdigit() else 0, _runs(upstream), _runs(revision))


def _runs(part: str) -> list[tuple[list[int], int]]:
    return [([*map(_weight, text), 0], int(number or 0)) for text, number in re.findall(r"([^0-9]*)([0-9]*)", part)]


def _weight(char: str) -> int:
    return -1 if char == "~" else ord(char) if char.isalpha() else ord(char) + 256


def _seconds(start: str, end: str) -> int:
    try:
        return int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())
    except ValueError:
        return 0
