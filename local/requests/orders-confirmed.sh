#!/bin/sh
# 200: the ten newest of one status; add &cursor= and the answer's `next` for the page after.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders?limit=10&status=confirmed" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
