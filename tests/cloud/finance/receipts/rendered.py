"""Made receipts as photos: printed with Pillow's own font, then tilted, faded, blurred and compressed."""

import io
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from tests.cloud.finance.receipts.made import Made

_WIDTH = 620
_MARGIN = 30


def printed(receipt: Made, *, size: int = 22) -> Image.Image:
    """Black on white; the font has no rupee sign and no Japanese."""
    font, title = ImageFont.load_default(size), ImageFont.load_default(size + 4)
    pitch = round(size * 1.5)
    paper = Image.new("L", (_WIDTH, pitch * (len(receipt.rows) + 3)), 255)
    pen = ImageDraw.Draw(paper)
    for index, row in enumerate(receipt.rows):
        top = pitch * (index + 1)
        left, right = (text.replace("₹", "Rs.") for text in row)
        face = title if left and left in receipt.merchant else font
        pen.text((_MARGIN, top), left, fill=20, font=face)
        if right:
            pen.text((_WIDTH - _MARGIN - font.getlength(right), top), right, fill=20, font=font)
    return paper


def photographed(receipt: Made, *, seed: int, harm: float) -> bytes:
    """A JPEG; `harm` 0 is a good photo, 1 one that a person reads with trouble."""
    draw = random.Random(f"{seed} {receipt.number}")
    paper = printed(receipt, size=draw.choice((18, 20, 22, 26)))
    paper = paper.rotate(
        draw.uniform(-2.5, 2.5) * (0.3 + harm), expand=True, fillcolor=235, resample=Image.Resampling.BICUBIC
    )
    small = 1.0 - 0.55 * harm * draw.random()
    paper = paper.resize((round(paper.width * small), round(paper.height * small)), Image.Resampling.BILINEAR)
    paper = paper.filter(ImageFilter.GaussianBlur(1.3 * harm * draw.random()))
    ink = round(150 * harm * draw.random())
    paper = paper.point(lambda value: ink + value * (235 - ink) // 255)
    grain = Image.effect_noise(paper.size, 70 * harm * draw.random() + 5)
    paper = ImageChops.add(paper, grain, scale=1, offset=-128)
    encoded = io.BytesIO()
    paper.convert("RGB").save(encoded, "JPEG", quality=round(80 - 60 * harm * draw.random()))
    return encoded.getvalue()
