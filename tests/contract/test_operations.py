import pytest

from contract import Contract, DocumentError
from tests.contract.conftest import Project


def problem(project: Project) -> tuple[str, str]:
    with pytest.raises(DocumentError) as caught:
        project.load()
    return caught.value.place, caught.value.problem


def test_an_operation_is_read_whole(project: Project) -> None:
    operation = project.load().operations["writeNote"]

    assert (operation.id, operation.method, operation.path) == ("writeNote", "PUT", "/notes/{id}")
    assert [(p.name, p.location, p.required) for p in operation.parameters] == [
        ("id", "path", True)
    ]
    assert operation.request and operation.request.examples == {"default": {"text": "milk"}}
    assert sorted(operation.responses) == [200, 404]
    assert operation.responses[404].validator is None
    assert operation.success == 200
    assert operation.blame.accepts == "META-01"


def test_without_zones_a_request_is_judged_by_its_schema_alone(project: Project) -> None:
    request = project.load().operations["writeNote"].request

    assert request and request.must_accept is request.validator is request.may_accept


def test_a_parameter_of_the_operation_takes_the_place_of_the_paths(project: Project) -> None:
    project.operation["parameters"] = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
        {"name": "id", "in": "query"},
    ]

    found = project.load().operations["writeNote"].parameters

    assert [(p.location, p.validator.accepts("x")) for p in found] == [
        ("path", False),
        ("query", True),
    ]


def test_a_body_without_a_schema_may_be_anything(project: Project) -> None:
    project.operation["requestBody"]["content"]["application/json"] = {}

    request = project.load().operations["writeNote"].request

    assert request and request.validator.accepts([None])


def test_a_body_of_another_media_type_is_none_of_ours(project: Project) -> None:
    content = project.operation["requestBody"]["content"]
    content["text/plain"] = content.pop("application/json")

    assert project.load().operations["writeNote"].request is None


def test_responses_that_are_no_single_status_are_passed_over(project: Project) -> None:
    project.operation["responses"] |= {"default": {"description": ""}, "5XX": {"description": ""}}

    assert sorted(project.load().operations["writeNote"].responses) == [200, 404]


def test_an_operation_without_an_answer_of_success_is_an_error(project: Project) -> None:
    del project.operation["responses"]["200"]

    assert problem(project) == (
        "/paths/~1notes~1{id}/put/responses",
        "documents no answer of success",
    )


def test_an_operation_id_stands_once(project: Project) -> None:
    path = project.openapi["paths"]["/notes/{id}"]
    path["get"] = {"operationId": "writeNote", "responses": {"200": {"description": "x"}}}

    place, what = problem(project)

    assert what == "the operationId writeNote stands twice"
    assert place.startswith("/paths/~1notes~1{id}/")


@pytest.mark.parametrize("zone", ["x-must-accept", "x-may-accept"])
def test_a_zone_that_is_no_schema_is_named_with_its_place(project: Project, zone: str) -> None:
    project.openapi["components"]["schemas"]["Note"][zone] = {"type": "strng"}

    assert problem(project)[0].endswith(
        f"/requestBody/content/application~1json/schema/{zone}/type"
    )


def test_a_broken_schema_of_a_parameter_is_named_where_it_stands(project: Project) -> None:
    project.openapi["paths"]["/notes/{id}"]["parameters"][0]["schema"] = {"pattern": "["}

    assert problem(project)[0] == "/paths/~1notes~1{id}/parameters/0/schema/pattern"


def test_a_broken_schema_of_an_answer_is_named_where_it_stands(project: Project) -> None:
    answer = project.operation["responses"]["200"]["content"]["application/json"]
    answer["schema"] = {"enum": 5}

    assert problem(project)[0] == (
        "/paths/~1notes~1{id}/put/responses/200/content/application~1json/schema/enum"
    )


def test_each_operation_documents_the_errors_of_the_notes(contract: Contract) -> None:
    for operation in contract.operations.values():
        for status in (400, 401, 404, 500):
            answer = operation.responses[status].validator
            assert answer and answer.accepts({"success": False, "message": "No."})
            for wrong in (
                {"success": True, "message": "No."},
                {"success": False},
                {"success": False, "message": ""},
                {"message": "No."},
                "No.",
            ):
                assert not answer.accepts(wrong)


def test_an_answer_has_the_examples_of_its_headers(project: Project) -> None:
    project.operation["responses"]["404"]["headers"] = {
        "Retry-After": {"schema": {"type": "integer"}, "example": 2},
        "X-Other": {"schema": {"type": "string"}},
    }
    responses = project.load().operations["writeNote"].responses
    assert responses[404].headers == {"Retry-After": "2"}
    assert responses[200].headers == {}
