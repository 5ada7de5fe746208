"""Loaded by the emulator's Python (PYTHONPATH). Its policies are enforced, but it knows one condition key of S3 too few:
`s3:if-none-match`, on which "put if absent" rests. It is added to the request's context, from the request's header."""

from ministack.core import iam_actions

_original = iam_actions._s3_object_context


def _with_if_none_match(iam_action, query_params, path, headers):
    context = _original(iam_action, query_params, path, headers)
    value = (headers or {}).get("if-none-match")
    if iam_action == "s3:PutObject" and value is not None:
        context["s3:if-none-match"] = value
    return context


iam_actions._s3_object_context = _with_if_none_match
