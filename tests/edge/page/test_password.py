"""The page's password on disk, sessions and the limit of tries."""

import stat
from pathlib import Path

import pytest

from edge.config import Secret
from edge.errors import ConfigWrong
from edge.page.password import PASSWORD_FILE, Credential, is_right, load_credential, save_password
from edge.page.sessions import (
    SESSION_S,
    SESSIONS_MAX,
    TRIES_MAX,
    TRIES_TOTAL_MAX,
    WINDOW_S,
    Sessions,
    TryLimiter,
)


def test_the_file_holds_an_argon2id_hash_that_only_the_agent_reads(tmp_path: Path) -> None:
    save_password(tmp_path, "correct horse")

    text = (tmp_path / PASSWORD_FILE).read_text()
    assert text.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "correct" not in text
    assert stat.S_IMODE((tmp_path / PASSWORD_FILE).stat().st_mode) == 0o600
    credential = load_credential(tmp_path, None)
    assert is_right(credential, "correct horse")
    for wrong in ("", "correct hors", "Correct horse", "correct horse ", "x" * 5000):
        assert not is_right(credential, wrong)


def test_the_setting_wins_over_the_file_and_nothing_is_right_without_a_password(tmp_path: Path) -> None:
    assert not load_credential(tmp_path, None).is_set
    assert not is_right(Credential(), "")
    save_password(tmp_path, "from the file")

    credential = load_credential(tmp_path, Secret("from settings"))

    assert is_right(credential, "from settings")
    assert not is_right(credential, "from the file")
    assert "from settings" not in repr(credential)


@pytest.mark.parametrize("password", ["", "seven77", "x" * 201])
def test_a_password_that_is_too_short_or_too_long_is_not_kept(tmp_path: Path, password: str) -> None:
    with pytest.raises(ConfigWrong, match="8 to 200"):
        save_password(tmp_path, password)
    assert not (tmp_path / PASSWORD_FILE).exists()


def test_a_damaged_file_is_no_password_at_all(tmp_path: Path) -> None:
    (tmp_path / PASSWORD_FILE).write_text("secret\n")

    with pytest.raises(ConfigWrong, match="init --page-password"):
        load_credential(tmp_path, None)


def test_a_session_ends_by_time_by_sign_out_and_with_another_password() -> None:
    sessions = Sessions()
    token, session = sessions.begin(mark=b"old", local=False, monotonic=0)

    def found(mark: bytes = b"old", monotonic: float = 1.0) -> bool:
        return sessions.find(token, mark=mark, local=False, monotonic=monotonic) is session

    assert found()
    assert sessions.find("x" + token, mark=b"old", local=False, monotonic=1) is None
    assert sessions.find(None, mark=b"old", local=False, monotonic=1) is None
    assert not found(monotonic=SESSION_S)
    token, session = sessions.begin(mark=b"old", local=False, monotonic=0)
    assert not found(mark=b"new")
    assert not found()
    token, session = sessions.begin(mark=b"old", local=False, monotonic=0)
    sessions.end(token)
    assert not found()


def test_a_session_begun_on_the_machine_is_good_there_alone() -> None:
    sessions = Sessions()
    token, _ = sessions.begin(mark=b"", local=True, monotonic=0)

    assert sessions.find(token, mark=b"", local=False, monotonic=1) is None
    assert sessions.find(token, mark=b"", local=True, monotonic=1) is not None


def test_the_oldest_session_makes_room() -> None:
    sessions = Sessions()
    tokens = [sessions.begin(mark=b"", local=False, monotonic=0)[0] for _ in range(SESSIONS_MAX + 1)]

    live = [sessions.find(token, mark=b"", local=False, monotonic=1) is not None for token in tokens]

    assert live == [False] + [True] * SESSIONS_MAX


def test_an_address_waits_after_five_wrong_tries_and_others_do_not() -> None:
    limiter = TryLimiter()
    for second in range(TRIES_MAX):
        assert limiter.wait_s("10.0.0.1", exempt=False, monotonic=second) == 0
        limiter.begin("10.0.0.1", exempt=False, monotonic=second)

    assert limiter.wait_s("10.0.0.1", exempt=False, monotonic=10) == WINDOW_S - 10
    assert limiter.wait_s("10.0.0.2", exempt=False, monotonic=10) == 0
    assert limiter.wait_s("10.0.0.1", exempt=False, monotonic=WINDOW_S) == 0


def test_many_addresses_together_are_limited_too_but_not_the_machine_itself() -> None:
    limiter = TryLimiter()
    for number in range(TRIES_TOTAL_MAX):
        limiter.begin(f"10.0.1.{number}", exempt=False, monotonic=0)

    assert limiter.wait_s("10.9.9.9", exempt=False, monotonic=1) > 0
    assert limiter.wait_s("127.0.0.1", exempt=True, monotonic=1) == 0


def test_the_right_password_clears_the_address() -> None:
    limiter = TryLimiter()
    for _ in range(TRIES_MAX):
        limiter.begin("10.0.0.1", exempt=False, monotonic=0)
    limiter.succeeded("10.0.0.1")

    assert limiter.wait_s("10.0.0.1", exempt=False, monotonic=1) == 0
