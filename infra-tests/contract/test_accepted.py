import pytest
from accepted import RULES, accepted, details_of


def refusal(field, message):
    return {"error": {"message": "The request is not valid.", "param": field, "details": [{"path": field, "message": message}]}}


def test_a_refusal_is_accepted_with_its_reason():
    reasons = accepted("RejectedPositiveData", "createKey", 400, refusal("expires_at", "must be in the future"))

    assert len(reasons) == 1
    assert reasons[0].endswith("what the future is depends on the clock")


def test_a_refusal_for_one_more_thing_is_not_accepted():
    body = refusal("expires_at", "must be in the future")
    body["error"]["details"].append({"path": "label", "message": "is required"})

    assert accepted("RejectedPositiveData", "createKey", 400, body) == []


@pytest.mark.parametrize(
    ("fault", "operation", "status", "body"),
    [
        ("AcceptedNegativeData", "createKey", 400, refusal("expires_at", "must be in the future")),
        ("RejectedPositiveData", "rotateKey", 400, refusal("expires_at", "must be in the future")),
        ("RejectedPositiveData", "createKey", 500, refusal("expires_at", "must be in the future")),
        ("RejectedPositiveData", "createKey", 400, refusal("label", "must be in the future")),
        ("RejectedPositiveData", "createKey", 400, refusal("expires_at", "is required")),
        ("RejectedPositiveData", "createKey", 400, {"error": None}),
        ("RejectedPositiveData", "createKey", 400, None),
    ],
)
def test_another_fault_route_status_field_or_word_is_not_accepted(fault, operation, status, body):
    assert accepted(fault, operation, status, body) == []


def test_a_refusal_without_details_is_known_by_its_parameter():
    body = {"error": {"message": "The cursor is not valid here.", "param": "cursor"}}

    assert details_of(body) == [("cursor", "The cursor is not valid here.")]
    assert accepted("RejectedPositiveData", "listJobs", 400, body) != []


def test_every_rule_says_why():
    assert all(len(rule.why) > 10 for rule in RULES)
