"""Callers of the API, in a process of their own.

`web_load.py SOCKET BEARER read CALLERS RATE SECONDS PATH LOW HIGH` asks for PATH at a steady rate,
in which {id} is drawn from LOW to HIGH; `… track COUNT BATCH FIRST_ID` tracks documents. Each
prints one JSON object.
"""

import asyncio
import json
import random
import sys
import time

WARM_SECONDS = 1.0


class Caller:
    """One connection, which is kept."""

    def __init__(self, address, bearer):
        self._address = address
        self._headers = f" HTTP/1.1\r\nHost: web\r\nAuthorization: Bearer {bearer}\r\n"

    async def __aenter__(self):
        self._reader, self._writer = await asyncio.open_unix_connection(self._address)
        return self

    async def __aexit__(self, *_):
        self._writer.close()

    async def call(self, line, body=b""):
        """Ask, and wait for the whole answer, which must be a good one."""
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self._writer.write((line + self._headers + kind + "\r\n").encode() + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 20"), head
        (size,) = [line for line in head.split(b"\r\n") if line.startswith(b"content-length")]
        await self._reader.readexactly(int(size.split(b":")[1]))


async def read(address, bearer, callers, rate, seconds, path, low, high):
    """Each caller asks at the times of its schedule, however long its last answer took."""
    callers, low, high = int(callers), int(low), int(high)
    begin, every, took = time.monotonic() + 0.3, callers / float(rate), []
    turns = int((WARM_SECONDS + float(seconds)) / every)

    async def follow(nth):
        draw = random.Random(nth)
        async with Caller(address, bearer) as caller:
            for turn in range(turns):
                at = begin + every * (turn + nth / callers)
                if (pause := at - time.monotonic()) > 0:
                    await asyncio.sleep(pause)
                await caller.call("GET " + path.format(id=draw.randint(low, high)))
                took.append((at, time.monotonic() - at))

    await asyncio.gather(*map(follow, range(callers)))
    ended = time.monotonic()
    counted = sorted(seconds for at, seconds in took if at >= begin + WARM_SECONDS)
    return {
        "a_second": len(took) / (ended - begin),
        "p50_ms": 1_000 * counted[len(counted) // 2],
        "p99_ms": 1_000 * counted[len(counted) * 99 // 100],
        "most_ms": 1_000 * counted[-1],
    }


async def track(address, bearer, count, batch, first_id):
    """Track so many documents, a batch after the other."""
    first_id, batch = int(first_id), int(batch)
    began = time.monotonic()
    async with Caller(address, bearer) as caller:
        for at in range(first_id, first_id + int(count), batch):
            documents = [
                {
                    "lighthouse_request_id": request_id,
                    "form_526_submission_id": f"s{request_id // 4}",
                    "document_type": "form_0781",
                }
                for request_id in range(at, at + batch)
            ]
            await caller.call("POST /v1/documents", json.dumps(documents).encode())
    return {"seconds": time.monotonic() - began}


if __name__ == "__main__":
    address, bearer, what, *numbers = sys.argv[1:]
    print(json.dumps(asyncio.run({"read": read, "track": track}[what](address, bearer, *numbers))))
