import math

import pytest

from chainopt.numbers import count, ratio, shape_text, times


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (10**30 - 1, f"{10**30 - 1:,}"),
        (10**30, "about 1.00e+30"),
        (9_999 * 10**40, "about 1.00e+44"),
        (7 * 10**45, "about 7.00e+45"),
        (10**4_000, "about 1.00e+4000"),
    ],
)
def test_counts(number, text):
    assert count(number) == text


def test_shapes():
    assert shape_text(5, 10, 2000) == "5x10x2000"
    assert shape_text(10**30, 1) == "about 1.00e+30x1"


def test_ratios():
    assert ratio(0, 0) == 1.0
    assert ratio(3, 0) == math.inf
    assert ratio(10**400, 3) == math.inf
    assert ratio(10**400, 10**399) == 10
    assert [times(factor) for factor in (1.0, 2.7349, 88.88, 123456.7, math.inf)] == [
        "1",
        "2.73",
        "88.9",
        "123,457",
        "infinitely many",
    ]
