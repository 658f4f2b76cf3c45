"""What a file is by its bytes, before anything is decoded."""

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cloud.finance.reading import Refusal, Refused
from cloud.finance.receipts.content import BYTES_MAX, Kind, identify


def picture(kind: str, size: tuple[int, int] = (40, 30)) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", size, "white").save(encoded, kind)
    return encoded.getvalue()


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def refusal(content: bytes) -> Refusal | None:
    answer = identify(content)
    return answer.reason if isinstance(answer, Refused) else None


def test_the_type_is_in_the_bytes() -> None:
    assert identify(picture("JPEG")) is Kind.JPEG
    assert identify(picture("PNG")) is Kind.PNG
    assert identify(b"%PDF-1.7\n...") is Kind.PDF


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<html>", b"PK\x03\x04", b"BM" + bytes(60), b"hello"])
def test_other_files_are_refused(content: bytes) -> None:
    assert refusal(content) is Refusal.UNSUPPORTED


def test_a_hundred_megapixels_are_refused_by_the_header_alone() -> None:
    assert refusal(png_header(10_000, 10_000)) is Refusal.TOO_COSTLY
    assert refusal(png_header(100_000, 10)) is Refusal.TOO_COSTLY
    assert refusal(png_header(4_000, 6_000)) is None


def test_a_jpegs_frame_is_found_behind_its_other_segments() -> None:
    jpeg = picture("JPEG", (70, 90))
    large = jpeg.replace(struct.pack(">HH", 90, 70), struct.pack(">HH", 30_000, 30_000), 1)
    assert refusal(large) is Refusal.TOO_COSTLY
    with_comment = jpeg[:2] + b"\xff\xfe" + struct.pack(">H", 5000) + bytes(4998) + jpeg[2:]
    assert identify(with_comment) is Kind.JPEG


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    "other", [b"%PDF-1.4\n", b"<HTML><body>", b"<script>", b"PK\x05\x06" + bytes(18), b"<?php"]
)
def test_a_file_that_is_two_is_refused(kind: str, other: bytes) -> None:
    assert refusal(picture(kind) + other) is Refusal.UNSUPPORTED


def test_a_pdf_that_is_a_page_too_is_refused() -> None:
    assert refusal(b"%PDF-1.4\n<script>alert(1)</script>") is Refusal.UNSUPPORTED


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_header_that_ends_early_is_damaged(kind: str) -> None:
    assert refusal(picture(kind)[:18]) is Refusal.DAMAGED


def test_more_bytes_than_an_upload_may_have() -> None:
    assert refusal(b"\xff\xd8\xff" + bytes(BYTES_MAX)) is Refusal.TOO_LARGE


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"%PDF-"]))
def test_any_bytes_have_an_answer(rest: bytes, start: bytes) -> None:
    assert isinstance(identify(start + rest), Kind | Refused)
