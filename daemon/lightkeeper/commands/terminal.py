"""The process's output: harmless for the reader's terminal, whatever the text quotes."""

from typing import Any, TextIO

from lightkeeper.domain.plain_text import harmless


class HarmlessStream:
    """A text stream for a terminal.

    Characters that would steer the terminal are replaced, and so are those that its encoding does
    not have. It has no `buffer`, past which click would write UTF-8 to an ASCII terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
        self.unfiltered = stream
        """For what makes its own escape sequences, and quotes no one else."""

    def write(self, text: str) -> int:
        """Write `text`, made harmless."""
        return self.unfiltered.write(harmless(text))

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self.unfiltered, name)


def unfiltered(stream: Any) -> TextIO:
    """The stream below a `HarmlessStream`, for rich, which draws by escape sequences."""
    below: TextIO = getattr(stream, "unfiltered", stream)
    return below
