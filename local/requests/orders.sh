#!/bin/sh
# 200: the newest orders.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
