#!/bin/sh
# 200: what this is, and its endpoints.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
