"""A test of the team's own, beside those of the contract."""

import requests

from reference_server import RunningServer


def test_the_documentation_is_served(backend: RunningServer) -> None:
    page = requests.get(f"{backend.url}/docs/rest/", timeout=5)
    assert page.status_code == 200
