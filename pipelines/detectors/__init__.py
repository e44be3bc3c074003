"""Detectors: complete weekly series in, the same weeks with expectation, bound and verdict out. No clock, no database."""

from pipelines.detectors.negative_binomial import negative_binomial_exceedance

DETECTORS = {"negative_binomial": negative_binomial_exceedance}
