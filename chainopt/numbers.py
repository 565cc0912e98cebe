"""Numbers of any magnitude as text."""

from __future__ import annotations

import math
import sys

LONGEST_NUMBER = 10**30
LONGEST_VALUE = 160  # letters of a value in a message
MOST_DIGITS = 1e15  # beyond which a float knows no ones


def count(number: int | float) -> str:  # noqa: PYI041 -- the two are written differently
    """Write an exact count with separators, or, where that would fill the line, its order of magnitude.

    A float is a time in seconds, and is written with three digits.

    Examples
    --------
    >>> count(4840004400000), count(7 * 10**45)
    ('4,840,004,400,000', 'about 7.00e+45')
    """
    if isinstance(number, float):
        return f"{number:.3g}"
    if number < LONGEST_NUMBER:
        return f"{number:,}"
    exponent = math.floor(math.log10(number))
    leading = 10 ** (math.log10(number) - exponent)
    if f"{leading:.2f}" == "10.00":
        leading, exponent = 1.0, exponent + 1
    return f"about {leading:.2f}e+{exponent}"


def counted(number: int, one: str, several: str = "") -> str:
    """Write how many of something there are.

    Parameters
    ----------
    number : int
    one, several : str
        The singular, and the plural where it is not the singular with an s.

    Examples
    --------
    >>> counted(1, "factor"), counted(2000, "factor"), counted(2, "vertex", "vertices")
    ('1 factor', '2,000 factors', '2 vertices')
    """
    return f"{count(number)} {one if number == 1 else several or f'{one}s'}"


def amount(cost: int | float, unit: str) -> str:  # noqa: PYI041 -- as above
    """Write a cost in its unit.

    Examples
    --------
    >>> amount(24, "fused multiply-adds"), amount(1, "fused multiply-adds"), amount(1.0, "seconds")
    ('24 fused multiply-adds', '1 fused multiply-add', '1 second')
    """
    text = count(cost)
    is_one = text == "1" and not unit.startswith("as ")  # as a function of the user's counts
    return f"{text} {unit.removesuffix('s') if is_one else unit}"


def as_much(gain: float) -> str:
    """Say how a cost compares with the least one.

    Examples
    --------
    >>> as_much(1.0), as_much(1.001), as_much(2.5)
    ('the same', 'hardly more', '2.5 times as much')
    """
    text = times(gain)
    return "the same" if gain == 1 else "hardly more" if text == "1" else f"{text} times as much"


def shape_text(*sizes: int) -> str:
    """Write a shape.

    Examples
    --------
    >>> shape_text(10, 2000)
    '10x2000'
    """
    return "x".join(str(size) if size < LONGEST_NUMBER else count(size) for size in sizes)


def ratio(numerator: float, denominator: float) -> float:
    """Divide two costs of any magnitude; 0 / 0 is 1."""
    if numerator == denominator:
        return 1.0
    try:
        return numerator / denominator
    except (ZeroDivisionError, OverflowError):
        return math.inf


def times(factor: float) -> str:
    """Write a ratio with three digits.

    Examples
    --------
    >>> times(88.88), times(1.0), times(2.5e29), times(float("inf"))
    ('88.9', '1', '2.5e+29', 'infinitely many')
    """
    if math.isinf(factor):
        return "infinitely many"
    return f"{factor:,.0f}" if 100 <= factor < MOST_DIGITS else f"{factor:.3g}"


def shown(value: object) -> str:
    """Write a value as `repr` does, but on one line, shortened, and without control characters.

    Examples
    --------
    >>> shown([1, 2]), shown("x" * 500)[-9:]
    ('[1, 2]', "xxxxx...'")
    """
    try:
        text = repr(value)
    except ValueError:
        return f"a {type(value).__name__} with a number of more than {sys.get_int_max_str_digits()} digits"
    except Exception:  # noqa: BLE001 -- of somebody else's class
        return f"a {type(value).__name__}"
    if len(text) > LONGEST_VALUE:
        text = f"{text[: LONGEST_VALUE - 4]}...{text[-1]}"
    return printable(text)


def printable(text: str) -> str:
    r"""Escape what cannot be printed, so that a name or a note cannot forge lines or colors.

    Examples
    --------
    >>> printable("a\x1b[31m\nb")
    'a\\x1b[31m b'
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in " ".join(text.split()))
