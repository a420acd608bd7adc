#!/bin/sh
# 400 INVALID_PARAMETER: a page is of 200 orders at most.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders?limit=201"
