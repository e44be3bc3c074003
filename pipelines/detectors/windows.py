"""What did earlier weeks bring? Sum, mean and spread over chosen lags, for many series at once."""

from collections.abc import Sequence

import numpy as np


def checked(counts: np.ndarray, weeks: Sequence[int] | None) -> tuple[np.ndarray, np.ndarray]:
    """Counts as a float matrix (n_weeks × n_series) and the row numbers to judge (default: all).

    Raises ValueError, a Chinese sentence, for a gap, a negative count or a row outside the matrix.
    """
    y = np.ascontiguousarray(counts, dtype=float)
    if y.ndim != 2 or not np.isfinite(y).all() or (y < 0).any():
        raise ValueError("计数应是（周 × 序列）的矩阵，每格是不小于 0 的数，不能有空缺")
    rows = np.arange(len(y)) if weeks is None else np.asarray(weeks, dtype=int)
    if ((rows < 0) | (rows >= len(y))).any():
        raise ValueError(f"要判断的周应在 0 到 {len(y) - 1} 之间，收到 {rows.min()} 到 {rows.max()}")
    return y, rows


def moments(y: np.ndarray, rows: np.ndarray, lags: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (n - 1) of y at `rows` - lag over the lags; NaN where a lag leads before week 0.

    Two passes over the lags, no copy of the windows: memory stays at the size of the answer.
    """
    reaches = (rows >= max(lags))[:, None]
    mean = sum(y[np.maximum(rows - lag, 0)] for lag in lags) / len(lags)
    square = sum((y[np.maximum(rows - lag, 0)] - mean) ** 2 for lag in lags)
    spread = np.sqrt(square / (len(lags) - 1)) if len(lags) > 1 else np.full_like(mean, np.nan)
    return np.where(reaches, mean, np.nan), np.where(reaches, spread, np.nan)
