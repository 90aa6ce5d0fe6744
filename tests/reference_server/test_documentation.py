from typing import Any

import pytest

from contract import load


def test_swagger_ui_shows_the_document_and_calls_this_server(rest: Any) -> None:
    page = rest("GET", "/docs/rest/")
    assert page.status_code == 200
    assert "/docs/openapi.json" in page.text
    for part in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert rest("GET", f"/docs/rest/{part}").status_code == 200
    document = rest("GET", "/docs/openapi.json").json()
    assert document["paths"].keys() == load().openapi["paths"].keys()
    assert document["servers"] == [{"url": "/"}]


def test_the_events_have_a_page_and_their_document(rest: Any) -> None:
    page = rest("GET", "/docs/events").text
    for name in load().events:
        assert f"<h2>{name} " in page
    assert rest("GET", "/docs/asyncapi.json").json()["asyncapi"].startswith("3.")


def test_the_way_in_leads_to_the_operations(rest: Any) -> None:
    assert rest("GET", "/docs").url.endswith("/docs/rest/")


@pytest.mark.parametrize("path", ["/docs/nothing", "/docs/rest/nothing.js", "/documents"])
def test_what_is_not_there_is_404_in_json(rest: Any, path: str) -> None:
    response = rest("GET", path)
    assert response.status_code == 404
    assert response.json()["success"] is False
