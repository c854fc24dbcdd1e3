"""The picture of the on-call board in dashboards/overview.png, which `make picture` draws."""

import board_picture
import pytest
from PIL import Image


@pytest.fixture
def picture():
    """The picture as the README shows it."""
    with Image.open(board_picture.PICTURE) as found:
        found.load()
        return found


def test_it_shows_the_board_as_it_is(picture):
    """A change of the groups that it shows needs `make picture`, or is taken back."""
    assert board_picture.digest() == picture.text["Source"]


def test_it_is_small(picture):
    """As wide as the page, and below 150 kB."""
    assert ("PNG", board_picture.WIDTH) == (picture.format, picture.width)
    assert 150_000 > board_picture.PICTURE.stat().st_size
