"""Fixtures for what reads symbols: compiled programs."""

import pytest

from tests.toolchain import need, need_programs, run_tool


@pytest.fixture
def compile_app(tmp_path):
    """Compile a source of this name, with -O1, as `app` in the test's folder."""

    def compile_program(name, source, compiler, *options):
        need_programs(compiler)
        need("nm", "objcopy")
        (tmp_path / name).write_text(source, encoding="utf-8")
        run_tool(compiler, "-O1", *options, "-o", "app", name, cwd=tmp_path)
        return tmp_path / "app"

    return compile_program
