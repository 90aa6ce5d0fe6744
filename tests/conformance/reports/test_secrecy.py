"""No form of a report holds a token or the secret, though the backend shows them everywhere."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from conformance.backend.target import Target
from conformance.profiles import PROFILES
from conformance.reports import github
from conformance.reports.files import FILES, write_reports
from conformance.reports.terminal import print_report
from conformance.run import Plan, verify
from tests.conformance.conftest import answer, answering
from tests.conformance.reports.samples import CONTRACT

SECRET = 'p@ss "word"/ü that is long enough!'
USERS = [
    {"_id": f"60d0fe4f5311236168a109c{digit}", "userId": f"R2C000{digit}", "name": name}
    for digit, name in enumerate(("Asha", "Ben", "Cara"))
]
ONLY = frozenset({"AUTH-01", "AUTH-02", "HIST-01", "SEND-01", "SEND-09", "ERR-01", "META-01"})
QUICK = replace(PROFILES["quick"], examples=1, payloads=1, fuzzing_s=1, whole_s=30)
FORMS = (*FILES, "events.ndjson", "job summary", "annotations", "terminal")


pytestmark = pytest.mark.slow


@pytest.fixture
def told(tmp_path: Path, serve) -> tuple[dict[str, str], set[str]]:
    """Every form of the report on a backend that tells what it is told, and all tokens it heard."""
    heard: set[str] = set()

    def respond(request: bytes) -> bytes:
        tokens = re.findall(rb"(?i)authorization: bearer (\S+)", request.partition(b"\r\n\r\n")[0])
        heard.update(token.decode("latin-1") for token in tokens if token.count(b".") == 2)
        known = tokens[0].decode("latin-1") if tokens else "nobody"
        body = {"success": True, "data": [], "message": f"{known} and {SECRET}", known: [known]}
        media = f"application/json\r\nX-Heard: {known}"
        return answer(json.dumps(body).encode(), media=media)

    target = Target.of(
        {
            "target": {"url": serve(answering(respond))},
            "auth": {"secret": SECRET},
            "users": USERS,
        }
    )
    plan = Plan(CONTRACT, target, QUICK, tmp_path, seed=1, only=ONLY, patience=0.1)
    report = verify(plan)
    assert write_reports(report, tmp_path) == ()
    forms = {name: (tmp_path / name).read_text("utf-8") for name in (*FILES, "events.ndjson")}
    github.append_summary(report, tmp_path / "step")
    forms["job summary"] = (tmp_path / "step").read_text("utf-8")
    forms["annotations"] = "\n".join(it.command() for it in github.annotations(report))
    out = io.StringIO()
    print_report(report, Console(file=out, width=4000), "r2c-report")
    forms["terminal"] = out.getvalue()
    return forms, heard


def test_no_form_of_a_report_tells_a_token_or_the_secret(told):
    forms, heard = told
    assert set(forms) == set(FORMS)
    # Payloads and signatures; the head of a token says nothing.
    parts = {part for token in heard for part in token.split(".")[1:] if len(part) >= 16}
    assert len(parts) >= 6
    for name, content in forms.items():
        # What stands for a token is there: the backend did show it.
        assert re.search(r"TOKEN(_|&#95;)ASHA", content), name
        assert "SECRET" in content, name
        for part in parts:
            assert part not in content, name
        for form in (
            SECRET,
            json.dumps(SECRET)[1:-1],
            json.dumps(SECRET, ensure_ascii=False)[1:-1],
        ):
            assert form not in content, name
