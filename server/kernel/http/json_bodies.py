"""The JSON bodies of the agent API: the types of their values, and how a body is read or refused in words."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import CoreSchema

from server.errors import Fault, Invalid, faults
from server.kernel.http import exact_json

MOST_ITEMS = 100  # of a list in one body
_NO_TEXT = "has characters that are no text (NUL or a lone surrogate)"
_OBJECT_OR_LIST = "expected an object or a list of objects"


@dataclass(frozen=True, slots=True)
class Documented:
    """Adds keywords of JSON Schema to a type, for the OpenAPI document."""

    keywords: dict[str, Any]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(core) | self.keywords

    def __hash__(self) -> int:
        return hash(tuple(self.keywords))


def _storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(_NO_TEXT) from None
    if "\x00" in text:
        raise ValueError(_NO_TEXT)
    return text


def _storable_json(value: Any) -> Any:
    match value:
        case str():
            _storable(value)
        case dict():
            for name, inner in value.items():
                _storable(name)
                _storable_json(inner)
        case list():
            for inner in value:
                _storable_json(inner)
    return value


def _whole(value: Any) -> Any:
    """In JSON Schema and JavaScript, 14821.0 is the integer 14821."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[str, AfterValidator(_storable), Documented({"pattern": r"^[^\u0000]*$"})]
Json = Annotated[JsonValue, AfterValidator(_storable_json)]
JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_storable_json)]
Moment = AwareDatetime
Percent = Annotated[float, Field(ge=0, le=100)]
WHOLE = BeforeValidator(_whole)  # an annotation of int; it must be the last one


class Model(BaseModel):
    """A body or an answer. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, from_attributes=True)


class Wrong(Invalid):
    """A body that its model refuses; `faults` has each place and reason."""

    def __init__(self, found: list[Fault]) -> None:
        super().__init__("; ".join(map(str, found[:3])))
        self.faults = found


class JsonBody:
    """Reads the bodies of one call.

    Where one object or a list is accepted, the first character of the body decides which model reads it. Otherwise the
    errors of a wrong object would also say that it is not a list.
    """

    def __init__(self, model: type[BaseModel], *, many: bool, exact: bool) -> None:
        self._exact = exact
        self._one: TypeAdapter[Any] = TypeAdapter(model)
        self._list: TypeAdapter[Any] | None = None
        if many:
            items = Annotated[list[model], Field(min_length=1, max_length=MOST_ITEMS)]  # type: ignore[valid-type]
            self._list = TypeAdapter(items)

    def read(self, raw: bytes) -> Any:
        """The model, or a list of models. Wrong or Invalid with words for the client."""
        if self._exact:
            exact_json.check(raw)
        is_list = self._list is not None and raw.lstrip(b" \t\r\n").startswith(b"[")
        adapter = self._list if self._list is not None and is_list else self._one
        try:
            return adapter.validate_json(raw, strict=True)
        except ValidationError as error:
            found = faults(error)
            if self._list is not None and not is_list and found[0].path == "" and _is_no_object(error):
                found = [Fault("", _OBJECT_OR_LIST)]
            raise Wrong(found) from None

    def schema(self, reference: dict[str, str]) -> dict[str, Any]:
        """The JSON Schema of a body; `reference` refers to the model."""
        if self._list is None:
            return reference
        items = {"type": "array", "items": reference, "minItems": 1, "maxItems": MOST_ITEMS}
        return {"anyOf": [reference, items]}


def _is_no_object(error: ValidationError) -> bool:
    return error.errors(include_url=False, include_input=False)[0]["type"] == "model_type"
