"""The page on reliability is that of its record, and the record has no fault that the page does not tell."""

import json

from pages import reliability

RECORD = json.loads(reliability.RECORD.read_text(encoding="utf-8"))
NONE = ("tracebacks", "too slow", "files outside", "too large", "half-written", "lost", "different afterwards")
NONE += ("old files lost", "finished and different", "temporary files left", "hangs", "outside the tolerance")


def test_the_page_is_that_of_the_record():
    assert reliability.PAGE.read_text(encoding="utf-8") == reliability.text(RECORD)


def test_nothing_that_must_not_happen_is_recorded():
    found = [
        (stage, name, key)
        for stage, rows in RECORD.items()
        for name, row in rows.items()
        for key in NONE
        if row.get(key)
    ]
    assert RECORD and found == []


def test_every_table_says_when_how_and_where_it_was_made():
    page = reliability.text(RECORD)
    tables = page.split(":::{table}")[1:]
    assert len(tables) >= len(RECORD) and all(" on 20" in part.partition("\n:::\n")[2].lower()[:200] for part in tables)
    assert all(f"`python -m benchmarks.reliability --stage {stage} --trials" in page for stage in RECORD)


def test_a_page_without_a_stage_leaves_its_section_out():
    page = reliability.text({"fuzzing": RECORD["fuzzing"]})
    assert "## Changed inputs" in page and "## Full disks" not in page and "have not been run twenty times" in page
