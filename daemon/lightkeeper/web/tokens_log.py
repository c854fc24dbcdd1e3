"""Logs what is wrong with the file of tokens: a caller only learns that it is refused."""

import structlog

from lightkeeper.config.known_tokens import Tokens

log = structlog.get_logger()


class TokensLog:
    """Looks at the file of tokens; what is wrong is logged when it begins, and seldom again."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._is_wrong = False

    def look(self) -> None:
        """Have the file read where that is due, and log what is wrong with it."""
        self._tokens.look()
        problem = self._tokens.problem
        if problem is not None:
            first, *others = problem.splitlines()
            log.warning("web.tokens.wrong", reason=first, problems=1 + len(others))
        elif self._is_wrong:
            log.info("web.tokens.read")
        self._is_wrong = problem is not None
