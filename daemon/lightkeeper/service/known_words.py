"""The words of Lighthouse's errors that are no name of a person: what `check` may pass on."""

from http import HTTPStatus
from typing import Final

from lightkeeper.domain.answer import CallProblem

_WORDS: Final = """
    a access an and answer api async authentication be body call cannot client credentials data
    denied documents.read exceeded expired failed failure for from get given id ids in invalid is
    json key limit matched missing no object of or payload peer please rate reason received
    response ring-balancer route scope seconds server size status stream the those timed to token
    try unavailable unexpected unknown unsupported upload upstream valid validation values verify
    was while with
"""
_KNOWN_WORDS: Final = frozenset(
    [*_WORDS.split(), *(word for each in HTTPStatus for word in each.phrase.lower().split())]
)
"""Of the errors of Lighthouse and its gateway; no name of a person is among them."""


def quoted(problem: CallProblem) -> str:
    """Lighthouse's own words, if each is known: others may be a name, and this is passed on."""
    words = problem.detail.lower().split()
    if words and all(word.strip(".,:;!()") in _KNOWN_WORDS for word in words):
        return problem.detail
    return f"{problem.http_status}, with words that may name a person and are left out here"
