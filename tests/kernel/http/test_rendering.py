"""Pages from templates."""

import gc
import weakref

import pytest
from jinja2 import DictLoader, Template, UndefinedError

from server.kernel.http.rendering import environment, page_of

TEMPLATES = {
    "macros": "{% macro line() %}<p>{{ row.name }}</p>{% endmacro %}",
    "own": "{% macro line() %}<p>{{ row.name }}</p>{% endmacro %}{{ line() }}",
    "set": "{% set kept = row %}{% macro line() %}<p>{{ kept.name }}</p>{% endmacro %}{{ line() }}",
    "imported": '{% from "macros" import line with context %}{{ line() }}',
    "included": '{% include "own" %}',
    "shared": "{% macro line(row) %}<p>{{ row.name|visible }}{{ now and '' }}</p>{% endmacro %}",
    "without context": '{% from "shared" import line %}{{ line(row) }}',
}


class Row:
    name = "Ana"


def template(name: str) -> Template:
    return environment().overlay(loader=DictLoader(TEMPLATES)).get_template(name)


@pytest.mark.parametrize("name", ["own", "set", "imported", "included", "without context"])
def test_a_page_keeps_none_of_its_values(name: str) -> None:
    found = template(name)
    gc.disable()
    try:
        for _ in range(2):  # the second page by the modules that the first one made
            row = Row()
            kept = weakref.ref(row)
            assert page_of(found, {"row": row}) == "<p>Ana</p>"
            del row
            assert kept() is None
    finally:
        gc.enable()


def test_a_name_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="row"):
        page_of(template("own"), {})
