"""How many requests a second may one token make? A token bucket; YANPAN_API_RATE is its rate, twice that its size."""

import os
from dataclasses import dataclass, field

SETTING, RATE, MOST = "YANPAN_API_RATE", 20, 10_000


class BadSetting(Exception):
    """YANPAN_API_RATE is no such number, in one Chinese sentence."""


@dataclass
class Buckets:
    """`rate` requests a second on average, `burst` at once, for each name. For one thread: the event loop."""

    rate: float
    burst: float
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def wait(self, name: str, now: float) -> float:
        """Seconds until `name` may ask again; 0: now, and it is counted. `now`: any clock that only goes forward."""
        left, since = self._left.get(name, (self.burst, now))
        left = min(self.burst, left + (now - since) * self.rate)
        if left < 1:
            return (1 - left) / self.rate
        self._left[name] = (left - 1, now)
        return 0.0


def buckets() -> Buckets:
    """As YANPAN_API_RATE says, else RATE a second. BadSetting."""
    said = os.environ.get(SETTING, "").strip() or str(RATE)
    if not (said.isdecimal() and 1 <= int(said) <= MOST):
        raise BadSetting(
            f"环境变量 {SETTING} 是“{said}”，应为 1 到 {MOST} 的整数（每个令牌每秒几次）。请改正后重新启动。"
        )
    return Buckets(int(said), 2 * int(said))
