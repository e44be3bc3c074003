"""Detectors: complete weekly series in, the same weeks with expectation, bound and verdict out. No clock, no database."""
