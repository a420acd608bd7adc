#!/bin/sh
# 200: what this is, and its endpoints.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/"
