"""The page: what is handed in stands in it, as text, and nothing is fetched from elsewhere."""

import base64

import numpy as np

from genmodels.viz import png
from worldmodels import page

DOT = np.full((2, 2, 3), 7, np.uint8)


def test_text_is_text() -> None:
    whole = page.page("<b>", page.section("a & b", "<i>", page.table(["x", "y"], [("<u>", '"')]), page.code("<s>")))
    for raw in ("<b>", "<i>", "<u>", "<s>", "a & b"):
        assert raw not in whole
    assert "&lt;u&gt;" in whole


def test_pictures_and_videos_are_inside() -> None:
    found = page.chart(DOT, "a dot") + page.video(b"film", "a film")
    assert base64.b64encode(png(DOT)).decode() in found
    assert base64.b64encode(b"film").decode() in found
    assert 'alt="a dot"' in found


def test_a_strip_has_a_row_for_each_name_and_a_column_for_each_picture() -> None:
    found = page.strip({"real": [DOT, DOT], "dream": [DOT, DOT]}, ["now", "+1"])
    assert found.count("<tr>") == 3
    assert found.count("<img") == 4
    assert found.count('scope="col"') == 2


def test_only_the_first_row_is_set_off_where_that_is_asked() -> None:
    rows = [("a", "1"), ("b", "2")]
    assert page.table(["x", "y"], rows, first=True).count('class="first"') == 1
    assert 'class="first"' not in page.table(["x", "y"], rows)
