"""What Prometheus reads at /metrics."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
REQUESTS = Counter("floorwalker_requests", "Requests answered", ["method", "status"], registry=REGISTRY)
STREAMS = Gauge("floorwalker_streams", "Streams open now", registry=REGISTRY)
HUB_LIVE = Gauge("floorwalker_hub_live", "1 while rings arrive", registry=REGISTRY)
SWEPT = Counter("floorwalker_swept", "Rows the sweeper acted on", ["what"], registry=REGISTRY)
DURATION = Histogram(
    "floorwalker_request_seconds",
    "Time to the first byte of an answer",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
    registry=REGISTRY,
)


def exposition() -> bytes:
    """All of it in Prometheus' text format."""
    return generate_latest(REGISTRY)
