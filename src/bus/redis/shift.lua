-- Corrects what was taken from a bucket, by the clock of the server; it may be in debt afterwards, at most of another room.
-- KEYS[1]: the bucket, as in take.lua.
-- ARGV: nanoseconds to add to the time after which it is full, below zero where too much was taken; the time in which an empty one fills.
local by, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local empty = 0
local known = redis.call('GET', KEYS[1])
if known then
  local seconds, micros, was = string.match(known, '^(%d+) (%d+) (%d+)$')
  if seconds then
    local gone = (time[1] - seconds) * 1000000000 + (time[2] - micros) * 1000
    empty = math.max(0, tonumber(was) - math.max(0, gone))
  end
end
empty = math.min(math.max(0, empty + by), 2 * room)
local keep = math.floor(empty / 1000000) + 1000
redis.call('SET', KEYS[1], string.format('%s %s %.0f', time[1], time[2], empty), 'PX', string.format('%.0f', keep))
return { 1, string.format('%.0f', empty) }
