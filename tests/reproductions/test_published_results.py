"""The committed comparison with the authors' runs is what its command writes from the committed records."""

from validation.published import __main__ as command
from validation.reproductions.records import HERE

RESULTS = HERE.parent / "published" / "results"


def test_the_committed_comparison_is_of_the_committed_records(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(command, "save_png", lambda figure, path: drawn.append(path.name))
    records = sorted(map(str, (HERE / "paper").glob("*.json")))
    assert command.main([*records, "--out", str(tmp_path)]) in (0, 1)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_bytes() for path in RESULTS.iterdir()}
    assert {name for name in committed if name.endswith(".png")} == set(drawn)
    assert {name: text for name, text in committed.items() if not name.endswith(".png")} == written
