"""Places that keep roots: a file, a bucket over real HTTP, another SQLite database, PostgreSQL. What is kept stays kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from holdfast import Conflict, Rejected, Unavailable
from holdfast.bootstrap.witnesses import make_witness

ROOT = b'{"statement":{"number":%d},"signature":"x"}'


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The url of a bucket on a server on this machine."""
    import boto3  # pyright: ignore[reportMissingTypeStubs]

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="roots")  # pyright: ignore
        yield f"s3://roots/acme/prod?endpoint={endpoint}&region=us-east-1"
    server.stop()


@pytest.fixture(params=["file", "path", "s3", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The url of an empty witness."""
    match request.param:
        case "file":
            return f"file://{tmp_path}/kept/roots.jsonl"
        case "path":
            return str(tmp_path / "roots.jsonl")
        case "s3":
            url: str = request.getfixturevalue("bucket")
            return url.replace("acme", f"acme{abs(hash(tmp_path))}")
        case "sqlite":
            return f"sqlite:///{tmp_path}/roots.db"
        case _:
            return request.getfixturevalue("postgres_url")


async def test_what_is_kept_stays_kept(place: str) -> None:
    witness = make_witness(place)
    assert await witness.last() == 0 and await witness.kept(1) is None
    for number in (1, 2, 3):
        for _ in range(2):
            await witness.keep(number, ROOT % number)
    again = make_witness(place)
    assert await again.last() == 3 and await again.kept(2) == ROOT % 2
    with pytest.raises(Conflict) as caught:
        await again.keep(2, ROOT % 2 + b" ")
    assert caught.value.code == "audit.witness_disagrees"
    assert await again.kept(2) == ROOT % 2


async def test_many_roots_are_counted_page_by_page(bucket: str) -> None:
    witness = make_witness(bucket.replace("acme", "many"))
    await asyncio.gather(*(witness.keep(n, ROOT % n) for n in range(1, 1_102)))
    assert await make_witness(bucket.replace("acme", "many")).last() == 1_101


@pytest.mark.parametrize(
    "url",
    [
        "s3://roots/x?endpoint=http://127.0.0.1:9&region=us-east-1",
        "postgresql://nobody@127.0.0.1:9/none",
        "sqlite:////proc/none/roots.db",
        "file:///proc/none/roots.jsonl",
    ],
)
async def test_a_witness_that_is_away_says_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(Unavailable) as caught:
        await make_witness(url).keep(1, ROOT % 1)
    assert caught.value.code == "audit.witness_away"


@pytest.mark.parametrize("url", ["", "ftp://x/y", "file://relative"])
def test_what_is_no_place_is_refused(url: str) -> None:
    with pytest.raises(Rejected) as caught:
        make_witness(url)
    assert caught.value.code == "audit.witness_url"
