#!/bin/sh
# 200: orders that failed for good, and messages without an order.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/dead-letters?limit=20" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
