"""Greets whom it is asked to."""


class NobodyToGreet(Exception):
    """What a workflow's Retry and Catch know as `NobodyToGreet`."""


def handler(event, context):
    name = event.get("name")
    if not name:
        raise NobodyToGreet("The input has no name.")
    return {"greeting": f"Hello {name}"}
