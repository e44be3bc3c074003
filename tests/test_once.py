"""Worked out once for the same content, anew for any other."""

import polars as pl

from app.once import digest, once


def test_the_same_content_is_worked_out_once():
    asked = []

    @once(2)
    def total(frame: pl.DataFrame, *, by: int = 1) -> int:
        asked.append(by)
        return int(frame["n"].sum()) * by

    frame, equal = pl.DataFrame({"n": [1, 2]}), pl.DataFrame({"n": [1, 2]})
    assert [total(frame), total(equal), total(frame, by=2), total(frame)] == [3, 3, 6, 3] and asked == [1, 2]
    assert total(pl.DataFrame({"n": [1, 3]})) == 4 and asked == [1, 2, 1]
    assert total(frame, by=2) == 6 and asked == [1, 2, 1, 2], "the one asked longest ago has gone"


def test_frames_that_differ_in_anything_differ():
    frames = [
        pl.DataFrame({"n": [1, 2]}), pl.DataFrame({"n": [1, 3]}), pl.DataFrame({"m": [1, 2]}), pl.DataFrame({"n": [1, None]}),
        pl.DataFrame({"n": [1, 2]}, schema={"n": pl.Int32}), pl.DataFrame({"n": [1, 2, 2]}),
    ]  # fmt: skip
    assert len({digest(frame) for frame in frames}) == len(frames)
    assert digest(frames[0]) == digest(frames[0].clone()) == digest(frames[5].head(2))
