import pytest

from crashtool.formats.breakpad import columns, function_block, layout


@pytest.fixture
def large(monkeypatch):
    """Small files are read as if they were large: by halves, their order judged by many samples."""
    for module in (columns, function_block, layout):
        monkeypatch.setattr(module, "SMALL", 0)
    monkeypatch.setattr(columns, "LARGE", 0)
    monkeypatch.setattr(columns, "SAMPLES", 1 << 10)
    monkeypatch.setattr(layout, "SAMPLES", 1 << 10)
