"""Token buckets: how often something may happen."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket's size, and how fast it fills again."""

    burst: int
    per_s: float


@dataclass(slots=True)
class Bucket:
    """One bucket. Times are seconds of any clock that only goes forward."""

    rate: Rate
    at_s: float
    tokens: float = field(init=False)
    refused: int = 0
    """Refusals in a row."""

    def __post_init__(self) -> None:
        self.tokens = float(self.rate.burst)

    def take(self, now_s: float) -> bool:
        """Take one token, if there is one."""
        self.tokens = min(float(self.rate.burst), self.tokens + max(0.0, now_s - self.at_s) * self.rate.per_s)
        self.at_s = now_s
        if self.tokens < 1:
            self.refused += 1
            return False
        self.tokens -= 1
        self.refused = 0
        return True

    def full(self, now_s: float) -> bool:
        """Whether forgetting this bucket would change nothing."""
        return self.tokens + max(0.0, now_s - self.at_s) * self.rate.per_s >= self.rate.burst


class Buckets:
    """A bucket for each key; full ones are forgotten, so that memory follows the present load."""

    SWEEP_AT = 10_000

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: dict[str, Bucket] = {}

    def take(self, key: str, now_s: float) -> bool:
        """Take one token of this key."""
        if len(self._buckets) >= self.SWEEP_AT:
            self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.full(now_s)}
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(self._rate, now_s)
        return bucket.take(now_s)

    def __len__(self) -> int:
        return len(self._buckets)
