"""A recording has nothing in it that is a secret of the process that made it, wherever a prompt or an answer repeats it."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.domain.conversation import Answer, Prompt, Said, Text, ToolCall, Usage
from holdfast.models.job import Facts, Job, Reply
from holdfast.models.recorder import Recorder, secrets_here
from holdfast.models.routes import Target

CANARY = "hunter2-plain-words-that-no-pattern-knows"


@pytest.mark.parametrize("before", [0, 60, 90, 100, 119, 130])
def test_a_secret_is_blacked_out_wherever_it_stands(before: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", CANARY)
    asked = Prompt("m", [Said("user", [Text("x" * before + CANARY + " and so on")])])
    answer = Answer([Text(f"it is {CANARY}"), ToolCall("c1", "log_in", f'{{"word": "{CANARY}"}}')], "stop", Usage(), "m")
    recorder = Recorder(
        tmp_path / "tape.jsonl", secrets_here([Target(name="m", url="http://127.0.0.1:1", vendor="v", model="m")])
    )
    recorder.keep(Job("m", prompt=asked), Reply(Facts("m", "m", "v", "m"), answer=answer))
    recorder.close()
    written = (tmp_path / "tape.jsonl").read_text()
    assert "and so on" in written or before > 60
    assert "[secret]" in written
    assert not any(CANARY[:n] in written for n in range(8, len(CANARY) + 1))
