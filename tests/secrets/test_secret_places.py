"""References: where a secret is looked for, and what is taken out of what comes back."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from holdfast.adapters.system import SystemClock
from holdfast.adapters.upstream import HttpUpstream
from holdfast.adapters.vault import VaultSource
from holdfast.domain.errors import Rejected, Unavailable
from holdfast.secrets import Masked, Secrets, is_reference, masked
from leaky import Leaky


async def test_places_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "DB").write_text("from the file\n")
    monkeypatch.setenv("DB", "from the environment")
    monkeypatch.setenv("OTHER", "only there")
    secrets = Secrets(folders=[str(tmp_path)])
    assert await secrets.revealed("secret:DB") == "from the file"
    assert await secrets.revealed("Bearer secret:OTHER now") == "Bearer only there now"
    assert await secrets.revealed(f"file:{tmp_path}/DB env:DB") == "from the file from the environment"
    assert secrets.revealed_now("secret:DB") == "from the file"
    assert await secrets.revealed("nothing:here, https://x/env:DB") == "nothing:here, https://x/env:DB"
    monkeypatch.setenv("DB", "changed")
    assert await secrets.revealed("env:DB") == "changed", "what it is is read at the moment of use"


@pytest.mark.parametrize(
    "text", ["env:NOT_THERE", "file:/not/there", "secret:NOT_THERE", "secret:../etc/passwd", "file:/etc"]
)
async def test_what_is_not_there(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        await Secrets().revealed(text)
    assert caught.value.code == "tool.secret"


async def test_systemd_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "db-password").write_text("given by systemd")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert await Secrets().revealed("secret:db-password") == "given by systemd"


async def test_a_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "the token of the vault")
    upstream = HttpUpstream()
    async with Leaky() as leaky:
        source = VaultSource(leaky.url, "env:VAULT_TOKEN", upstream, SystemClock())
        secrets = Secrets([source])
        assert await secrets.revealed("secret:vaulted") == "canary-of-the-vault-91a2"
        assert await secrets.revealed("secret:vaulted") == "canary-of-the-vault-91a2"
        assert len(leaky.heard) == 1 and "the token of the vault" in leaky.heard[0]
        with pytest.raises(Rejected):
            await secrets.revealed("secret:vaulted.no_such_field")
        denied = Secrets([VaultSource(leaky.url, "env:VAULT_TOKEN", upstream, SystemClock(), mount="other")])
        with pytest.raises(Unavailable) as caught:
            await denied.revealed("secret:vaulted")
        assert caught.value.code == "secret.unreachable" and "token of the vault" not in caught.value.message
    await upstream.close()


async def test_what_was_given_is_taken_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "sk-1234567890")
    secrets = Secrets()
    before = {"text": "sk-1234567890"}
    assert secrets.cleaned(before) is before
    await secrets.revealed("Bearer env:KEY")
    assert secrets.clean("wrong key sk-1234567890!") == "wrong key [env:KEY]!"
    assert secrets.cleaned({"sk-1234567890": [b"x sk-1234567890", ("sk-1234567890", 3)]}) == {
        "[env:KEY]": [b"x [env:KEY]", ("[env:KEY]", 3)]
    }
    assert secrets.cleaned(b"\xff\xfe sk-1234567890 \x00") == b"\xff\xfe [env:KEY] \x00"


def test_logs_have_no_secrets(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "sk-1234567890")
    secrets = Secrets()
    assert secrets.revealed_now("env:KEY")
    logger = logging.getLogger("test.secrets")
    caplog.handler.addFilter(Masked(secrets))
    with caplog.at_level(logging.DEBUG):
        logger.debug("headers: %r", {"authorization": "Bearer sk-1234567890"})
        logger.info("store postgresql://me:hunter22@db/x?password=hunter22")
        try:
            raise ValueError("sk-1234567890 is wrong")
        except ValueError:
            logger.exception("it failed")
    assert "sk-1234567890" not in caplog.text and "hunter22" not in caplog.text
    assert "[env:KEY]" in caplog.text and "me:…@db" in caplog.text


def test_urls_without_passwords() -> None:
    assert masked("postgresql://me:p:w@db/x") == "postgresql://me:…@db/x"
    assert masked("sqlite:///a.db") == "sqlite:///a.db" and masked("https://x/y?a=1") == "https://x/y?a=1"
    assert is_reference("secret:A") and not is_reference("Bearer secret:A") and not is_reference("sk-1")
