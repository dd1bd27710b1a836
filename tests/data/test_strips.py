import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from birdclef_mind.data import strips
from birdclef_mind.errors import StoreError


def strip(rng, segments=3):
    facts = strips.StripFacts(
        fingerprint="abc",
        source=strips.Source("a/XC1.ogg", 12, "f00"),
        starts_s=tuple(5.0 * index for index in range(segments)),
        low=tuple(float(np.float32(value)) for value in rng.normal(size=segments)),
        width=(*[1.5] * (segments - 1), 0.0),
        loudness_dbfs=(*[-30.0] * (segments - 1), -120.0),
        clipped=(*[0.25] * (segments - 1), 0.0),
    )
    return strips.Strip(rng.integers(0, 256, (segments, 4, 7), np.uint8), facts)


@pytest.mark.parametrize("segments", [1, 2, 5])
def test_a_strip_is_read_back_exactly(rng, tmp_path, segments):
    written = strip(rng, segments)
    (tmp_path / "x.png").write_bytes(strips.encode(written))
    read = strips.read(tmp_path / "x.png")
    np.testing.assert_array_equal(read.pixels, written.pixels)
    assert read.facts == strips.read_facts(tmp_path / "x.png") == written.facts
    np.testing.assert_array_equal(read.pictures.scale.low, np.float32(written.facts.low))
    assert strips.encode(read) == strips.encode(written)


def test_the_image_is_grey_wide_and_low_at_the_bottom(rng, tmp_path):
    written = strip(rng)
    (tmp_path / "x.png").write_bytes(strips.encode(written))
    image = Image.open(tmp_path / "x.png")
    assert (image.mode, image.size) == ("L", (21, 4))
    np.testing.assert_array_equal(np.asarray(image)[-1, 7:14], written.pixels[1, 0])


def test_quiet_or_flat_segments_are_silent(rng):
    assert strip(rng).facts.silent == (False, False, True)


def damaged(content, kind):
    if kind == "cut":
        return content[: len(content) // 2]
    if kind == "flipped":
        place = content.index(b"IDAT") + 12
        return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
    return b"no picture"


@pytest.mark.parametrize("kind", ["cut", "flipped", "text"])
def test_a_damaged_picture_is_refused(rng, tmp_path, kind):
    (tmp_path / "x.png").write_bytes(damaged(strips.encode(strip(rng, 30)), kind))
    with pytest.raises(StoreError, match=r"x\.png"):
        strips.read(tmp_path / "x.png")


def test_a_single_bit_that_matters_is_noticed(rng, tmp_path):
    """Any bit turned over is refused, but for those of the last, empty part, which change nothing."""
    whole = strip(rng, 3)
    content = strips.encode(whole)
    refused = 0
    for place in [*range(0, len(content), 37), *range(len(content) - 60, len(content))]:
        (tmp_path / "x.png").write_bytes(
            content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]
        )
        try:
            read = strips.read(tmp_path / "x.png")
        except StoreError:
            refused += 1
        else:
            np.testing.assert_array_equal(read.pixels, whole.pixels)
            assert read.facts == whole.facts
    assert refused > len(content) // 37


@pytest.mark.parametrize(
    "chunk", [None, "null", "[]", "{", '{"format": 99}', '{"format": 2, "starts_s": [0], "low": ["x"]}']
)
def test_a_picture_without_its_facts_is_refused(tmp_path, chunk):
    text = PngImagePlugin.PngInfo()
    if chunk is not None:
        text.add_itxt(strips.CHUNK, chunk)
    Image.new("L", (4, 4)).save(tmp_path / "x.png", pnginfo=text)
    with pytest.raises(StoreError, match="expected a picture of this store"):
        strips.read_facts(tmp_path / "x.png")


def test_a_missing_picture_is_refused(tmp_path):
    with pytest.raises(StoreError, match="missing"):
        strips.read(tmp_path / "x.png")


def test_facts_that_do_not_fit_the_image_are_refused(rng, tmp_path):
    written = strip(rng, 3)
    text = PngImagePlugin.PngInfo()
    (tmp_path / "x.png").write_bytes(strips.encode(written))
    text.add_itxt(strips.CHUNK, Image.open(tmp_path / "x.png").text[strips.CHUNK])
    Image.new("L", (20, 4)).save(tmp_path / "x.png", pnginfo=text)
    with pytest.raises(StoreError, match="expected 3 segments side by side"):
        strips.read(tmp_path / "x.png")
