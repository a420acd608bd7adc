"""Documents generated from the code: OpenAPI, AsyncAPI, types, README tables, `.env.example`, requests.

    .venv/bin/python -m local.reference           write them
    .venv/bin/python -m local.reference --check   exit 1 if one is not what the code says; a test does this

openapi.py    functions/chalicelib/openapi.json, from api/wire/schemas.py and api/wire/codes.py
asyncapi.py   functions/chalicelib/asyncapi.json, of the WebSocket, from the same and closes.py
python_types.py  local/client/wire.py, types for the client library, from the OpenAPI document
tables.py     tables of functions/README.md and `.env.example`, from the same and config.py
examples.py   local/requests/*.sh and local/postman_collection.json, from one list
"""
