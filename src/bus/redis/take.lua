-- Takes one step from a bucket that fills evenly (GCRA), by the clock of the server.
-- KEYS[1]: the bucket: "seconds microseconds empty", where empty is the time in nanoseconds after which it is full.
-- ARGV: the time in which one step comes back, and the time in which an empty bucket fills, in nanoseconds.
-- Answers {1, empty} where the step was taken, {0, empty} where it was not. All numbers are whole and below 2^53.
local step, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local empty = 0
local known = redis.call('GET', KEYS[1])
if known then
  local seconds, micros, was = string.match(known, '^(%d+) (%d+) (%d+)$')
  if seconds then
    local gone = (time[1] - seconds) * 1000000000 + (time[2] - micros) * 1000
    -- Another server may have another clock: time never runs backwards here.
    empty = math.max(0, tonumber(was) - math.max(0, gone))
  end
end
if empty + step > room then
  return { 0, empty }
end
empty = empty + step
-- A bucket that is full again need not be kept.
local keep = math.floor(empty / 1000000) + 1000
redis.call('SET', KEYS[1], string.format('%s %s %.0f', time[1], time[2], empty), 'PX', string.format('%.0f', keep))
return { 1, empty }
