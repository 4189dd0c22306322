-- Errors raised and caught in every way that Lua has: each is a longjmp in C.

print("caught", pcall(error, "plain"))
print("number", pcall(error, 42))
print("nil", pcall(error))

local object = setmetatable({ code = 7 }, { __tostring = function(e) return "object " .. e.code end })
local ok, e = pcall(function() error(object) end)
print(ok, tostring(e), e == object, e.code)

local function nest(depth)
  if depth == 0 then error({ depth = 0 }) end
  local ok, e = pcall(nest, depth - 1)
  assert(not ok)
  e.depth = e.depth + 1
  error(e)
end
local _, deepest = pcall(nest, 100)
print("nested", deepest.depth)

print("handler", xpcall(function() local x = nil; return x.field end, function(m) return "handled: " .. m end))
print("arithmetic", select(2, pcall(function() return 1 + {} end)))
print("compare", select(2, pcall(function() return 1 < "2" end)))
print("call", select(2, pcall(function() return ("x")() end)))
print("syntax", load("return +"))
print("zero", select(2, pcall(function() return 1 // 0 end)))
print("deep", (select(2, pcall(function() local function f() return 1 + f() end; return f() end)):match("stack overflow")))
print("sort", (select(2, pcall(table.sort, { 3, 1, 2 }, function() error("no order") end))))
print("gsub", (select(2, pcall(string.gsub, "abc", "b", function() error("no text", 0) end))))

local co = coroutine.create(function(a)
  local b = coroutine.yield(a + 1)
  local ok, e = pcall(function() coroutine.yield(b * 2); error("inside", 0) end)
  coroutine.yield(e)
  error("the end", 0)
end)
print(coroutine.resume(co, 1))
print(coroutine.resume(co, 10))
print(coroutine.resume(co))
print(coroutine.resume(co))
print(coroutine.status(co), coroutine.resume(co))

local wrapped = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(wrapped(), wrapped(), wrapped())

do
  local closed = {}
  local function closer(name) return setmetatable({}, { __close = function(_, e) closed[#closed + 1] = name .. ":" .. tostring(e) end }) end
  pcall(function()
    local a <close> = closer("a")
    local b <close> = closer("b")
    error("left", 0)
  end)
  print("closed", table.concat(closed, " "))
end

local caught = 0
for i = 1, 200000 do
  if not pcall(error, i) then caught = caught + 1 end
end
print("caught in all", caught)

local sum, primes = 0, {}
for n = 2, 2000 do
  local prime = true
  for _, p in ipairs(primes) do
    if n % p == 0 then prime = false; break end
  end
  if prime then primes[#primes + 1] = n; sum = sum + n end
end
print(string.format("%d primes, sum %d, root %.6f", #primes, sum, math.sqrt(sum)))
error("nobody catches this", 0)
