from __future__ import annotations

from local.reference.__main__ import documents, stale


def test_every_generated_document_is_up_to_date() -> None:
    assert stale() == [], "run .venv/bin/python -m local.reference"


def test_the_documents_for_clients_and_operators_are_generated() -> None:
    names = {path.name for path in documents()}
    assert names > {"openapi.json", "README.md", ".env.example", "postman_collection.json", "submit.sh"}
