"""The typed models of datadog-api-client, Datadog's own, as the judge of payloads."""

import functools
import json

from datadog_api_client.configuration import Configuration
from datadog_api_client.exceptions import OpenApiException
from datadog_api_client.model_utils import (
    ModelComposed,
    OpenApiModel,
    data_to_dict,
    validate_and_convert_types,
)
from datadog_api_client.v1.model.dashboard import Dashboard
from datadog_api_client.v1.model.monitor import Monitor
from datadog_api_client.v1.model.service_level_objective_request import (
    ServiceLevelObjectiveRequest,
)
from datadog_api_client.v1.model.widget import Widget

_MODELS = {
    "monitor": Monitor,
    "slo": ServiceLevelObjectiveRequest,
    "dashboard": Dashboard,
}
_CONFIGURATION = Configuration()


def complaints(kind, payload):
    """What Datadog's models do not take of a payload: none for one that they know whole."""
    if kind != "dashboard":
        return _judged(_MODELS[kind], json.dumps(payload), kind)
    # Widget by widget: they take most of the time, and most are in several payloads.
    found = list(_judged(Dashboard, json.dumps({**payload, "widgets": []}), kind))
    for at, one in enumerate(payload.get("widgets", ())):
        found += [f"{kind}.widgets[{at}]: {it}" for it in _judged(Widget, json.dumps(one), "it")]
    return found


@functools.cache
def _judged(model, text, what):
    given = json.loads(text)
    try:
        made = validate_and_convert_types(given, (model,), [what], True, True, _CONFIGURATION)
    except (OpenApiException, TypeError) as exc:  # TypeError: what it must have is not there
        return [str(exc)]
    found = list(_unknown(made, what))
    return found if found or data_to_dict(made) == given else [f"{what}: comes back different"]


def _unknown(value, path):
    """What no model has a word for: fields, values of a list, forms of a widget."""
    if isinstance(value, list):
        for at, one in enumerate(value):
            yield from _unknown(one, f"{path}[{at}]")
    if not isinstance(value, OpenApiModel):
        return
    if isinstance(value, ModelComposed):
        yield from _unknown(value.get_oneof_instance(), path)
        return
    inner = [(name, one, f"{path}.{name}") for name, one in value._data_store.items()]
    found = [f"{where}: is unknown" for name, _, where in inner if name not in value.openapi_types]
    for _, one, where in inner:
        found += _unknown(one, where)
    if value._unparsed and not found:
        found = [f"{path}: is unparsed"]
    yield from found
