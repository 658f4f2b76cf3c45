"""Files that ask for far more than they show. Written by hand: no library makes such files willingly."""

import io
import struct
import zlib

from PIL import Image


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *, claimed: tuple[int, int] | None = None) -> bytes:
    """A white grey-level PNG of so many pixels, packed; `claimed` is another size in its header."""
    packer = zlib.compressobj(9)
    row = b"\x00" + b"\xff" * width
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    shown = claimed or (width, height)
    header = struct.pack(">IIBBBBB", *shown, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def pdf(objects: list[bytes]) -> bytes:
    """A PDF of these objects, numbered from 1, the first its catalogue."""
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n%b" % (size, table)
        + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(out))
    )


def _stream(extra: bytes, data: bytes) -> bytes:
    return b"<< %b /Length %d >>\nstream\n%b\nendstream" % (extra, len(data), data)


def pdf_of_text(lines: list[str], *, box: tuple[float, float] = (300, 400)) -> bytes:
    """One page with real text, 12 points."""
    shown = "".join(
        f"BT /F1 12 Tf 20 {box[1] - 30 - 16 * index} Td ({line}) Tj ET\n" for index, line in enumerate(lines)
    )
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %g %g] /Contents 4 0 R" % box
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            page + b" /Resources << /Font << /F1 5 0 R >> >> >>",
            _stream(b"", shown.encode("latin-1")),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
    )


def pdf_of_pages(count: int) -> bytes:
    """One page object, listed so often."""
    kids = b"3 0 R " * count
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [%b] /Count %d >>" % (kids, count),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] >>",
        ]
    )


def pdf_with_stream(unpacked_bytes: int, *, layers: int = 2) -> bytes:
    """A page whose content unpacks to so many bytes of drawing, packed `layers` times."""
    packer = zlib.compressobj(9)
    block = b"0 0 m 9 9 l S\n" * 75_000
    data = b"".join(packer.compress(block) for _ in range(unpacked_bytes // len(block))) + packer.flush()
    for _ in range(layers - 1):
        data = zlib.compress(data, 9)
    filters = b"/FlateDecode " * layers
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 400] /Contents 4 0 R >>",
            _stream(b"/Filter [%b]" % filters, data),
        ]
    )


def pdf_of_scan(jpeg: bytes) -> bytes:
    """A page that is one photo, as a scanner writes it."""
    width, height = Image.open(io.BytesIO(jpeg)).size
    image = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB" % (width, height)
    box = width * 72 / 150, height * 72 / 150
    return pdf(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %g %g] /Contents 4 0 R" % box
            + b" /Resources << /XObject << /I 5 0 R >> >> >>",
            _stream(b"", b"%g 0 0 %g 0 0 cm /I Do" % box),
            _stream(image + b" /BitsPerComponent 8 /Filter /DCTDecode", jpeg),
        ]
    )


def pdf_that_loops() -> bytes:
    """A page tree that holds itself."""
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>"])
