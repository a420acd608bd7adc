#!/bin/sh
# 400 INVALID_ORDER_ID: not a UUID.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/1" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
