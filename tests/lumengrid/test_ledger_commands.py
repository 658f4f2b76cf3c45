"""`lumengrid ledger verify` as a stranger runs it: on files, and on a service whose line is bad."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from click.testing import CliRunner
from nacl.signing import SigningKey

from lumengrid.cli import main
from lumengrid.ledger_source import export_url
from tests.cloud.audit.conftest import forged, run  # noqa: F401  fixtures
from tests.cloud.audit.forgery import trailed

KEY = bytes(SigningKey(b"c" * 32).verify_key).hex()


def verify(*arguments: object):
    return CliRunner().invoke(main, ["ledger", "verify", *map(str, arguments)])


@pytest.fixture
def export(run, tmp_path):  # noqa: F811
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(run.export)
    return path


class Service:
    """Answers with an export, and breaks the line as often as it is told."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.cuts: list[int] = []
        self.asked: list[str] = []
        self.status = 200
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append(self.path)
                body = service.rest(self.path)
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: service.cuts.pop(0)] if service.cuts else body)

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def rest(self, path: str) -> bytes:
        return self.continued[int(path.rpartition("after=")[2])] if "after=" in path else self.body

    continued: dict[int, bytes]


@pytest.fixture
def service(run) -> Iterator[Service]:  # noqa: F811
    found = Service(run.export)
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def test_a_good_export_is_accepted_with_its_sums(export):
    done = verify(export, "--key", KEY)

    assert done.exit_code == 0, done.output
    assert "accepted: 32 entries" in done.output  # nine of them the pool's, one of which mints 205 units
    assert "10, 0.83 kWh, of which 0.43 kWh signed by meters" in done.output
    assert "851.8300205 minted, 783.5800205 in existence" in done.output
    assert "2 with 1 keys" in done.output
    assert "policy flag, reject; measured energy times 1,000" in done.output
    assert "warning" not in done.output


def test_without_a_pinned_key_it_says_what_that_leaves_open(export):
    done = verify(export)

    assert done.exit_code == 0
    assert "warning: the key is the export's own" in done.output


def test_the_first_entry_that_lies_is_named(export, forged):  # noqa: F811
    leaf = forged.mints()[1]
    leaf["postings"][0]["amount"] -= 10_000_000
    leaf["postings"][1]["amount"] += 10_000_000
    export.write_bytes(forged.render())

    done = verify(export, "--key", KEY)
    assert done.exit_code == 1
    assert (
        "NOT ACCEPTED: entry 5 (leaf 4): posting: expected -55.25 LT on mint/energy,"
        " found -56.25 LT on mint/energy"
    ) in done.output


def test_another_key_than_the_pinned_one_is_a_lie(export):
    done = verify(export, "--key", "0" * 64)

    assert done.exit_code == 1
    assert "public_key" in done.output


@pytest.mark.parametrize("key", ["", "abc", "G" * 64, KEY.upper()])
def test_a_key_that_is_none_is_refused(export, key):
    done = verify(export, "--key", key)

    assert done.exit_code == 2
    assert "64 hex digits" in done.output


def test_history_is_held_against_an_earlier_head(run, export, forged, tmp_path):  # noqa: F811
    head = tmp_path / "head.json"
    head.write_bytes(msgspec.json.encode(msgspec.json.decode(run.early_head) | {"public_key": KEY}))
    done = verify(export, "--key", KEY, "--from-head", head)
    assert done.exit_code == 0, done.output
    assert "unchanged since the 10 entries" in done.output

    forged.leaves[0][1]["time"] = "2026-01-01T00:00:00.500000Z"
    export.write_bytes(forged.render())
    done = verify(export, "--key", KEY, "--from-head", head)
    assert done.exit_code == 1
    assert "the earlier head" in done.output


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"tree_size": "x"}', b"[" * 100_000])
def test_a_head_that_is_none_is_refused(export, tmp_path, content):
    head = tmp_path / "head.json"
    head.write_bytes(content)

    done = verify(export, "--from-head", head)
    assert done.exit_code == 2
    assert "is no tree head" in done.output


def test_a_newer_format_cannot_be_told(export, forged):  # noqa: F811
    forged.header["format"] = 99
    export.write_bytes(forged.render())

    done = verify(export)
    assert done.exit_code == 2
    assert "cannot tell: header: format 99 is not known" in done.output


@pytest.mark.parametrize("given,asked", [("", "/api/v1/ledger/export"), ("/x/y?z=1", "/x/y?z=1")])
def test_a_service_is_asked_for_its_export(service, given, asked):
    assert verify(service.url + given, "--key", KEY).exit_code == 0
    assert service.asked == [asked]
    assert export_url(service.url + given) == service.url + asked


def test_a_broken_line_is_taken_up_behind_the_last_whole_entry(service, run, forged):  # noqa: F811
    lines = run.export.splitlines(keepends=True)
    upto = sum(len(line) for line in lines[:6])
    service.cuts = [upto + 10]
    forged.header["after"] = 4
    header = forged.render().splitlines(keepends=True)[0]
    service.continued = {4: trailed([header, *lines[6:-1]], SigningKey(b"c" * 32))}

    done = verify(service.url, "--key", KEY)
    assert done.exit_code == 0, done.output
    assert service.asked == ["/api/v1/ledger/export", "/api/v1/ledger/export?after=4"]


def test_a_line_that_never_holds_is_given_up(service):
    service.cuts = [100] * 20

    done = verify(service.url)
    assert done.exit_code == 2
    assert "cut short 5 times" in done.output
    assert len(service.asked) == 5


def test_a_service_that_refuses_says_so(service):
    service.status = 503
    service.body = b'{"error":"busy"}'

    done = verify(service.url)
    assert done.exit_code == 2
    assert "503" in done.output
    assert "busy" in done.output


def test_nobody_there_and_no_such_file_cannot_be_told(service, tmp_path):
    service.server.server_close()

    assert "cannot tell" in verify("http://127.0.0.1:9/").output
    assert verify(tmp_path / "none.jsonl").exit_code == 2
    assert verify(tmp_path).exit_code == 2


def test_a_download_has_bounds(service):
    service.body = service.body[:300] + b" " * 3 * 2**20 + service.body[300:]

    done = verify(service.url, "--max-mib", 1)
    assert done.exit_code == 2
    assert "--max-mib" in done.output
