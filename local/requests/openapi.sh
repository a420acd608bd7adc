#!/bin/sh
# 200: this API as an OpenAPI 3.1 document.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/openapi.json" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
