import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from contract import Contract, DocumentError, load, load_rest
from tests.contract.conftest import Project

ROOT = Path(__file__).parents[2]


def test_every_name_of_the_contract_can_be_looked_up(contract: Contract) -> None:
    assert sorted(contract.operations) == [
        "listMessages",
        "sendChatMessage",
        "sendMessage",
        "updateConversationMetadata",
    ]
    assert contract.version == "1.0.0"
    assert contract.requirements["SEND-09"].binds == ("sendMessage",)


def test_the_openapi_document_keeps_its_references_and_the_asyncapi_document_has_none(
    contract: Contract,
) -> None:
    assert "'$ref': '#/components/" in str(contract.openapi)
    assert "'$ref'" not in str(contract.asyncapi)


def test_documents_of_ones_own_are_loaded_in_place_of_ours(project: Project) -> None:
    own = project.load()

    assert (list(own.operations), list(own.events), own.version) == (
        ["writeNote"],
        ["note"],
        "2.1.0",
    )


def test_our_events_go_with_an_openapi_document_that_stands_elsewhere(tmp_path: Path) -> None:
    text = (ROOT / "openapi" / "openapi.yaml").read_text("utf-8")
    narrowed = text.replace("enum: [image, video, file]", "enum: [image]")
    (tmp_path / "own.yaml").write_text(narrowed, "utf-8")
    message = {"recipientId": "60d0fe4f5311236168a109cb"}
    video = {**message, "attachment": {"type": "video", "url": "https://a.example/b.mp4"}}

    own = load(openapi=tmp_path / "own.yaml")

    assert not own.events["sendMessage"].payload.may_accept.accepts(video)
    assert load().events["sendMessage"].payload.may_accept.accepts(video)


def test_an_installed_copy_finds_its_documents_from_any_folder(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import contract; from pathlib import Path;"
        "assert Path(contract.__file__).is_relative_to(sys.argv[1]), contract.__file__;"
        "from contract.documents import home; assert home().is_relative_to(sys.argv[1]), home();"
        "overlay = home() / 'openapi' / 'overlays' / 'bare-responses.yaml';"
        "print(len(contract.load([overlay]).requirements))"
    )

    loaded = subprocess.run(
        # The folder goes before an editable install of the checkout.
        [sys.executable, "-P", "-c", program, str(site)],
        cwd=elsewhere,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert loaded.stdout.strip() == str(len(load().requirements)), loaded.stderr
    assert (site / "contract" / "py.typed").is_file()
    assert not (site / "tests").exists()
    server = site / "reference_server"
    assert (server / "control" / "openapi.yaml").is_file()
    assert (server / "scenarios" / "scenario.schema.json").is_file()
    assert len(list((server / "scenarios" / "shipped").glob("*.yaml"))) == 3


def test_a_document_by_itself_may_refer_to_a_schema_beside_it(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"$defs": {"id": {"type": "string"}}}')
    document = tmp_path / "own.yaml"
    document.write_text(
        "openapi: 3.0.4\n"
        "info: {title: Own, version: '1'}\n"
        "paths:\n"
        "  /own:\n"
        "    post:\n"
        "      operationId: own\n"
        "      requestBody:\n"
        "        content: {application/json: {schema: {$ref: 'schema.json#/$defs/id'}}}\n"
        "      responses: {'200': {description: Fine.}}\n"
    )
    own = load_rest(document, [schema])
    request = own.operations["own"].request
    assert request is not None
    assert request.validator.accepts("x")
    assert not request.validator.accepts(1)
    assert "$ref" not in json.dumps(own.document)
    with pytest.raises(DocumentError, match="points into an unknown document"):
        load_rest(document)
