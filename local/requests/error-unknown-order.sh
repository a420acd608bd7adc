#!/bin/sh
# 404 ORDER_NOT_FOUND: no such order.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/00000000-0000-0000-0000-000000000001" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
