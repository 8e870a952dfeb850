"""The JSON schemas that are shipped, and documents held to them."""

import json
from functools import cached_property
from importlib.resources import files

import pytest


class Schema:
    """A schema by its file's name. Its checker has a compiled part, and is loaded when needed: a
    test is skipped where that part cannot be loaded.
    """

    def __init__(self, name):
        self.document = json.loads((files("crashtool.render") / name).read_text("utf-8"))

    @cached_property
    def _checker(self):
        reason = "needs a jsonschema that can be loaded here"
        jsonschema = pytest.importorskip("jsonschema", reason=reason, exc_type=ImportError)
        assert jsonschema.validators.validator_for(self.document) is jsonschema.Draft202012Validator
        return jsonschema.Draft202012Validator(self.document)

    def validate(self, document):
        self._checker.validate(document)

    def is_valid(self, document):
        return self._checker.is_valid(document)

    def assert_is_one(self):
        """Fail where it is no schema."""
        assert self._checker.check_schema(self.document) is None
