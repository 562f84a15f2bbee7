"""Locks carry versions and hashes and no addresses; nothing committed says where packages come from."""

from __future__ import annotations

import re

from ground import ROOT, shown, tracked

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))

# Put together here, so that this file does not name what it looks for.
REGISTRIES = re.compile("|".join((r"pypi\." + "org", r"python" + "hosted", r"npm" + r"js\.", r"yarn" + r"pkg\.")))
INDEX_OPTION = re.compile(r"^\s*(--(extra-)?index-url|--find-links|--trusted-host|-i|-f)\b", re.MULTILINE)
ANY_ADDRESS = re.compile(r"\w+://|\bfile:|(^|\s)/\w")


def test_nothing_committed_names_a_registry() -> None:
    named = [shown(path) for path in tracked() if REGISTRIES.search(path.read_text(encoding="utf-8", errors="replace"))]
    assert not named


def test_locks_hold_versions_and_hashes_only() -> None:
    assert [lock.name for lock in LOCKS] == ["bootstrap.lock", "dev.lock", "runtime.lock"]
    for lock in LOCKS:
        text = lock.read_text(encoding="utf-8")
        assert not INDEX_OPTION.search(text), f"{shown(lock)} names an index"
        assert not ANY_ADDRESS.search(text), f"{shown(lock)} holds an address or a path"
        for requirement in re.split(r"\n(?=[a-z0-9])", text.replace("\\\n", " ")):
            if not requirement.startswith("#"):
                assert "==" in requirement and "--hash=sha256:" in requirement, f"{shown(lock)}: {requirement[:60]}"


def test_the_locks_agree_with_each_other() -> None:
    pins = [dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE)) for lock in LOCKS]
    _, dev, runtime = pins
    assert runtime.items() <= dev.items(), "run ./dev just lock"


def test_uv_lock_is_not_committed() -> None:
    assert not tracked("uv.lock"), "uv.lock names addresses; it is ignored by git"
