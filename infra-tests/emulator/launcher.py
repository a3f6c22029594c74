"""Serves ministack, taught what our templates ask of AWS and version 1.5.33 does not have.

Reaches into private functions of that one version, and serves no other. Ends, with every process that it started, once its
standard input closes. With `--check` it only says what it would serve, or, with exit code 1, why it would not.
"""

import json
import os
import signal
import sys
import threading
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

SUPPORTED = "1.5.33"
# Where Lambda unpacks a function's code, and what variables of functions name files by.
TASK_ROOT = "/var/task"
# The parameter of the AMI that ECS has for GPU instances; nothing boots from it here.
PUBLIC_PARAMETERS = {
    "/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id": "ami-00000000000000000",
}


def main() -> None:
    fault = what_is_missing()
    if fault is not None:
        sys.exit(fault)
    if "--check" in sys.argv:
        print(f"ministack {SUPPORTED}")
        return
    # Functions run as processes of ministack's: a group of their own is one thing to end.
    os.setpgid(0, 0)
    threading.Thread(target=end_with_starter, daemon=True).start()
    unpack_functions_to_their_own_root()
    run_functions_that_stream()
    put_public_parameters()
    take_alarms_over_several_metrics()
    take_what_nobody_asks_for()
    add_actions_of_auto_scaling()
    answer_conditions_of_policies()
    name_resources_as_aws_does()
    fill_in_tags_of_sessions()
    from ministack import app

    app.main()


def what_is_missing() -> str | None:
    try:
        installed = version("ministack")
    except PackageNotFoundError:
        return f"ministack {SUPPORTED} is not installed"
    return None if installed == SUPPORTED else f"ministack {installed} is installed, not {SUPPORTED}"


def end_with_starter() -> None:
    while sys.stdin.buffer.read(4096):
        pass
    os.killpg(0, signal.SIGKILL)


def unpack_functions_to_their_own_root() -> None:
    """Each process of a function has its code in a folder of its own: variables that name files of it must follow."""
    from ministack.core import lambda_runtime

    detect = lambda_runtime._detect_runtime_binary
    given = "Object.assign(process.env, env || {});"
    moved = f"""for (const [name, value] of Object.entries(env || {{}})) {{
        process.env[name] = value.startsWith("{TASK_ROOT}/") ? code_dir + value.slice({len(TASK_ROOT)}) : value;
      }}"""

    def detect_and_move(runtime):
        binary, script = detect(runtime)
        return binary, script.replace(given, moved)

    if given not in lambda_runtime._NODEJS_WORKER_SCRIPT:
        sys.exit("the script that runs functions is not the one that this launcher knows")
    lambda_runtime._detect_runtime_binary = detect_and_move


# What Lambda's own runtime offers to the code that it runs; here an answer is kept until it is whole.
STREAMING_RUNTIME = """
globalThis.awslambda = {
  streamifyResponse: (handler) => async (event, context) => {
    const chunks = [];
    const out = new (require("stream").Writable)({
      write(chunk, encoding, done) { chunks.push(chunk); done(); },
    });
    await handler(event, out, context);
    return { ...out.head, body: Buffer.concat(chunks).toString("utf8") };
  },
  HttpResponseStream: { from: (out, head) => Object.assign(out, { head }) },
};
"""


def run_functions_that_stream() -> None:
    """API Gateway finds them by the address of a streamed invocation, and is answered in one piece."""
    from ministack.core import lambda_runtime
    from ministack.services import apigateway_v1

    lambda_runtime._NODEJS_WORKER_SCRIPT = STREAMING_RUNTIME + lambda_runtime._NODEJS_WORKER_SCRIPT
    extract = apigateway_v1._extract_lambda_ref_from_integration_uri
    apigateway_v1._extract_lambda_ref_from_integration_uri = lambda uri: extract(
        uri.replace("/response-streaming-invocations", "/invocations")
    )


def put_public_parameters() -> None:
    """AWS's own parameters, which nobody but AWS may put."""
    from ministack.services import ssm

    refuse = ssm._reserved_name_error
    ssm._reserved_name_error = lambda name: None
    for name, value in PUBLIC_PARAMETERS.items():
        status, _, body = ssm._put_parameter({"Name": name, "Value": value, "Type": "String"})
        if status >= 400:
            sys.exit(f"{name}: {body!r}")
    ssm._reserved_name_error = refuse


def take_alarms_over_several_metrics() -> None:
    """Such an alarm is kept as one over the first of its metrics: which of them goes off is nobody's question here."""
    from ministack.services.cloudformation import provisioners

    record = provisioners._cw_metric_alarm_record

    def record_first(name, properties):
        named = [entry["MetricStat"] for entry in properties.get("Metrics", []) if "MetricStat" in entry]
        if not named:
            return record(name, properties)
        single = {key: value for key, value in properties.items() if key != "Metrics"}
        return record(name, {**single, **named[0]["Metric"], "Period": named[0]["Period"]})

    provisioners._cw_metric_alarm_record = record_first


def take_what_nobody_asks_for() -> None:
    """Saved queries and rules of X-Ray have names and no more: nobody asks the one, nothing is traced by the other."""
    from ministack.services.cloudformation import provisioners

    def create(logical_id, props, stack_name):
        return f"{stack_name}-{logical_id}", {}

    def delete(physical_id, props):
        pass

    for resource_type in ("AWS::Logs::QueryDefinition", "AWS::XRay::SamplingRule"):
        provisioners._RESOURCE_HANDLERS[resource_type] = {"create": create, "delete": delete}


def add_actions_of_auto_scaling() -> None:
    from ministack.services import autoscaling

    def suspend_processes(request):
        """Groups run no processes here, so there is nothing to stop."""
        return autoscaling._xml(200, "SuspendProcessesResponse", "")

    def terminate_instance(request):
        instance_id = autoscaling._p(request, "InstanceId")
        for group in autoscaling._asgs.values():
            kept = [each for each in group["Instances"] if each["InstanceId"] != instance_id]
            if len(kept) == len(group["Instances"]):
                continue
            if autoscaling._p(request, "ShouldDecrementDesiredCapacity") == "true":
                group["DesiredCapacity"] -= 1
            group["Instances"][:] = kept
            autoscaling._reconcile_instances(group)
            inner = "<TerminateInstanceInAutoScalingGroupResult/>"
            return autoscaling._xml(200, "TerminateInstanceInAutoScalingGroupResponse", inner)
        return autoscaling._error("ValidationError", f"No managed instance found for instance ID {instance_id}")

    autoscaling._ACTION_MAP["SuspendProcesses"] = suspend_processes
    autoscaling._ACTION_MAP["TerminateInstanceInAutoScalingGroup"] = terminate_instance


def answer_conditions_of_policies() -> None:
    """What policies ask of a request and ministack does not know, or does not have."""
    from ministack.core import iam_evaluator

    resolve = iam_evaluator._resolve_condition_key
    known = {
        # Between processes of one machine there is no TLS; policies that ask for it would refuse everybody.
        "aws:securetransport": "true",
        # Taken for false, as nothing says what was asked for.
        "ssm:overwrite": "false",
    }

    def resolve_more(key, context):
        return known.get(key.lower()) or resolve(key, context)

    iam_evaluator._resolve_condition_key = resolve_more


def name_resources_as_aws_does() -> None:
    """Stock, a request for several parameters is one for `*`, and what is asked of a service is asked of its cluster."""
    from ministack.core import iam_actions

    extract = iam_actions.extract_resource_arn

    def extract_precisely(service, method, path, headers, body, query_params, region, account_id):
        fields = json.loads(body) if service in ("ssm", "ecs") and body else {}
        if service == "ssm" and fields.get("Names"):
            return f"arn:aws:ssm:{region}:{account_id}:parameter{fields['Names'][0]}"
        named = fields.get("service") or next(iter(fields.get("services", [])), None)
        if service == "ecs" and named:
            return f"arn:aws:ecs:{region}:{account_id}:service/{fields.get('cluster')}/{named}"
        return extract(service, method, path, headers, body, query_params, region, account_id)

    iam_actions.extract_resource_arn = extract_precisely


def fill_in_tags_of_sessions() -> None:
    """Stock, a resource of a policy is taken as it is written, variables and all."""
    from ministack.core import iam_evaluator

    first_match = iam_evaluator._first_match

    def filled(resource, keys):
        for key, value in keys.items():
            if key.startswith("aws:principaltag/"):
                variable = "${aws:PrincipalTag/" + key.removeprefix("aws:principaltag/") + "}"
                resource = resource.replace(variable, str(value))
        return resource

    def first_match_filled(context, statements, effect):
        keys = context.principal_keys
        return first_match(
            context,
            [replace(each, resources=[filled(one, keys) for one in each.resources]) for each in statements],
            effect,
        )

    iam_evaluator._first_match = first_match_filled


if __name__ == "__main__":
    main()
