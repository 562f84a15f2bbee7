"""An auditor's and an operator's day at a real server: seal, export, verify, query; switch off and on; hold."""

from __future__ import annotations

import json
from pathlib import Path

from processes import Place, until


def test_an_export_is_verified_without_the_server_and_names_the_first_bad_entry(place: Place, tmp_path: Path) -> None:
    place.up("--no-reload", "--witness", str(tmp_path / "elsewhere.jsonl"))
    for n in range(5):
        place.run("call", "counter/one", "add", str(n))
    sealed = place.run("audit", "seal", "-o", "json").json
    assert sealed["number"] == 1 and sealed["entries"] >= 10
    place.run("call", "counter/two", "add", "1")
    export = tmp_path / "export"
    assert place.run("audit", "export", str(export)).code == 0
    assert "already" in place.run("audit", "export", str(export)).failed("audit.target").err
    [first, *_] = place.run("audit", "roots", "-o", "json").json
    place.close()

    good = place.run("audit", "verify", str(export), "--key", first["key"], "--roots", str(tmp_path / "elsewhere.jsonl"))
    assert (good.code, good.out[:4], good.err) == (0, "good", ""), good.out + good.err
    assert place.run("audit", "verify", str(export), "--key", "somebody-else").code == 1
    lines = (export / "entries.jsonl").read_bytes().splitlines(keepends=True)
    bad = json.loads(lines[3])
    other = ("A" if bad["body"][8] != "A" else "B").join([bad["body"][:8], bad["body"][9:]])
    lines[3] = lines[3].replace(bad["body"].encode(), other.encode())
    (export / "entries.jsonl").write_bytes(b"".join(lines))
    told = place.run("audit", "verify", str(export))
    assert told.code == 1
    assert told.out.startswith(f"BAD   entry {bad['seq']} of {bad['agent']}, segment 1: ")
    assert place.run("audit", "verify", str(tmp_path / "nothing")).failed("audit.no_export")


def test_a_server_signs_by_itself(place: Place, tmp_path: Path) -> None:
    place.up("--no-reload", "--seal", "1s", "--witness", str(tmp_path / "elsewhere.jsonl"))
    place.run("call", "counter/one", "add", "1")
    until(lambda: (tmp_path / "elsewhere.jsonl").exists(), "a signed root outside")
    assert place.run("audit", "roots", "-o", "json").json[0]["number"] == 1


def test_who_did_what(served: Place) -> None:
    served.run("call", "counter/asked", "add", "41")
    found = served.run("audit", "query", "--agent", "counter/asked", "-o", "json").json
    assert found and {d["agent"] for d in found} == {"default/counter/asked"}
    events = served.run("audit", "query", "--agent", "counter/asked", "--ocsf").out.splitlines()
    assert [json.loads(line)["class_uid"] for line in events] == [6003] * len(found)
    assert served.run("audit", "query", "--by", "nobody at all").err == "nobody did anything like that\n"


def test_everything_is_stopped_and_goes_on(served: Place) -> None:
    served.run("stop-all", "--agent", "counter/stopped", "--reason", "let me look")
    shown = served.run("breaker", "list").out
    assert "agent:default/counter/stopped" in shown and "let me look" in shown
    served.run("send", "counter/stopped", "add", "5")
    assert served.run("call", "counter/other", "add", "5").out == "5\n"
    assert served.run("breaker", "reset", "agent:default/counter/stopped").code == 0
    until(lambda: served.run("call", "counter/stopped", "add", "0").out == "5\n", "what was held")
    served.run("breaker", "reset", "agent:default/counter/stopped").failed("breaker.unknown")
    served.run("breaker", "trip", "planet", "earth").failed("breaker.malformed")


def test_holds_and_habits(served: Place) -> None:
    served.run("call", "counter/kept", "add", "5")
    assert served.run("hold", "add", "--agent", "counter/kept").code == 2
    assert served.run("hold", "add", "--agent", "counter/kept", "--reason", "case 12").code == 0
    assert [h["what"] for h in served.run("hold", "list", "-o", "json").json] == ["default/counter/kept"]
    served.run("compact", "--older-than", "0s")
    assert served.run("journal", "counter/kept", "-o", "json").json
    assert served.run("hold", "remove", "--agent", "counter/kept", "--reason", "settled").code == 0
    assert "anew" in served.run("behaviour", "rebuild").out
    assert served.run("behaviour", "on", "--alarms-per-day", "2", "--trip", "repeat").code == 0
    assert served.run("behaviour", "off").code == 0
    assert served.run("behaviour", "show").code == 0
