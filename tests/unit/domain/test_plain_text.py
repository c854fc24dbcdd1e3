"""What others wrote cannot steer a terminal."""

import unicodedata

import pytest

from lightkeeper.domain.plain_text import REPLACEMENT, harmless


@pytest.mark.parametrize(
    "text",
    ["", "plain\ttext\nin lines\r\n", "Größe, 日本語, العربية, 👩‍👩‍👧, é, ½", '{"a": "\\u001b"}'],
)
def test_ordinary_text_stays_as_it_is(text):
    """Tabs, line ends of both kinds, all scripts and joined emoji."""
    assert text == harmless(text)


def test_what_steers_a_terminal_is_replaced():
    """Every control character, C1 included, every bidi control, and halves of characters."""
    steering = [
        char
        for char in map(chr, [*range(0x2100), *range(0xD7F0, 0xE010)])
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(char)
        in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        or char in "\u061c\u200e\u200f"
    ]
    left = [char for char in steering if harmless(f"a{char}b") != f"a{REPLACEMENT}b"]

    assert ["\t", "\n"] == left
    assert f"ok{REPLACEMENT}FAIL" == harmless("ok\rFAIL")
    assert f"{REPLACEMENT}]0;title{REPLACEMENT}{REPLACEMENT}[2J" == harmless(
        "\x1b]0;title\a\x9b[2J"
    )
