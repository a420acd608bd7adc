#!/bin/sh
# 200: the newest that rest or wait for a worker; statuses are separated by commas.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders?status=open,pending" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"}
