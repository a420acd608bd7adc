#!/bin/sh
# 400 INVALID_PARAMETER: a page has 200 orders at most.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders?limit=201" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
