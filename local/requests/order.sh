#!/bin/sh
# 200: an order with its events. Usage: order.sh ORDER_ID
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/${1:?Usage: order.sh ORDER_ID}" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
