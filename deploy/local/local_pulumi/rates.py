"""An organization's rate limit: so many requests in a window. Pure; the time is an argument."""

import math
from dataclasses import dataclass


@dataclass
class Rate:
    """`requests` in each window of so many `seconds`, of all of an organization's tokens together."""

    requests: int
    seconds: float
    began: float = 0.0
    served: int = 0

    def wait(self, now: float) -> int:
        """Seconds to wait, in whole ones as Retry-After has them; 0 for a request that is served."""
        if now - self.began >= self.seconds:
            self.began, self.served = now, 0
        if self.served < self.requests:
            self.served += 1
            return 0
        return max(1, math.ceil(self.began + self.seconds - now))
