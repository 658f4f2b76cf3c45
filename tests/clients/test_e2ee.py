"""What `pip install lumen-e2ee` brings: keys that are kept safely, light and alone."""

import email
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lumen_e2ee import DeviceKeys, NotReadable, decrypt_transaction_data, encrypt_transaction_data
from tests.clients.snippets import CLIENTS


def test_keys_come_back_from_their_file_with_its_password_alone(tmp_path: Path) -> None:
    keys, file = DeviceKeys.generate(), tmp_path / "device.pem"
    keys.save(file, password=b"a long pass phrase")

    again = DeviceKeys.load(file, password=b"a long pass phrase")

    assert (again.device_id, again.fingerprint) == (keys.device_id, keys.fingerprint)
    sealed = encrypt_transaction_data({keys.device_id: keys.public_key}, merchant="Cafe Luna")
    assert decrypt_transaction_data(sealed, again).merchant == "Cafe Luna"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in file.read_bytes()
    with pytest.raises(ValueError, match=r"(?i)decrypt|password"):
        DeviceKeys.load(file, password=b"another")
    with pytest.raises(FileExistsError):
        keys.save(file, password=b"a long pass phrase")


def test_two_devices_have_other_ids_and_keys_and_read_only_their_own() -> None:
    one, other = DeviceKeys.generate(), DeviceKeys.generate()
    sealed = encrypt_transaction_data({one.device_id: one.public_key}, merchant=None)

    assert one.device_id != other.device_id
    assert one.fingerprint != other.fingerprint
    assert decrypt_transaction_data(sealed, one).merchant is None
    with pytest.raises(NotReadable, match=other.device_id):
        decrypt_transaction_data(sealed, other)


def test_the_wheel_is_typed_and_works_alone(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=CLIENTS / "python-e2ee", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("lumen_e2ee-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        about = email.message_from_bytes(archive.read(next(n for n in names if n.endswith("/METADATA"))))
        archive.extractall(tmp_path / "site")
    program = "import sys, lumen_e2ee; assert not {'cloud', 'shared', 'msgspec'} & set(sys.modules)"
    subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(tmp_path / "site")}, cwd=tmp_path, check=True
    )

    assert "lumen_e2ee/py.typed" in names
    assert {line.split(">")[0] for line in about.get_all("Requires-Dist", [])} == {"cryptography", "httpx"}
    assert about["License-Expression"] == "Apache-2.0"
