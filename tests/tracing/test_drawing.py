"""Pictures of what runs: every operation of the passes stands in them once, and SVG is SVG."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import awkward as ak
import numpy as np
import pytest

import dualak

LISTS = ak.Array([[3.0, 4.0], [], [5.0]])
JETS = ak.Array([[{"pt": 3.0, "eta": 0.1, "n": 1}, {"pt": 4.0, "eta": 0.3, "n": 2}], []])


def pairs(jets, scale):
    a, b = ak.unzip(ak.combinations(jets, 2))
    return ak.max((1 + scale) * np.sqrt(a.pt * b.pt) * np.cosh(a.eta - b.eta), axis=1)


CASES = {
    "a sum of lists": (lambda x: np.sqrt(ak.sum(x**2, axis=1)), LISTS),
    "pairs": (pairs, JETS, 0.0),
    "a mask": (lambda x: x[x > 3.5] ** 2, LISTS),
    "several passes": (lambda x: ak.softmax(x, axis=1), LISTS),
    "nothing to do": (lambda x: x, LISTS),
    "a number": (np.sin, 1.0),
    "two results": (lambda x: (x * 2, {"a": x + 1}), LISTS),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_operation_is_drawn_once(case):
    picture = dualak.draw(*case)
    svg = ET.fromstring(picture._repr_svg_())
    texts = [part.text for part in svg if part.tag.endswith("text")]
    inputs = [text for text in texts if text[0] in "xt" and text[1:].isdigit()]
    frames = [text for text in texts if text.startswith("pass ")]
    assert len(frames) == picture.passes
    assert len(texts) == picture.operations + len(frames) + len(inputs)
    assert str(picture).count(" = ") == picture.operations
    assert str(picture.operations) in repr(picture)


def test_boxes_lie_in_the_picture_and_apart():
    svg = ET.fromstring(dualak.draw(*CASES["pairs"])._repr_svg_())
    width, height = float(svg.get("width")), float(svg.get("height"))
    boxes = [
        [float(part.get(name)) for name in ("x", "y", "width", "height")]
        for part in svg
        if part.tag.endswith("rect") and part.get("rx") == "5"
    ]
    for x, y, wide, high in boxes:
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + high <= height
    for at, (x, y, wide, _) in enumerate(boxes):
        for other, line, others, _ in boxes[at + 1 :]:
            assert y != line or x + wide <= other or other + others <= x


def test_what_the_function_looks_at_is_said():
    assert "the function looks at it" in str(dualak.draw(*CASES["a mask"]))


def test_what_moves_is_said():
    text = str(dualak.draw(lambda x: 2 * x, LISTS))
    assert text.count("value of the result") == text.count("tangent of the result") == 1


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: dualak.draw(lambda x: x[0, : int(dualak.primal(x)[0, 0])], LISTS), "depends on"),
        (lambda: dualak.draw(np.linalg.inv, np.eye(2)), "depends on"),
        (lambda: dualak.draw(lambda x: x.absent, LISTS), "cannot be recorded"),
    ],
)
def test_what_cannot_be_recorded_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_save(tmp_path):
    picture = dualak.draw(np.sin, 1.0)
    picture.save(tmp_path / "sine.svg")
    assert (tmp_path / "sine.svg").read_text() == picture._repr_svg_()


def test_a_trace_is_drawn_too():
    leaves, structure = dualak.extend.flatten((LISTS,))
    found = dualak.extend.trace(
        lambda x: np.sqrt(ak.sum(x**2, axis=1)), structure, [leaf.dtype for leaf in leaves]
    )
    texts = [part.text for part in ET.fromstring(found._repr_svg_()) if part.tag.endswith("text")]
    assert texts == ["pass 1, over 3 numbers and their lists", "x1", "multiply", "sum", "sqrt"]
