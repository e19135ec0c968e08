"""Which names a template uses, followed through its loops, conditions and includes, against the types of what it is given."""

import types
from collections.abc import Iterator, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from jinja2 import nodes

from server.kernel.http import rendering

_GLOBALS = {"static", "now", "loop", "reasons", "stale_seconds"}


def unknown_names(template: str, given: Mapping[str, Any]) -> list[str]:
    """Names and fields that the template uses and `given` (name → type) has not, as `name.field`."""
    return sorted(set(_Reader().body(tree(template), dict(given))))


def tree(template: str) -> nodes.Template:
    made = rendering.environment()
    assert made.loader is not None
    return made.parse(made.loader.get_source(made, template)[0])


def options(kind: Any) -> list[Any]:
    """The types of a union but None; another type alone."""
    if get_origin(kind) in (Union, types.UnionType):
        return [one for one in get_args(kind) if one is not types.NoneType]
    return [kind]


class _Reader:
    """Walks a template with the type of each name; yields what no type has."""

    def body(self, node: nodes.Node, known: dict[str, Any]) -> Iterator[str]:
        """What stands within a node, in the order of the template: a `set` is known to what follows."""
        for child in node.iter_child_nodes():
            yield from self.statement(child, known)

    def statement(self, node: nodes.Node, known: dict[str, Any]) -> Iterator[str]:
        match node:
            case nodes.For(target=target, iter=iterated, body=inner, else_=other):
                kinds = yield from self.expression(iterated, known)
                within = dict(known)
                self.bind(target, [part for kind in kinds for part in _elements(kind)], within)
                for one in inner:
                    yield from self.statement(one, within)
                for one in other:
                    yield from self.statement(one, known)
            case nodes.Assign(target=target, node=value):
                self.bind(target, (yield from self.expression(value, known)), known)
            case nodes.With(targets=targets, values=values, body=inner):
                within = dict(known)
                for target, value in zip(targets, values, strict=True):
                    self.bind(target, (yield from self.expression(value, known)), within)
                for one in inner:
                    yield from self.statement(one, within)
            case nodes.Include(template=nodes.Const(value=str(path))):
                yield from self.body(tree(path), dict(known))
            case nodes.Expr():
                yield from self.expression(node, known)
            case _:
                yield from self.body(node, known)

    def expression(self, node: nodes.Node, known: dict[str, Any]) -> Any:
        """Yields what is unknown in it; gives the types that its value may have, Any where nobody can say."""
        match node:
            case nodes.Name(name=name):
                if name in known:
                    return options(known[name])
                if name not in _GLOBALS:
                    yield name
                return [Any]
            case nodes.Getattr(node=inner, attr=attribute):
                kinds = yield from self.expression(inner, known)
                found = [hints[attribute] for kind in kinds if attribute in (hints := _fields(kind))]
                if found or any(not is_typeddict(kind) for kind in kinds):
                    return [one for kind in found for one in options(kind)] or [Any]
                yield f"{_spelled(inner)}.{attribute}"
                return [Any]
            case nodes.Getitem(node=inner, arg=nodes.Slice()):
                return (yield from self.expression(inner, known))
            case nodes.Or(left=left, right=right) | nodes.And(left=left, right=right):
                return [
                    *(yield from self.expression(left, known)),
                    *(yield from self.expression(right, known)),
                ]
            case nodes.CondExpr(test=test, expr1=first, expr2=second):
                yield from self.expression(test, known)
                kinds = yield from self.expression(first, known)
                return [*kinds, *((yield from self.expression(second, known)) if second else ())]
            case _:
                for child in node.iter_child_nodes():
                    yield from self.expression(child, known)
                return [Any]

    def bind(self, target: nodes.Node, kinds: list[Any], known: dict[str, Any]) -> None:
        if isinstance(target, nodes.Name):
            known[target.name] = Union[tuple(kinds)] if kinds and Any not in kinds else Any  # noqa: UP007 - made here
        else:
            for one in target.find_all(nodes.Name):
                known[one.name] = Any


def _fields(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind) if is_typeddict(kind) else {}


def _elements(kind: Any) -> list[Any]:
    return options(get_args(kind)[0]) if get_origin(kind) is list else [Any]


def _spelled(node: nodes.Node) -> str:
    match node:
        case nodes.Name(name=name):
            return str(name)
        case nodes.Getattr(node=inner, attr=attribute):
            return f"{_spelled(inner)}.{attribute}"
        case _:
            return "…"
