"""Pages from templates."""

import gc
import weakref

import pytest
from jinja2 import Template, UndefinedError

from server.kernel.http.rendering import environment, page_of


class Row:
    name = "Ana"


def template() -> Template:
    return environment().from_string("{% macro line() %}<p>{{ row.name }}</p>{% endmacro %}{{ line() }}")


def test_a_page_keeps_none_of_its_values() -> None:
    row = Row()
    kept = weakref.ref(row)
    gc.disable()
    try:
        assert page_of(template(), {"row": row}) == "<p>Ana</p>"
        del row
        assert kept() is None
    finally:
        gc.enable()


def test_a_name_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="row"):
        page_of(template(), {})
