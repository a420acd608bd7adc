from __future__ import annotations

from local.reference.__main__ import documents, stale


def test_every_generated_document_is_what_the_code_says() -> None:
    assert stale() == [], "run .venv/bin/python -m local.reference"


def test_the_documents_are_those_that_clients_and_operators_read() -> None:
    names = {path.name for path in documents()}
    assert names > {"openapi.json", "README.md", ".env.example", "postman_collection.json", "submit.sh"}
