"""The airline's support over the recorded model: every tool output and every database as in the recording, under kill -9."""

from __future__ import annotations

import pytest

from examples.airline.data import WHERE_THE_DATA_IS, MissingData, data_folder


@pytest.fixture
def recordings() -> None:
    try:
        data_folder()
    except MissingData:
        pytest.skip(WHERE_THE_DATA_IS)


@pytest.mark.long
@pytest.mark.usefixtures("recordings")
def test_kills_change_nothing_in_recorded_conversations() -> None:
    from benchmarks.tau.run import run

    found = run(None, kills=2, limit=30)
    assert found["conversations"] == found["state_equal"] == 30
    assert found["tool_outputs_equal"] == found["tool_outputs_total"] > 150
    assert not found["differences"]
    assert found["kills"] >= 1
    assert found["answers_durable_at_kills"] > 0
    assert found["model_calls_repeated_needlessly"] == 0
