from contract.pointers import escaped, pointer, unescaped


def test_a_pointer_names_keys_and_indices() -> None:
    assert (
        pointer(["paths", "/a/{b}", "get", "parameters", 0]) == "/paths/~1a~1{b}/get/parameters/0"
    )


def test_the_whole_document_is_the_empty_pointer() -> None:
    assert pointer([]) == ""


def test_a_tilde_and_a_slash_survive_escaping() -> None:
    for key in ("a/b", "a~b", "~1", "~0/", "", "/"):
        assert unescaped(escaped(key)) == key
