#!/bin/sh
# 200: the engine at a glance: queue, orders under way, times.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/engine" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
