#!/bin/sh
# 200: a page for people.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/docs" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
