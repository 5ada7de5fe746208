"""Loaded by the emulator's Python (PYTHONPATH). It enforces IAM policies, with gaps in what these policies rest on:

- it knows no policy variable: `${aws:userid}` in a resource is put in here, from the caller that it resolved itself;
- it does not know S3's condition key `s3:if-none-match`: it is put into the context here, from the request's header;
- it spells the ARN of a rule on the default bus with the bus's name, and does not see which rule targets are put to: the
  ARN is made here as AWS has it (`rule/<name>`);
- it takes its own time for everybody's: once the harness has moved a stack's time on (harness/time.ts), it asks no more
  when a request was signed. The SDK learns the right time from a refusal, but not where several come at once.

Everything else about who may do what is the emulator's own."""

import json
import os
from dataclasses import replace

from ministack.core import iam_actions, iam_evaluator, sigv4

_s3_object_context = iam_actions._s3_object_context
_first_match = iam_evaluator._first_match
_extract_resource_arn = iam_actions.extract_resource_arn
_request_time_failure = sigv4.request_time_failure


def _with_if_none_match(iam_action, query_params, path, headers):
    context = _s3_object_context(iam_action, query_params, path, headers)
    value = (headers or {}).get("if-none-match")
    if iam_action == "s3:PutObject" and value is not None:
        context["s3:if-none-match"] = value
    return context


def _with_userid(ctx, stmts, effect):
    userid = ctx.principal_keys.get("aws:userid")

    def put_in(resources):
        # A variable without a value makes the statement match nothing.
        known = [one for one in resources if "${aws:userid}" not in one or userid]
        return [one.replace("${aws:userid}", userid or "") for one in known]

    told = [
        replace(stmt, resources=put_in(stmt.resources) or ["arn:aws:none"]) if stmt.resources else stmt
        for stmt in stmts
    ]
    return _first_match(ctx, told, effect)


def _with_rules(service, method, path, headers, body, query_params, region, account_id, *rest, **more):
    if service == "events":
        try:
            asked = json.loads(body or b"{}")
        except ValueError:
            asked = {}
        rule = asked.get("Rule") or asked.get("Name")
        if rule and asked.get("EventBusName", "default") == "default":
            return f"arn:aws:events:{region}:{account_id}:rule/{rule}"
    return _extract_resource_arn(service, method, path, headers, body, query_params, region, account_id, *rest, **more)


def _unless_moved(signature, **more):
    clocks = os.environ["OFFSITE_STACK_CLOCKS"]
    return None if os.path.isdir(clocks) else _request_time_failure(signature, **more)


sigv4.request_time_failure = _unless_moved
iam_actions.extract_resource_arn = _with_rules
iam_actions._s3_object_context = _with_if_none_match
iam_evaluator._first_match = _with_userid
