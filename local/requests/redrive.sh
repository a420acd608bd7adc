#!/bin/sh
# 200: gives failed orders a new set of attempts; of others it says why not.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/dead-letters/redrive" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -d '{"orderIds": ["00000000-0000-0000-0000-000000000001"]}'
