"""What changes the subscriptions of a shard's connections, in Lua, so that they are counted as they change.

    KEYS of each begin with: the connection's subscriptions, the shard's access, the shard's counts

An account's limit is of a shard: a script's keys are in one, and what the limit guards is the shard's relay.
"""

from __future__ import annotations

LONGEST_CONNECTION_S = 2 * 60 * 60  # API Gateway's limit

# Counts what an account's connections have subscribed to; those of an open engine have no entry in `access`,
# and are not counted. What is counted wrongly, as subscriptions have expired before their connection was
# removed, or a version without this has removed it, is forgotten with the counts, in time.
COUNT = f"""
local function account_of(access, connection)
    local known = redis.call('HGET', access, connection)
    return known and cjson.decode(known)[2]
end
local function count(subscribed, account, change)
    if not account or change == 0 then return end
    local is_new = redis.call('EXISTS', subscribed) == 0
    local number = tonumber(redis.call('HGET', subscribed, account) or 0) + change
    if number > 0 then redis.call('HSET', subscribed, account, number)
    else redis.call('HDEL', subscribed, account) end
    if is_new then redis.call('EXPIRE', subscribed, {LONGEST_CONNECTION_S}) end
end
"""
# Store a subscription if it is new and neither its connection (1) nor its account (2) has reached its limit.
# Where the change is to be published, the relay is notified of the subscription as it is stored, and of its
# number.
SUBSCRIBE = (
    COUNT
    + """
local order, after, connection, expiry = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('HEXISTS', KEYS[1], order) == 0 then
    if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return 1 end
    local account = account_of(KEYS[2], connection)
    if account and tonumber(redis.call('HGET', KEYS[3], account) or 0) >= tonumber(ARGV[6]) then return 2 end
    redis.call('HSET', KEYS[1], order, after)
    redis.call('EXPIRE', KEYS[1], expiry)
    count(KEYS[3], account, 1)
end
if ARGV[7] == '1' then
    after = tonumber(redis.call('HGET', KEYS[1], order))
    local change = (tonumber(redis.call('GET', KEYS[5])) or 0) + 1
    redis.call('SET', KEYS[5], change, 'EX', expiry)
    redis.call('PUBLISH', KEYS[4], cjson.encode({follow = {connection, order, after}, change = change}))
end
return 0
"""
)
UNSUBSCRIBE = (
    COUNT
    + """
local removed = redis.call('HDEL', KEYS[1], ARGV[2])
count(KEYS[3], account_of(KEYS[2], ARGV[1]), -removed)
return removed
"""
)
# Remove a connection with its subscriptions.
REMOVE = (
    COUNT
    + """
count(KEYS[3], account_of(KEYS[2], ARGV[1]), -redis.call('HLEN', KEYS[1]))
redis.call('DEL', KEYS[1])
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
return 1
"""
)
# Remove a subscription, if this relay holds the lease.
FORGET = (
    COUNT
    + """
if redis.call('GET', KEYS[4]) ~= ARGV[1] then return 0 end
count(KEYS[3], account_of(KEYS[2], ARGV[2]), -redis.call('HDEL', KEYS[1], ARGV[3]))
return 1
"""
)
