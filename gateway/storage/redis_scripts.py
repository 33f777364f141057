"""The operations of the Redis store as Lua scripts, each of which the server runs in one step.

Names all have one hash tag, so that one script may touch any of them in a cluster
(redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec, "Hash tags").  P is
``{gatepost}:`` unless the URL names another prefix.

While a cluster moves the slot of that tag to another node, some names are there and some here.  A
script then runs only where it finds all names in KEYS, so KEYS has every name it may create.  It
fails at the first other name that is not here, so it reaches for all of them before it writes.

    Pv:KEY    string: the value behind its head, see redis_entry
    Pi:INDEX  sorted set: the keys in an index, by the end of their lifetime
    Po:INDEX  sorted set: the same keys sorted by name, if the index is read in pages
    Pends     sorted set: every key with a limited lifetime, by its end
    Pl:NAME   string: TOKEN:END of a lock
    Ptoken    string: the last token given out

An end is the first instant that is too late, by the gateway's clock, in seconds since the epoch.
The server's own lifetimes are a little longer, and only remove what no gateway sweeps.

The order of an index is built while that is quick: when a write without an end finds 64 to 127 keys
in it.  Lists of such values, as of accounts, are read in pages; lists of sessions are not.  That of
any other index is built when its first page is read.  Each write updates it from then on.  It is
complete while both sets contain the same mark, which equals no key because it is not UTF-8.
Versions that do not know the order remove the mark from Pi:INDEX when they write, because its end
there is -inf and so in the past; then the order is built again.  An extra key in the order does no
harm, because readers look at its value.
"""

import hashlib
from functools import cache

# `head` reads the end and the indexes of the entry under a name.  `reach` fails if an index may be
# on another node of a cluster.  `forget` removes a key from its indexes.  `prune` deletes indexes
# that contain only marks.  `place` adds a key to a set, and makes the set live as long as its
# longest-lived member.
_HEAD = """
local function head(name)
  local fixed = redis.call('GETRANGE', name, 0, 9)
  if #fixed < 10 then return nil end
  local ends, size = struct.unpack('>dH', fixed)
  local rest = size > 10 and redis.call('GETRANGE', name, 10, size - 1) or ''
  local indexes, at = {}, 1
  while at <= #rest do
    local index
    index, at = struct.unpack('>Hc0', rest, at)
    indexes[#indexes + 1] = index
  end
  return ends, indexes, size
end
local function reach(prefix, indexes)
  for _, index in ipairs(indexes) do
    redis.call('EXISTS', prefix .. 'i:' .. index, prefix .. 'o:' .. index)
  end
end
local function forget(prefix, key, indexes)
  for _, index in ipairs(indexes) do
    redis.call('ZREM', prefix .. 'i:' .. index, key)
    redis.call('ZREM', prefix .. 'o:' .. index, key)
  end
end
local function prune(prefix, indexes)
  for _, index in ipairs(indexes) do
    local last = redis.call('ZREVRANGE', prefix .. 'i:' .. index, 0, 0)[1]
    if not last or string.byte(last) == 255 then
      redis.call('UNLINK', prefix .. 'i:' .. index, prefix .. 'o:' .. index)
    end
  end
end
"""
_PLACE = """
local function place(set, key, ends, ttl_ms)
  local left = redis.call('PTTL', set)
  redis.call('ZADD', set, ends, key)
  if ttl_ms == 0 then redis.call('PERSIST', set)
  elseif left == -2 or (left >= 0 and left < ttl_ms) then redis.call('PEXPIRE', set, ttl_ms) end
end
"""

# `begin` builds the order of a small index; a longer one would block other clients of the server.
_BEGIN = """
local function begin(set, order)
  local size = redis.call('ZCARD', set)
  if size < 64 or size > 127 or redis.call('EXISTS', order) == 1 then return end
  local time = redis.call('TIME')
  local mark = string.format('\\255%.0f', time[1] * 1000000 + time[2])
  redis.call('ZREMRANGEBYSCORE', set, '-inf', '-inf')
  for _, key in ipairs(redis.call('ZRANGE', set, 0, -1)) do redis.call('ZADD', order, 0, key) end
  redis.call('ZADD', set, '-inf', mark)
  redis.call('ZADD', order, 0, mark)
end
"""

# KEYS: value, ends, then index and order of each index.  ARGV: prefix, now, key, entry, end,
# milliseconds to live (0: for ever), condition on the current value ("any", "none" or "same"), the
# expected value, indexes…
PUT = (
    _HEAD
    + _PLACE
    + _BEGIN
    + """
local prefix, now, key, ttl_ms = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[6])
local ends, indexes, size = head(KEYS[1])
local alive = ends and now < ends
if ARGV[7] == 'none' and alive then return 0 end
if ARGV[7] == 'same' then
  if not alive or redis.call('GETRANGE', KEYS[1], size, -1) ~= ARGV[8] then return 0 end
end
if ends then
  reach(prefix, indexes)
  forget(prefix, key, indexes)
end
if ttl_ms == 0 then
  redis.call('SET', KEYS[1], ARGV[4])
  redis.call('ZREM', KEYS[2], key)
else
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ttl_ms)
  place(KEYS[2], key, ARGV[5], ttl_ms)
end
for i = 9, #ARGV do
  local set, order = KEYS[2 * i - 15], KEYS[2 * i - 14]
  -- What the server expired by itself is still in the index: each write removes a few.
  local late = redis.call('ZRANGEBYSCORE', set, '(-inf', ARGV[2], 'LIMIT', 0, 8)
  if #late > 0 then
    redis.call('ZREM', set, unpack(late))
    redis.call('ZREM', order, unpack(late))
  end
  if redis.call('EXISTS', order) == 1 then place(order, key, 0, ttl_ms) end
  place(set, key, ARGV[5], ttl_ms)
  if ttl_ms == 0 then begin(set, order) end
end
if ends then prune(prefix, indexes) end
return 1
"""
)

# KEYS: value, ends.  ARGV: prefix, now, key.
TAKE = (
    _HEAD
    + """
local ends, indexes, size = head(KEYS[1])
if not ends then return false end
local value = tonumber(ARGV[2]) < ends and redis.call('GETRANGE', KEYS[1], size, -1)
reach(ARGV[1], indexes)
forget(ARGV[1], ARGV[3], indexes)
prune(ARGV[1], indexes)
redis.call('UNLINK', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[3])
return value
"""
)

# KEYS: ends.  ARGV: prefix, now, the maximum of keys to delete.
SWEEP = (
    _HEAD
    + """
local late = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
for _, key in ipairs(late) do
  local name = ARGV[1] .. 'v:' .. key
  local ends, indexes = head(name)
  if ends then
    reach(ARGV[1], indexes)
    forget(ARGV[1], key, indexes)
    prune(ARGV[1], indexes)
    redis.call('UNLINK', name)
  end
end
if #late > 0 then redis.call('ZREM', KEYS[1], unpack(late)) end
return #late
"""
)

# KEYS: index, order.  ARGV: prefix, index, keys that were not found…
# If the server evicts an entry to free memory, its key stays in its indexes.
TIDY = (
    _HEAD
    + """
for i = 3, #ARGV do
  local _, indexes = head(ARGV[1] .. 'v:' .. ARGV[i])
  local listed = false
  for _, index in ipairs(indexes or {}) do listed = listed or index == ARGV[2] end
  if not listed then
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
end
return 0
"""
)

_FOLLOW = """
local function follow(set, order)
  local left = redis.call('PTTL', set)
  if left < 0 then redis.call('PERSIST', order) else redis.call('PEXPIRE', order, left) end
end
"""

# KEYS: index, order.  Returns a new mark, or false if the index is empty.
# From now on each write updates the order, so that keys added meanwhile are not missed.
MARK = (
    _FOLLOW
    + """
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local time = redis.call('TIME')
local mark = string.format('\\255%.0f', time[1] * 1000000 + time[2])
redis.call('ZADD', KEYS[1], '-inf', mark)
redis.call('ZADD', KEYS[2], 0, '\\254')
follow(KEYS[1], KEYS[2])
return mark
"""
)

# KEYS: index, order.  ARGV: mark, cursor, the number of keys to add (it may add a few more).
# Adds keys to the order and returns the next cursor.  After the last key it marks the order,
# unless an older version wrote to the index, or another gateway built the order meanwhile.
ORDER = (
    _FOLLOW
    + """
local found = redis.call('ZSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local added = {}
for i = 1, #found[2], 2 do
  if string.byte(found[2][i]) ~= 255 then
    added[#added + 1] = 0
    added[#added + 1] = found[2][i]
  end
end
if #added > 0 then redis.call('ZADD', KEYS[2], unpack(added)) end
if found[1] == '0' and redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '-inf')
  redis.call('ZADD', KEYS[1], '-inf', ARGV[1])
  redis.call('ZREMRANGEBYLEX', KEYS[2], '[\\255', '+')
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
end
follow(KEYS[1], KEYS[2])
return found[1]
"""
)

# KEYS: index, order.  ARGV: first key, maximum of keys, whether an order without mark will do.
# Returns false if the order must be built first.
LISTED = """
local mark = redis.call('ZRANGEBYLEX', KEYS[2], '[\\255', '+', 'LIMIT', 0, 1)[1]
local whole = mark and redis.call('ZSCORE', KEYS[1], mark)
if not whole and ARGV[3] == '0' and redis.call('EXISTS', KEYS[1]) == 1 then return false end
return redis.call('ZRANGEBYLEX', KEYS[2], '[' .. ARGV[1], '(\\254', 'LIMIT', 0, ARGV[2])
"""

# KEYS: lock, token.  ARGV: now, end, milliseconds to live.
# A token is at least the server's time in microseconds, which stays below 2^53, so that even a
# server that lost its data continues with greater tokens.
LOCK = """
local held = redis.call('GET', KEYS[1])
if held and tonumber(ARGV[1]) < tonumber(string.match(held, ':(.*)$')) then return false end
local time = redis.call('TIME')
local token = math.max((tonumber(redis.call('GET', KEYS[2])) or 0) + 1, time[1] * 1000000 + time[2])
token = string.format('%.0f', token)
redis.call('SET', KEYS[2], token)
redis.call('SET', KEYS[1], token .. ':' .. ARGV[2], 'PX', ARGV[3])
return token
"""

# KEYS: lock.  ARGV: token, now.
UNLOCK = """
local held = redis.call('GET', KEYS[1])
if not held then return 0 end
local token, ends = string.match(held, '^(.-):(.*)$')
if token ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return tonumber(ARGV[2]) < tonumber(ends) and 1 or 0
"""


@cache
def digest(script: str) -> str:
    """The name by which the server knows `script` once it has run."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
