#!/bin/sh
# 200: cancels an order that is open or pending; 409 NOT_CANCELLABLE once a worker has taken it. Usage: cancel.sh ORDER_ID
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/${1:?Usage: cancel.sh ORDER_ID}" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} -X DELETE
