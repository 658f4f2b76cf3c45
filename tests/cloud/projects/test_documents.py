"""Documents: kept as they came, given out as a file and never as a page."""

import asyncio
import hashlib

import httpx
import pytest

from cloud.errors import InvalidFields
from cloud.kit.content_files import ContentFiles, FileDamaged, media_type_of
from cloud.projects.documents import BYTES_MAX, file_name
from tests.cloud.projects.conftest import World

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
JPEG = b"\xff\xd8\xff\xe0" + b"pixels"
PATH = "/v1/projects/prj_a/documents"
FORM = "multipart/form-data; boundary=x"


async def upload(world: World, content: bytes, sent_as: str = "a.pdf", **fields: str) -> httpx.Response:
    form = {"file": (sent_as, content, "text/html")}
    return await world.client.post(PATH, files=form, data=fields, headers=world.operator)


@pytest.mark.parametrize(
    "content, media_type", [(PDF, "application/pdf"), (PNG, "image/png"), (JPEG, "image/jpeg")]
)
async def test_what_was_uploaded_comes_back_byte_by_byte(world: World, content: bytes, media_type: str):
    await world.add("prj_a")
    made = await upload(world, content, 'C:\\papers\\Übersicht "1".pdf', type="prospectus")
    document = made.json()["data"]
    answer = await world.get(document["url"])

    assert made.status_code == 201
    assert document["name"] == "Übersicht 1.pdf"
    assert document["size_bytes"] == len(content)
    assert document["sha256"] == hashlib.sha256(content).hexdigest()
    assert answer.content == content
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-length"] == str(len(content))
    assert answer.headers["content-disposition"] == ("attachment; filename*=UTF-8''%C3%9Cbersicht%201.pdf")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["etag"] == f'"{document["sha256"]}"'
    known = world.investor | {"If-None-Match": answer.headers["etag"]}
    again = await world.client.get(document["url"], headers=known)
    assert (again.status_code, again.content) == (304, b"")


async def test_the_same_file_again_is_the_document_that_is_there(world: World):
    await world.add("prj_a")
    answers = await asyncio.gather(*(upload(world, PDF, f"{number}.pdf") for number in range(5)))
    documents = (await world.get("/v1/projects/prj_a")).json()["data"]["documents"]

    assert {answer.json()["data"]["id"] for answer in answers} == {documents[0]["id"]}
    assert len(documents) == 1


async def test_only_those_who_may_read_projects_read_documents_and_only_of_their_project(world: World):
    await world.add("prj_a")
    await world.add("prj_b")
    url = (await upload(world, PDF)).json()["data"]["url"]
    document_id = url.rpartition("/")[2]

    assert (await world.client.get(url)).status_code == 401
    assert (await world.get(f"/v1/projects/prj_b/documents/{document_id}")).status_code == 404
    assert (await world.get(f"{PATH}/doc_none")).status_code == 404
    assert (await world.get(f"{PATH}/..%2F..%2Fcloud_key")).status_code == 404


@pytest.mark.parametrize(
    "content, name, fields, named",
    [
        (b"<html>", "a.pdf", {}, "file"),
        (b"", "a.pdf", {}, "file"),
        (b"PK\x03\x04", "a.pdf", {}, "file"),
        (b"GIF89a", "a.gif", {}, "file"),
        (PDF, "...", {}, "name"),
        (PDF, "a.pdf", {"name": "n" * 201}, "name"),
        (PDF, "a.pdf", {"type": "Not A Word"}, "type"),
    ],
)
async def test_what_is_no_document_is_refused_by_field(world: World, content, name, fields, named):
    await world.add("prj_a")
    answer = await upload(world, content, name, **fields)

    assert answer.status_code == 422, answer.text
    assert list(answer.json()["error"]["details"]) == [named]
    assert (await world.get("/v1/projects/prj_a")).json()["data"]["documents"] == []


async def test_a_document_has_a_largest_size_and_one_of_just_that_is_taken(world: World):
    await world.add("prj_a")
    largest = PDF + bytes(BYTES_MAX - len(PDF))

    assert (await upload(world, largest)).status_code == 201
    for content in (largest + b"x", largest + bytes(1_000_000)):
        answer = await upload(world, content)
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "INVALID_REQUEST"


@pytest.mark.parametrize(
    "content, media_type",
    [
        (b"garbage", FORM),
        (b"", FORM),
        (b"garbage", "multipart/form-data"),
        (b'{"file": "x"}', "application/json"),
        (b"", None),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n',
            FORM,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="type"\r\n\r\na\r\n--x--\r\n',
            FORM,
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-',
            FORM,
        ),
    ],
)
async def test_a_form_that_is_none_is_no_failure_of_ours(
    world: World, content: bytes, media_type: str | None
):
    await world.add("prj_a")
    headers = world.operator | ({"Content-Type": media_type} if media_type else {})
    answer = await world.client.post(PATH, content=content, headers=headers)

    assert answer.status_code in {400, 422}, answer.text
    assert answer.json()["error"]["code"] in {"INVALID_REQUEST", "VALIDATION_ERROR"}


async def test_a_file_that_was_damaged_is_not_given_out(world: World, settings):
    await world.add("prj_a")
    document = (await upload(world, PDF)).json()["data"]
    [path] = [path for path in settings.data_dir.glob("documents/*/*") if path.is_file()]
    assert path.name == document["sha256"]

    path.write_bytes(PDF[:-1] + b"?")
    assert (await world.get(document["url"])).status_code == 500
    path.unlink()
    assert (await world.get(document["url"])).status_code == 500


async def test_a_file_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    files = ContentFiles(tmp_path / "documents")

    def lost_power(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", lost_power)
    with pytest.raises(OSError, match="no space"):
        await files.put(PDF)
    monkeypatch.undo()
    sha256 = hashlib.sha256(PDF).hexdigest()
    with pytest.raises(FileDamaged):
        await files.get(sha256)
    assert await files.put(PDF) == sha256
    assert await files.get(sha256) == PDF


@pytest.mark.parametrize(
    "sent, name",
    [
        ("Prospectus.pdf", "Prospectus.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\a\\b.pdf", "b.pdf"),
        (".hidden", "hidden"),
        ('a"b\r\nc.pdf', "abc.pdf"),
        ("U\u0308bersicht.pdf", "Übersicht.pdf"),
    ],
)
def test_a_name_is_that_of_a_file(sent, name):
    assert file_name(sent) == name


@pytest.mark.parametrize("sent", ["", "/", "..", " . ", "\r\n", "n" * 201])
def test_what_names_no_file_is_refused(sent):
    with pytest.raises(InvalidFields):
        file_name(sent)


def test_the_kind_of_a_file_is_told_by_its_content():
    assert [media_type_of(content) for content in (PDF, PNG, JPEG, b"", b"%PD", b" %PDF-")] == [
        "application/pdf",
        "image/png",
        "image/jpeg",
        None,
        None,
        None,
    ]
