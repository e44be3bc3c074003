"""Reference data: taken in whole or not at all, and said clearly when they do not fit."""

import pytest
from builders import PLACE_HEADER, add_reference

from pipelines import reference
from pipelines.config import home as open_home
from pipelines.errors import SourceError


@pytest.fixture
def office(tmp_path):
    """A folder called `reference` as an office would hand it over."""
    maker = open_home(tmp_path / "office")
    add_reference(maker)
    return maker.reference


def test_a_folder_called_reference_is_found_and_taken_in(office, empty_home):
    assert reference.folders([office.parent]) == [office] == reference.folders([office])
    said = reference.install(office, empty_home)
    assert (said["places"], said["boundaries"]) == (9, 8)
    assert reference.read_places(empty_home.reference).equals(reference.read_places(office))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("population", "人口"), "缺少列 population"),
        (lambda text: text.replace(",county,", ",县,", 1), "第 3 行 place_level 列"),
        (lambda text: text.replace("990101001,", "990101999,", 1), "区划表里没有的代码 990101001"),
        (lambda text: text.replace("3000,", "三千,", 1), "第 2 行 population 列：发现“三千”，应为数字"),
        (lambda text: text + 'a,"b\n', "不是完整的 CSV"),
    ],
)
def test_a_wrong_file_leaves_the_old_reference(office, empty_home, change, said):
    reference.install(office, empty_home)
    before = (empty_home.reference / "place.csv").read_text(encoding="utf-8")
    path = office / "place.csv"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(SourceError, match=said):
        reference.install(office, empty_home)
    assert (empty_home.reference / "place.csv").read_text(encoding="utf-8") == before


def test_a_table_saved_by_excel_in_gb18030_reads_the_same(office):
    path = office / "place.csv"
    before = reference.read_places(office)
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    assert reference.read_places(office).equals(before)


def test_a_torn_boundary_file_is_refused(office, empty_home):
    path = office / "boundary_town.geojson"
    path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    with pytest.raises(SourceError, match="不是完整的 GeoJSON"):
        reference.install(office, empty_home)
    assert not empty_home.reference.exists()


def test_an_invalid_polygon_is_mended(office):
    path = office / "boundary_town.geojson"
    text = path.read_text(encoding="utf-8")
    bow_tie = "[[[123.0, 29.0], [123.1, 29.1], [123.1, 29.0], [123.0, 29.1], [123.0, 29.0]]]"
    start, stop = text.index("[[["), text.index("]]]") + 3
    path.write_text(text[:start] + bow_tie + text[stop:], encoding="utf-8")
    mended = reference.read_boundaries(office)["geometry"][3]
    assert "Polygon" in mended


def test_without_reference_there_are_no_places_and_no_error(empty_home):
    assert reference.read_places(empty_home.reference).is_empty()
    assert reference.read_boundaries(empty_home.reference).is_empty()


def test_the_offices_own_crosswalk_comes_on_top(empty_home):
    empty_home.reference.mkdir(parents=True)
    seed = reference.read_crosswalk(empty_home.reference)
    source, path, code, _ = seed.row(0)
    own = f"source,category_raw,issue_code,valid_from\n{source},{path},9998,\nhotline,本地新类,0101,\n"
    (empty_home.reference / "crosswalk.csv").write_text(own, encoding="utf-8")
    known = {(row[0], row[1]): row[2] for row in reference.read_crosswalk(empty_home.reference).iter_rows()}
    assert known[source, path] == "9998" != code
    assert known["hotline", "本地新类"] == "0101"


def test_the_header_of_place_csv_is_the_documented_one():
    assert list(reference.PLACE_COLUMNS) == PLACE_HEADER.split(",")
