#!/bin/sh
# 405 METHOD_NOT_ALLOWED: orders can't be replaced.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} -X PUT
