"""The metrics at /metrics."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
REQUESTS = Counter("floorwalker_requests", "Requests answered", ["method", "status"], registry=REGISTRY)
# Other methods are counted as one, because clients can invent any number of them.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
STREAMS = Gauge("floorwalker_streams", "Streams open now", registry=REGISTRY)
HUB_LIVE = Gauge(
    "floorwalker_hub_live", "1 while changes reach the process, at once or at intervals", registry=REGISTRY
)
SWEPT = Counter("floorwalker_swept", "Rows the sweeper acted on", ["what"], registry=REGISTRY)
DURATION = Histogram(
    "floorwalker_request_seconds",
    "Time to the first byte of an answer",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
    registry=REGISTRY,
)


@cache
def answered(method: str, status: int) -> Counter:
    """The counter of such answers, looked up once, because labels() converts its arguments to text at each call."""
    return REQUESTS.labels(method if method in _METHODS else "other", status)


def exposition() -> bytes:
    """All metrics in the text format of Prometheus."""
    return generate_latest(REGISTRY)
