"""The code of docs/provenance.md runs, and its policy passes its tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from holdfast import Runtime
from holdfast.gate.rules import read_documents
from holdfast.gate.rules.trial import run_tests
from holdfast.models.routes import Models, Target
from holdfast.testing.models import Call, Reply, Vendor

PAGE = (Path(__file__).parents[2] / "docs" / "provenance.md").read_text()


def program() -> dict[str, Any]:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    module: dict[str, Any] = {"__name__": "page"}
    exec(compile("\n".join(blocks), "docs/provenance.md", "exec", dont_inherit=True), module)
    return module


def test_its_policy_passes_its_tests() -> None:
    (text,) = re.findall(r"```yaml\n(kind: Policy\n.*?)```", PAGE, re.DOTALL)
    (document,) = read_documents(text)
    results = run_tests(document)
    assert len(results) == 2
    for result in results:
        assert result.passed, result


async def test_its_agents_keep_strangers_words_from_their_models() -> None:
    page = program()

    def script(call: Call) -> Reply:
        if call.model == "cheap1":
            angry = "angry page" in call.text
            return Reply(f'{{"topic": "{"complaint" if angry else "invoice"}", "urgent": false, "amount": 200}}')
        found = [str(m["content"]) for m in call.messages if m["role"] == "tool"]
        return Reply(found[0]) if found else Reply(tool_calls=[("a", "read_mail", {"number": 1})])

    async with Vendor(script) as vendor:
        models = Models(
            targets=[Target(name=n, vendor="v", url=vendor.url, model=f"{n}1") for n in ("smart", "cheap")],
        )
        agents = [page["desk"], page["reader"], page["secretary"]]
        async with Runtime(agents, "memory://", models=models) as runtime:
            answer = await runtime.call(page["desk"]["1"].chat, "what is new?")
            assert answer == '{"topic":"invoice","urgent":false,"amount":200}'
            assert await runtime.call(page["reader"]["1"].sort, "http://x") == "complaint"
        assert not any("ignore your instructions" in str(c.body) for c in vendor.calls if c.model == "smart1")
