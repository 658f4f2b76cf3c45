"""Keys are made once, kept to their owner, and never replaced in silence."""

import threading

import pytest

from cloud.kit.secrets import SecretUnusable, load_or_make


def test_a_key_is_made_once_and_is_the_same_ever_after(tmp_path):
    path = tmp_path / "data" / "cloud_key"

    key = load_or_make(path)

    assert len(key) == 32
    assert load_or_make(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_two_keys_differ(tmp_path):
    assert load_or_make(tmp_path / "a") != load_or_make(tmp_path / "b")


def test_starting_together_gives_one_key(tmp_path):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(load_or_make(tmp_path / "key"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert len(set(found)) == 1


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "zz" * 32, "\xff"])
def test_a_damaged_key_stops_the_start_and_is_not_replaced(tmp_path, text):
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(SecretUnusable, match="64 hex digits"):
        load_or_make(path)

    assert path.read_text() == text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_key_that_others_may_read_stops_the_start(tmp_path, mode):
    path = tmp_path / "key"
    load_or_make(path)
    path.chmod(mode)

    with pytest.raises(SecretUnusable, match="0600"):
        load_or_make(path)
