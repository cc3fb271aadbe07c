"""The null model's answer, the same in every server."""

NULL_ANSWER = b"ok"
