#!/bin/sh
# 200: whether all servers answer; 503 when one is unavailable.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/health" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
