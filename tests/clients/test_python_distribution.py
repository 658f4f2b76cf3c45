"""What `pip install terra-lumina` brings."""

import email
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.clients.snippets import CLIENTS


def test_the_wheel_is_typed_light_and_works_alone(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=CLIENTS / "python", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("terra_lumina-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        about = email.message_from_bytes(archive.read(next(n for n in names if n.endswith("/METADATA"))))
        archive.extractall(tmp_path / "site")
    prints = "import sys, terra_lumina; print(terra_lumina.__version__, terra_lumina.__file__)"
    program = f"{prints}; assert not {{'cloud', 'shared', 'edge'}} & set(sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )

    needs = {line.split(">")[0] for line in about.get_all("Requires-Dist", [])}
    folders = {name.split("/")[0] for name in names}

    assert "terra_lumina/py.typed" in names
    assert folders == {"terra_lumina", f"terra_lumina-{about['Version']}.dist-info"}
    assert needs == {"httpx", "msgspec", "websockets"}
    assert about["License-Expression"] == "Apache-2.0"
    assert found.stdout.split() == ["0.1.0", str(tmp_path / "site" / "terra_lumina" / "__init__.py")]
