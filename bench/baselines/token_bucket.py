"""A token bucket in a Lua script on Redis, asked by threads: URL LIMIT ASKS THREADS. Prints JSON."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import redis

# Tokens come back evenly over a day, so a run of seconds sees the bucket's size alone.
SCRIPT = """
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local max, now = tonumber(ARGV[1]), tonumber(ARGV[2])
local tokens, at = tonumber(bucket[1]) or max, tonumber(bucket[2]) or now
tokens = math.min(max, tokens + math.max(0, now - at) * max / 86400)
local admitted = tokens >= 1
if admitted then tokens = tokens - 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(math.max(now, at)))
return admitted and 1 or 0
"""


def main(url: str, limit: int, asks: int, threads: int) -> None:
    """Asks `asks` times for one tenant and counts what was admitted."""
    client = redis.Redis.from_url(url, max_connections=threads)
    take = client.register_script(SCRIPT)

    def ask(_: int) -> int:
        return int(take(keys=["bucket:tenant"], args=[limit, time.time()]))

    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        admitted = sum(pool.map(ask, range(asks)))
        seconds = time.perf_counter() - started
    sys.stdout.write(json.dumps({"admitted": admitted, "seconds": seconds}))


if __name__ == "__main__":
    main(sys.argv[1], *(int(text) for text in sys.argv[2:5]))
