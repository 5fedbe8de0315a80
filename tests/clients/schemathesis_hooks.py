"""What schemathesis has to know of the hub that no OpenAPI document can say. Loaded by schemathesis itself."""

import itertools
import os
import re

import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import ServerError
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree
from schemathesis.specs.openapi.checks import positive_data_acceptance, use_after_free

TURN = itertools.count()
OWN_KEY = os.environ["HUB_KEY_ID"]
A_CALL = os.environ["HUB_CALL_ID"]

# Faults of inputs that satisfy the schema, by the pointer in the answer: conditions that depend on the moment or on an
# earlier answer, which JSON Schema has no words for.
BEYOND_SCHEMAS = {
    r"/cursor": "is not a cursor of this list",
    r"/expiresAt": "must lie in the future",
    r"/since": "there is no such event yet",
    # OpenAPI 3.0 lacks propertyNames.
    r"/resources/.*": "must be a resource of the form",
}
# These pass a call on, and answer what the called operation says of an input that only its own schema describes.
GATEWAY = {"hub.call", "hub.subscribe", "template.run", "call.replay"}
# Namespaces whose inputs describe other servers: what goes together and what a header or a command may be, the hub checks
# beside the schema. Such faults name no keyword of a schema.
# So do templates name steps and bindings, which are checked against the operations that there are.
SERVICES = {"mcp", "openapi", "web", "provider", "model", "template", "call", "graph"}
# Properties by which a caller makes the hub ask another server.
ADDRESSES = ("url", "baseUrl", "tokenUrl")


@schemathesis.hook
def before_call(context, case, kwargs):  # noqa: ANN001, ANN201
    """Keeps the key that the requests are made with: once rotated or revoked, all that follows is a 401 and proves
    nothing. Other keys are fair game. And names a spoke that exists now and then: no data made up finds one."""
    valid = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if valid and case.path_parameters and "spokeId" in case.path_parameters and next(TURN) % 3 == 0:
        case.path_parameters["spokeId"] = "dev"
    # And a service that exists, but where it would be taken away.
    identity = case.operation.definition.raw.get("operationId")
    if valid and identity in {"openapi.get", "openapi.update"} and next(TURN) % 3 == 0:
        case.path_parameters["name"] = "pets"
    if valid and identity == "openapi.test" and next(TURN) % 3 == 0:
        case.body = {"name": "pets"}
    # And a call, and a template, that exist.
    if valid and case.path_parameters and "requestId" in case.path_parameters and next(TURN) % 3 == 0:
        case.path_parameters["requestId"] = A_CALL
        if identity == "call.replay":
            case.body = {"mode": "verify"}
    if valid and identity == "template.run" and next(TURN) % 3 == 0:
        case.path_parameters["name"] = "projects"
        case.body = {}
    if case.path_parameters and case.path_parameters.get("keyId") == OWN_KEY:
        case.path_parameters["keyId"] = "somebodyelse0000"
    for holder in (case.query, case.body):
        _keep_at_home(holder)


def _keep_at_home(holder) -> None:  # noqa: ANN001
    """No made-up host is asked for anything: the hub is led to this machine, where nobody listens."""
    if not isinstance(holder, dict):
        return
    for name in ADDRESSES:
        if isinstance(holder.get(name), str):
            holder[name] = re.sub(r"^(?i:(https?))://[^/?#]*", r"\1://127.0.0.1:9", holder[name])
    for inner in holder.values():
        _keep_at_home(inner)


@schemathesis.check
def valid_input_is_accepted(ctx, response, case):  # noqa: ANN001, ANN201
    """The built-in check of that sense, less the refusals for reasons that are beyond schemas."""
    try:
        return positive_data_acceptance(ctx, response, case)
    except RejectedPositiveData:
        if not _is_beyond_schemas(response, case):
            raise
    return None


@schemathesis.check
def nothing_breaks(ctx, response, case):  # noqa: ANN001, ANN201
    """The built-in check of that sense, but that no search service is configured here, which is a 501."""
    try:
        return not_a_server_error(ctx, response, case)
    except ServerError:
        if response.json().get("code") != "WEB_SEARCH_NOT_CONFIGURED":
            raise
    return None


@schemathesis.check
def deleted_is_gone(ctx, response, case):  # noqa: ANN001, ANN201
    """The built-in check of that sense, but that `DELETE /api/keys/{keyId}` revokes: the key stays readable, because
    the audit log speaks of it. That it lets nobody in any more is tested in tests/http/keys.rs."""
    try:
        return use_after_free(ctx, response, case)
    except UseAfterFree:
        if case.operation.definition.raw.get("operationId") != "key.get" or response.json()["status"] != "revoked":
            raise
    return None


def _is_beyond_schemas(response, case) -> bool:  # noqa: ANN001
    problem = response.json()
    # Made-up keys are short and come again with other inputs; which types callers may publish, the configuration says.
    # What an OpenAPI document or a page must be, its own standard says.
    if problem["code"] in {"IDEMPOTENCY_KEY_REUSED", "EVENT_TYPE_UNKNOWN", "OPENAPI_INVALID", "WEB_UNREADABLE"}:
        return True
    if case.operation.definition.raw.get("operationId") in GATEWAY:
        return problem["code"] in {"VALIDATION_ERROR", "BAD_REQUEST"}
    # Its document was given, and there is no place to read it from again.
    if case.operation.definition.raw.get("operationId") == "openapi.refresh" and problem["code"] == "BAD_REQUEST":
        return True
    faults = (problem.get("details") or {}).get("faults") or []
    # Links that schemathesis infers put values of one operation's answers into another's input, whatever its schema says.
    linked = case.meta is not None and case.meta.phase.name == "stateful"
    described = case.operation.definition.raw.get("operationId", "").split(".")[0] in SERVICES
    return bool(faults) and all(
        (linked and "keyword" in fault)
        or (described and "keyword" not in fault)
        or any(
            re.fullmatch(pointer, fault["pointer"], re.DOTALL) and fault["message"].startswith(message)
            for pointer, message in BEYOND_SCHEMAS.items()
        )
        for fault in faults
    )
