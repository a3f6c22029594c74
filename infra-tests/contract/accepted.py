"""Refusals of requests that fit the document: rules that JSON Schema cannot say. Nothing else is let through.

Each row names what Schemathesis calls the fault, the routes, the status, the field that the answer must name and what the
answer must say of it, and why that is right. A row without a route's name holds on no other route.
"""

import re
from dataclasses import dataclass

FIT = "RejectedPositiveData"

CURSORS = (
    "listJobs listKeys listDeliveries adminListTenants adminListKeys adminListPlans adminListAliases adminListJobs "
    "adminListLedger"
)
LIMITS = "adminCreateTenant adminUpdateTenant adminPutPlan"
OPENAI = "createChatCompletion createCompletion createImage"
RUNPOD = "runpodRun runpodRunSync"
SIMPLE = "generate"
FAL = "falRun falStream falSubmit falUpload"
REPLICATE = "replicateCreatePrediction replicateCreateModelPrediction replicateCreateDeploymentPrediction"


@dataclass(frozen=True)
class Accepted:
    fault: str
    operations: str
    status: int
    field: str
    says: str
    why: str

    def fits(self, fault, operation, status, path, text):
        return (
            fault == self.fault
            and operation in self.operations.split()
            and status == self.status
            and re.fullmatch(self.field, path) is not None
            and re.search(self.says, text) is not None
        )


RULES = [
    Accepted(
        FIT, CURSORS, 400, "cursor", "not valid here",
        "a cursor is opaque: only one that a page gave is one",
    ),
    Accepted(
        FIT, f"submitJob {RUNPOD}", 400, r"input(\..*)?", ".",
        "`input` is described by the model (GET /v1/models/{id}), which a document for all models cannot know",
    ),
    Accepted(
        FIT, "submitJob", 400, "quality", "has no qualit",
        "which qualities there are is the model's to say",
    ),
    Accepted(
        FIT, f"submitJob warmUpModel createBatch {OPENAI} {RUNPOD} {SIMPLE}", 422, "idempotency-key", "another body",
        "whether a key was used before, and with which body, depends on the requests before",
    ),
    Accepted(
        FIT, f"submitJob createWebhook {RUNPOD}", 400, r"(webhook\.)?url|webhook", ".",
        "which addresses may be reached is the guard's to say (docs/egress.md)",
    ),
    Accepted(
        FIT, REPLICATE, 422, r"input(\..*)?|idempotency-key", ".",
        "what goes to the model is described by the model; keys and prompts as of submitJob",
    ),
    Accepted(
        FIT, REPLICATE, 422, "webhook|cancel-after", ".",
        "which addresses may be reached is the guard's to say; a pattern cannot bound a duration",
    ),
    Accepted(
        FIT, FAL, 422, ".*", ".",
        "the whole body is the input, which is described by the model; keys, addresses and prompts as of submitJob",
    ),
    Accepted(
        FIT, "replicateListPredictions", 422, "cursor", "not valid here",
        "a cursor is opaque: only one that a page gave is one",
    ),
    Accepted(
        FIT, f"{OPENAI} {SIMPLE}", 400, ".+", ".",
        "what goes to the model is described by the model, and parameters of the original that do nothing here are refused",
    ),
    Accepted(
        FIT, f"{OPENAI} {SIMPLE}", 422, ".*", "tokens|rule",
        "what a prompt may be depends on its model and on the tenant's policy",
    ),
    Accepted(
        FIT, "followJob", 400, "last-event-id", "no event of this job",
        "which events a job had is the job's to say",
    ),
    Accepted(
        FIT, "replicateStreamPrediction", 422, "last-event-id", "no event of this job",
        "which events a job had is the job's to say",
    ),
    Accepted(
        FIT, "submitJob", 400, r"adapters(\..*)?", "takes|no such adapter|named twice|is for the model",
        "which adapters there are, and how many a model takes, no document for all tenants and models can know",
    ),
    Accepted(
        FIT, "listFiles listBatches", 400, "after", "id of an object",
        "only an id of the list's own kind can stand in it",
    ),
    Accepted(
        FIT, "createFile", 400, "bytes", "for a picture",
        "how large a file may be depends on its purpose",
    ),
    Accepted(
        FIT, "createFile", 400, r"expires_after\[seconds\]", "expected number to be",
        "fields of a form are texts, whose schema cannot bound a number",
    ),
    Accepted(
        FIT, "createFile", 400, r"file(\.filename)?|^$", ".",
        "that a file of a form has a name and bytes its schema cannot say",
    ),
    Accepted(
        FIT, "createAdapter", 400, "model", "takes no adapters",
        "which models take adapters is the catalogue's to say",
    ),
    Accepted(
        FIT, "createKey adminCreateKey", 400, "expires_at", "in the future",
        "what the future is depends on the clock",
    ),
    Accepted(
        FIT, "createKey adminCreateKey adminSetGrants adminCreateTenant", 400, r"models\.\d+", "no such model|not granted",
        "which models there are is the catalogue's to say",
    ),
    Accepted(
        FIT, "adminCreateTenant adminUpdateTenant", 400, "plan", "no such plan",
        "which plans there are is the operator's to say",
    ),
    Accepted(
        FIT, "submitJob", 400, "cache", "seed",
        "a relation of `cache` and the model's own input",
    ),
    Accepted(
        FIT, f"submitJob {RUNPOD}", 422, r"input\..*", "tokens|rule",
        "what a prompt may be depends on its model and on the tenant's policy",
    ),
    Accepted(
        FIT, LIMITS, 400, ".*", "must not be above",
        "a relation of two limits, across the request, the plan and the tenant",
    ),
    Accepted(
        FIT, "adminPutAlias", 400, r"versions\.\d+\.version", "no such version",
        "which versions a family has is the catalogue's to say",
    ),
    Accepted(
        FIT, "adminPutAlias", 400, r"versions\.\d+\.version", "named twice",
        "one version may come once, whatever else a row says: `uniqueItems` compares whole rows",
    ),
    Accepted(
        FIT, LIMITS, 400, "isolation", "needs gpu_memory_gb",
        "a relation of two limits, across the request, the plan and the tenant",
    ),
    Accepted(
        FIT, "adminGetCosts adminCloseCosts", 400, "month", "must not be later",
        "which months have begun or ended depends on the clock",
    ),
    Accepted(
        FIT, "createKey adminCreateKey", 400, "scopes", "operator's own tenant|your own key",
        "which scopes a key may have depends on the tenant and on the key that asks",
    ),
    Accepted(
        FIT, "getUsage adminGetUsage", 400, "from|to", "13 calendar months|before",
        "a relation of two times, one of which may be the clock's",
    ),
    Accepted(
        FIT, "adminCreateTenant", 400, "port", "something else listens",
        "a port may be taken",
    ),
    Accepted(
        FIT, "adminRefundJob", 400, "usd_micros", "must not be above the charge",
        "what a job was charged is in its record",
    ),
    Accepted(
        FIT, "adminPutPromptPolicy", 400, r"terms\.\d+", "a letter or a digit",
        "letters of every script: a class that not every reader of JSON Schema patterns knows",
    ),
]


def accepted(fault, operation, status, body):
    """The rules by which this failure is none; empty unless each part of the answer falls under one."""
    found = []
    for path, text in details_of(body):
        fitting = [rule for rule in RULES if rule.fits(fault, operation, status, path, text)]
        if not fitting:
            return []
        found.append(f"{operation} {status} {fitting[0].field}: {fitting[0].why}")
    return sorted(set(found))


def details_of(body):
    """Path and words of each fault that the answer names; of the answer itself where it lists none."""
    # A stream of events is a list.
    error = (body.get("error") if isinstance(body, dict) else None) or {}
    details = [(each["path"], each["message"]) for each in error.get("details", [])]
    return details or ([(error["param"], error.get("message", ""))] if error.get("param") else [])
