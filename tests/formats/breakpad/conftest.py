import pytest

from crashtool.formats.breakpad import columns, function_block, layout


@pytest.fixture
def large(monkeypatch):
    """Small files are read as if they were large: by halves, the order judged by samples."""
    for module in (columns, function_block, layout):
        monkeypatch.setattr(module, "SMALL", 0)
    monkeypatch.setattr(columns, "LARGE", 0)
