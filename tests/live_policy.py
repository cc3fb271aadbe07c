"""The policy of a running gateway, changed as its operator does it: in its file."""

import json
import os

from gateway import Gateway


def write_policy(gateway: Gateway, policy: dict) -> None:
    """Puts another policy in the place of the file's, at once and whole; the gateway notices by itself."""
    config = gateway.folder / "policy.yaml"
    written = config.with_suffix(".new")
    written.write_text(json.dumps(policy, indent=2))
    os.replace(written, config)
