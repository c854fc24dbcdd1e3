"""Reads the lines of a file or a pipe in constant memory, however long a line is."""

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from lightkeeper.service.stop import Stop

_CHUNK_BYTES: Final = 65_536
_PAUSE_EVERY_SECONDS: Final = 1.0


def input_lines(stream: BinaryIO, stop: "Stop | None" = None) -> Iterator[bytes]:
    """The lines of `stream`, none of them empty; of one that is too long comes the beginning.

    With `stop`, a `PAUSE` comes before each wait for more, and every second: what was read can be
    stored meanwhile. A stop ends the lines, without one that was not read to its end.
    """
    from lightkeeper.casework.intake import MAX_LINE_BYTES

    rest, is_too_long = b"", False
    for chunk in _chunks(stream, stop):
        if not chunk:
            yield chunk
            continue
        *lines, rest = (rest + chunk).split(b"\n")
        if lines and is_too_long:
            del lines[0]
            is_too_long = False
        for line in lines:
            yield line or b"\n"
        if len(rest) > MAX_LINE_BYTES:
            if not is_too_long:
                yield rest
            rest, is_too_long = b"", True
    if rest and not is_too_long and not (stop and stop.requested):
        yield rest


def _chunks(stream: BinaryIO, stop: "Stop | None") -> Iterator[bytes]:
    """What can be read at once, again and again; with `stop` also a `PAUSE` before each wait."""
    from lightkeeper.casework.intake import PAUSE

    try:
        descriptor = stream.fileno()
    except OSError:  # a stream in memory
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
        return
    paused_at = time.monotonic()
    while True:
        if stop is not None:
            is_ready = stop.wait_for_input(descriptor, 0)
            if not is_ready or time.monotonic() - paused_at >= _PAUSE_EVERY_SECONDS:
                yield PAUSE
                paused_at = time.monotonic()
            if not is_ready and not stop.wait_for_input(descriptor):
                return
        # Not by `stream`, which may hold back what it has read.
        if not (chunk := os.read(descriptor, _CHUNK_BYTES)):
            return
        yield chunk
