"""What Schemathesis checks of us beyond its own checks, and how its requests find objects that are there.

Loaded by Schemathesis (`hooks` of schemathesis.toml). The runner, main.ts, tells by the file CONTRACT_FACTS what it seeded; the
counts of answers go to CONTRACT_TALLY, because a run in which every route answers 404 shows nothing.
"""

import atexit
import base64
import json
import os
import re
from collections import Counter, defaultdict
from pathlib import Path

import schemathesis
from accepted import accepted
from schemathesis.core import NOT_SET
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import REQUEST_SHAPE_PROBES, coverage_scenario

FACTS = json.loads(Path(os.environ["CONTRACT_FACTS"]).read_text())

# Headers that HTTP itself or the connection brings, or that every answer has whatever the route (functions/api/security-headers.ts).
SECURITY_HEADERS = {
    "cache-control",
    "content-security-policy",
    "referrer-policy",
    "strict-transport-security",
    "x-content-type-options",
}
TRANSPORT_HEADERS = {"connection", "content-length", "content-type", "date", "keep-alive", "transfer-encoding"}
UNDOCUMENTED_HEADERS = SECURITY_HEADERS | TRANSPORT_HEADERS | {"allow"}

# What a stack, a file of ours, a store or a library would betray itself by.
INSIDE = re.compile(
    "|".join(
        [
            r"\n\s+at ",
            r"\.(?:ts|mjs|js):\d+",
            r"node:internal",
            r"node_modules",
            r"ZodError|AppError|TypeError|SyntaxError",
            r"ConditionalCheckFailed|dynamodb|ValidationException",
            r"key_pepper|tenant-ports\.json",
            *(re.escape(path) for path in FACTS["insidePaths"]),
        ]
    )
)

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

calls: Counter[str] = Counter()
answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
refusals: Counter[str] = Counter()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Leads two calls of three to objects that are there, one to none; keeps those alive that the run itself stands on."""
    operation = operation_id(case.operation)
    calls[operation] += is_ordinary(case)
    to_seed = calls[operation] % 3 != 2
    aim_path(operation, case, to_seed)
    if is_positive(case, ParameterLocation.QUERY):
        shorten_wait(case)
        if to_seed:
            begin_at_the_start(case)
    if is_positive(case, ParameterLocation.HEADER):
        shorten_prefer(case)
    if is_positive(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        aim_body(operation, case, to_seed)
    if operation == "falUpload" and is_positive(case, ParameterLocation.BODY) and coverage_scenario(case) is None:
        # No made-up bytes are a picture, and no schema says what is one.
        case.body, case.media_type = PICTURE, "application/octet-stream"


def is_ordinary(case):
    """Whether the call asks for what the route is for, and not how it is asked for."""
    return case.meta is None or coverage_scenario(case) not in REQUEST_SHAPE_PROBES


def values_of(seeds):
    return {value for seed in seeds for value in seed.values()}


SEEDED = set().union(*map(values_of, FACTS["paths"].values()))


def aim_path(operation, case, to_seed):
    seeds = FACTS["paths"].get(operation)
    if not seeds or not case.path_parameters:
        return
    # What the run stands on, and what is seeded for others: a tenant that is read must not be deleted.
    spared = (SEEDED | set(FACTS["protected"])) - values_of(seeds)
    protected = not spared.isdisjoint(map(str, case.path_parameters.values()))
    # These calls are about the path itself.
    about_path = case.meta is not None and case.meta.phase.data.parameter_location == ParameterLocation.PATH
    if protected or (to_seed and not about_path):
        case.path_parameters = {**case.path_parameters, **seeds[calls[operation] % len(seeds)]}
    elif not about_path:
        # Made-up ones are often of objects that an answer named before.
        case.path_parameters = {**case.path_parameters, list(case.path_parameters)[-1]: "missing"}


def begin_at_the_start(case):
    """No made-up cursor is one that a page gave, and a list that never answers shows nothing."""
    if case.query and "cursor" in case.query:
        case.query = {name: value for name, value in case.query.items() if name != "cursor"}


def shorten_wait(case):
    """A wait of a minute is as good as one of a second here, and a paused pool makes every wait last. Some are milliseconds."""
    wait = (case.query or {}).get("wait")
    if wait not in (None, NOT_SET) and str(wait).isdigit() and int(wait) > 1:
        case.query = {**case.query, "wait": "1000" if int(wait) >= 1_000 else "1"}


def shorten_prefer(case):
    headers = case.headers or {}
    for name in headers:
        if name.lower() == "prefer" and "wait" in str(headers[name]):
            case.headers = {**headers, name: "wait=1"}


def aim_body(operation, case, to_seed):
    body = dict(case.body)
    if isinstance(body.get("port"), (int, float)):
        # The one port that the runner found free; others may be somebody's on this machine.
        body["port"] = FACTS["freePort"]
    if to_seed:
        wanted = FACTS["bodies"].get(operation, {})
        body |= {name: value for name, value in wanted.items() if name in body}
        if operation == "adminCreateTenant":
            body["id"] = f"made-{calls[operation]}"
    if body != case.body:
        case.body = body


def is_positive(case, location):
    if case.meta is None:
        return False
    component = case.meta.components.get(location)
    return component is not None and component.mode.is_positive


@schemathesis.hook
def after_call(context, case, response):
    answers[operation_id(case.operation)][str(response.status_code)] += 1


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Lets through what `accepted` names with its reason, and nothing else."""
    rules = accepted(type(failure).__name__, operation_id(case.operation), response.status_code, json_of(response))
    refusals.update(rules)
    return not rules


@schemathesis.check
def headers_are_documented(ctx, response, case):
    documented = case.operation.responses.find_by_status_code(response.status_code)
    if documented is None:
        return
    names = {name.lower() for name, _ in documented.headers.items()}
    unknown = sorted(set(response.headers) - names - UNDOCUMENTED_HEADERS)
    if unknown:
        fail(case, "Undocumented header", f"{response.status_code} has {', '.join(unknown)}")


@schemathesis.check
def answers_carry_security_headers(ctx, response, case):
    missing = sorted(SECURITY_HEADERS - set(response.headers))
    if missing:
        fail(case, "Security header missing", f"{response.status_code} lacks {', '.join(missing)}")
    cached = response.headers["cache-control"] != ["no-store"]
    if cached and not (operation_id(case.operation) in ("getOpenapi", "getDocs") and response.status_code == 200):
        fail(case, "Answer may be cached", f"{response.status_code}: {response.headers['cache-control']}")


@schemathesis.check
def answers_tell_nothing_of_the_inside(ctx, response, case):
    found = INSIDE.search(response.text)
    if found:
        fail(case, "Answer tells of the inside", f"{response.status_code} holds {found.group(0)!r}")


@schemathesis.check
def the_door_holds(ctx, response, case):
    """Who may not use a route gets the same refusal whatever is sent along."""
    door = FACTS["door"]
    if door is None or not case.operation.definition.raw.get("x-scope"):
        return
    # What stands before the door: the form of HTTP itself, the size of the body, and whether there is such a route.
    if response.status_code not in {door, 404, 405, 413, 431}:
        fail(case, "The door does not hold", f"expected {door}, got {response.status_code}")
    if response.status_code == 404 and response.json()["error"]["message"] != "There is no such path.":
        fail(case, "The door does not hold", f"expected {door}, got a look-up")


class Finding(Failure):
    """Of failures of one class Schemathesis tells only the first of each operation; of these, each that says something else."""

    @property
    def _unique_key(self):
        return f"{self.title}: {self.message}"


def fail(case, title, message):
    raise Finding(operation=case.operation.label, title=title, message=message)


def operation_id(operation):
    return operation.definition.raw["operationId"]


def json_of(response):
    try:
        return response.json()
    except ValueError:
        return None


@atexit.register
def write_tally():
    tally = {"answers": answers, "accepted": refusals}
    Path(os.environ["CONTRACT_TALLY"]).write_text(json.dumps(tally))
