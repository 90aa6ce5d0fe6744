"""The contract, with a test for each of its requirements."""

from conformance import Verify, requirements

test_contract = requirements()


def test_chat_keeps_the_contract_to_the_letter(r2c_verify: Verify) -> None:
    """A run of its own, where what is good practice counts too."""
    report = r2c_verify("CHAT", strict=True)
    assert report.verdict == "conformant", str(report)
