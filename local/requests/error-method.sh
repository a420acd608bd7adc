#!/bin/sh
# 405 METHOD_NOT_ALLOWED: orders are not taken back.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders" -X DELETE
