#!/bin/sh
# 404 NOT_FOUND: no such path.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/order"
