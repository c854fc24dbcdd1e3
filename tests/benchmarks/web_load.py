"""Callers of the API in a process of their own: how soon each answer comes, at a steady rate.

`python web_load.py SOCKET BEARER CALLERS RATE SECONDS PATH LOW HIGH` asks for PATH, in which each
{id} is drawn from LOW to HIGH, and prints one JSON object.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from pathlib import Path

WARM_SECONDS = 1.0


def ask(address, bearer, *, callers, rate, seconds, path, ids):
    """What such a process found: answers a second, and the seconds that they took."""
    numbers = (callers, rate, seconds, path, *ids)
    command = [sys.executable, Path(__file__), address, bearer, *map(str, numbers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


async def _caller(address, bearer, path, ids, schedule, took):
    """Ask at each of these times, however long the last answer took; note the seconds since."""
    reader, writer = await asyncio.open_unix_connection(address)
    draw = random.Random(schedule[0])
    rest = f" HTTP/1.1\r\nHost: web\r\nAuthorization: Bearer {bearer}\r\n\r\n"
    for at in schedule:
        if (pause := at - time.monotonic()) > 0:
            await asyncio.sleep(pause)
        writer.write(("GET " + path.format(id=draw.randint(*ids)) + rest).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        (length,) = [line for line in head.split(b"\r\n") if line.startswith(b"content-length")]
        await reader.readexactly(int(length.split(b":")[1]))
        took.append((at, time.monotonic() - at))
    writer.close()


async def _main(address, bearer, callers, rate, seconds, path, low, high):
    callers, rate, seconds = int(callers), float(rate), float(seconds)
    begin, took = time.monotonic() + 0.2, []
    every = callers / rate
    turns = int((WARM_SECONDS + seconds) / every)
    await asyncio.gather(
        *(
            _caller(
                address,
                bearer,
                path,
                (int(low), int(high)),
                [begin + every * (turn + nth / callers) for turn in range(turns)],
                took,
            )
            for nth in range(callers)
        )
    )
    ended = time.monotonic()
    counted = sorted(seconds for at, seconds in took if at >= begin + WARM_SECONDS)
    found = {
        "a_second": len(took) / (ended - begin),
        "p50_ms": 1_000 * counted[len(counted) // 2],
        "p99_ms": 1_000 * counted[len(counted) * 99 // 100],
        "most_ms": 1_000 * counted[-1],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
