"""The master key: made once, kept private, rotated without losing what it encrypted."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.storage.secrets import Secrets, SecretsError

OLD = "o" * 40
NEW = "n" * 40


def test_the_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    first = Secrets(tmp_path / "data")
    again = Secrets(tmp_path / "data")

    assert first.derive("webchat:shop") == again.derive("webchat:shop")
    assert first.derive("webchat:shop") != first.derive("webchat:other")
    assert len(first.derive("x")) == 32
    assert again.decrypt(first.encrypt("token")) == "token"
    [file] = list((tmp_path / "data").iterdir())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_many_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: Secrets(tmp_path).derive("x"), range(32)))

    assert len(keys) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


def test_a_new_key_in_front_still_reads_what_the_old_one_wrote(tmp_path: Path) -> None:
    stored = Secrets(tmp_path, OLD).encrypt("token")
    both = Secrets(tmp_path, f"{NEW}, {OLD}")

    rotated = both.rotate(stored)

    assert both.decrypt(stored) == both.decrypt(rotated) == Secrets(tmp_path, NEW).decrypt(rotated) == "token"
    with pytest.raises(SecretsError, match="add the old key after the new one"):
        Secrets(tmp_path, NEW).decrypt(stored)


@pytest.mark.parametrize(("key", "sentence"), [("", "holds no key"), ("short", "key 1 is shorter than 32 characters")])
def test_a_useless_key_names_the_way_out(tmp_path: Path, key: str, sentence: str) -> None:
    with pytest.raises(SecretsError, match=f"{sentence}.*openssl rand -hex 32"):
        Secrets(tmp_path, key)
