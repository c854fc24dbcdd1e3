"""How long the store is waited for, and what holds up what."""

import asyncio
import time
from contextlib import closing

import pytest

from lightkeeper.domain.errors import LightkeeperError
from lightkeeper.store import postgresql
from lightkeeper.store.database import open_database
from lightkeeper.store.errors import TookTooLong
from lightkeeper.web import access
from lightkeeper.web.access import StoreAccess, StoreSilent

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT MAX(i) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


@pytest.fixture
def store(database_url, monkeypatch):
    """The store of an API that gives a scan half a second."""
    open_database(database_url, create=True).close()
    monkeypatch.setattr(access, "SCAN_SECONDS", 0.5)
    monkeypatch.setattr(access, "ANSWER_SECONDS", 1.2)
    monkeypatch.setattr(postgresql, "CALLER", postgresql.CALLER._replace(statement_ms=500))
    with closing(StoreAccess(database_url)) as opened:
        opened.open()
        yield opened


def test_scans_hold_up_no_other_reads(store, caplog):
    """However many there are: each is given up in time, or never begun, and nothing is logged."""

    async def failure():
        with pytest.raises(LightkeeperError) as caught:
            await store.scan(lambda database: database.rows(ENDLESS[store.dialect]))
        return type(caught.value)

    async def seconds(read):
        began = time.monotonic()
        assert 1 == await read(lambda database: database.version())
        return time.monotonic() - began

    async def side_by_side():
        scans = [asyncio.create_task(failure()) for _ in range(12)]
        await asyncio.sleep(0.1)
        took = [await seconds(read) for read in (store.read, store.read_much)]
        assert not any(scan.done() for scan in scans)
        failures = {await scan for scan in scans}
        await seconds(store.scan)
        return took, failures

    took, failures = asyncio.run(side_by_side())

    assert max(took) < 0.4
    assert {TookTooLong, StoreSilent} == failures
    assert [] == caplog.records
