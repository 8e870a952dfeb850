import pytest

from crashtool.formats.breakpad import function_block, sorted_records, symbol_file_layout


@pytest.fixture
def large(monkeypatch):
    """Small files are read as if they were large: by halves, their order judged by many samples."""
    for module in (sorted_records, function_block, symbol_file_layout):
        monkeypatch.setattr(module, "SMALL", 0)
    monkeypatch.setattr(sorted_records, "LARGE", 0)
    monkeypatch.setattr(sorted_records, "SAMPLES", 1 << 10)
    monkeypatch.setattr(symbol_file_layout, "SAMPLES", 1 << 10)
