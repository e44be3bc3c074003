"""The demo city 安澜市: export files, reference data and the truth about what was planted in them."""

from pipelines.demo.generator import generate

__all__ = ["generate"]
