-- Behind bodies.lua: tables, strings and calls, each for about as long as that takes.
local function primes(limit)
  local composite, count = {}, 0
  for n = 2, limit do
    if not composite[n] then
      count = count + 1
      for m = n * n, limit, n do composite[m] = true end
    end
  end
  return count
end
local function tree(depth) if depth == 0 then return {} end return { tree(depth - 1), tree(depth - 1) } end
local function leaves(t) if not t[1] then return 1 end return leaves(t[1]) + leaves(t[2]) end
print(primes(200000), leaves(tree(14)))

local words, counts, digits = {}, {}, 0
for i = 1, 15000 do words[#words + 1] = string.format("%d:%s", i * 7919 % 10007, ("x"):rep(i % 7)) end
table.sort(words)
for _, word in ipairs(words) do counts[#word] = (counts[#word] or 0) + 1 end
local all = table.concat(words, " ")
for number in all:gmatch("(%d+):xx") do digits = digits + #number end
print(#all, counts[5], digits, select(2, all:gsub("x", "y")))

local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local function counter() local n = 0; return function(by) n = n + by; return n end end
local count, last = counter(), 0
for i = 1, 300000 do last = count(i) end
print(fib(26), last)
