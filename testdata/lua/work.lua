-- Numbers, tables, strings and closures in turns, for measuring.
local sum = 0
local bodies = {}
for i = 1, 5 do bodies[i] = { x = i, y = i * 2, z = 0.5 * i, vx = 0, vy = 0, vz = 0, mass = 1 / i } end
for step = 1, 20000 do
  for i = 1, #bodies do
    local a = bodies[i]
    for j = i + 1, #bodies do
      local b = bodies[j]
      local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
      local square = dx * dx + dy * dy + dz * dz
      local pull = 0.001 / (square * math.sqrt(square))
      a.vx = a.vx - dx * b.mass * pull; b.vx = b.vx + dx * a.mass * pull
      a.vy = a.vy - dy * b.mass * pull; b.vy = b.vy + dy * a.mass * pull
      a.vz = a.vz - dz * b.mass * pull; b.vz = b.vz + dz * a.mass * pull
    end
  end
  for _, b in ipairs(bodies) do b.x = b.x + 0.001 * b.vx; b.y = b.y + 0.001 * b.vy; b.z = b.z + 0.001 * b.vz end
end
for _, b in ipairs(bodies) do sum = sum + b.x + b.y + b.z end
local words = {}
for i = 1, 20000 do words[#words + 1] = string.format("%d:%s", i * 7919 % 10007, ("x"):rep(i % 7)) end
table.sort(words)
local counts = {}
for _, word in ipairs(words) do counts[#word] = (counts[#word] or 0) + 1 end
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(string.format("%.17g", sum), #table.concat(words), counts[5], fib(24))
