"""Each query must be about the one environment of variables.json: staging pages no one for prod.

Write `env:${env}` into each scope, and no environment by name. A service check without `.over`
has no scope: it is about every environment.
"""

from collections.abc import Iterator

from lightkeeper.alerting.lint.rules import Finding
from lightkeeper.alerting.lint.subject import Subject
from lightkeeper.alerting.query.syntax import All, QueryScope, ServiceCheckAlert, Tag


def check(subject: Subject) -> Iterator[Finding]:
    wanted = Tag(f"env:{subject.assets.variables['env']}".lower())
    scopes = [_required(query.scope) for query in subject.queries]
    if isinstance(subject.query, ServiceCheckAlert) and subject.query.over:
        scopes.append({Tag(text) for text in subject.query.over})
    typed = "env:" in subject.written_queries.replace("env:${env}", "")
    if typed or any(wanted not in scope for scope in scopes):
        yield subject.place, "write env:${env} into each scope, and no other env"


def _required(scope: QueryScope) -> set[QueryScope]:
    """What holds for everything that the scope matches."""
    if isinstance(scope, All):
        return set().union(*map(_required, scope.scopes))
    return {scope}
