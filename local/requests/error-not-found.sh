#!/bin/sh
# 404 NOT_FOUND: no such path.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/order" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
