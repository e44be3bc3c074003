"""诉求群体: what of their figures may a wide view or an export show?"""

import polars as pl

from app import disclosure

MIN_ITEMS = 20
FEW = "样本不足"
SHOWN = ["observed", "expected", "upper_bound", "status", "n_events"]


def safe_figures(figures: pl.DataFrame, issues: pl.DataFrame) -> pl.DataFrame:
    """Figures of city and counties fit for a wide view: the large groups first; small counts hidden, small groups unsaid.

    Of every group the city's count is published; a county's is a cell below it. `is_few`: less than MIN_ITEMS.
    """
    by_group = issues.group_by("concern_group").agg(pl.col("issue_code"))
    k = {name: disclosure.threshold(*codes) for name, codes in by_group.iter_rows()}
    is_city = pl.col("place_level") == "city"
    size = pl.col("n_events").filter(is_city).sum().over("concern_group")
    rows = figures.with_columns(is_few=pl.col("n_events") < MIN_ITEMS).sort(
        is_city, size, "concern_group", "place_code", descending=[True, True, False, False]
    )
    counties = rows.filter(~is_city)
    judged_by = {name: ["observed"] for name in ("expected", "upper_bound", "status")}
    safe = disclosure.suppress(
        counties,
        measures=["observed", "n_events"],
        k=pl.Series("k", [k[name] for name in counties["concern_group"]], dtype=pl.Int64),
        within=(("concern_group",),),
        small_totals=True,
        derived=judged_by,
    )
    marks = [name + disclosure.MARK for name in SHOWN]
    return (
        pl.concat([rows.filter(is_city), safe], how="diagonal")
        .with_columns(pl.when("is_few").then(pl.lit(FEW)).otherwise(pl.col(name)).alias(name) for name in marks)
        .with_columns(pl.when(~pl.col("is_few")).then(name).alias(name) for name in SHOWN)
    )
