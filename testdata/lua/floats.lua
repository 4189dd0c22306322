-- Floats at their edges: what is printed shows signs and bits of NaNs.

local inf, zero = 1 / 0, 0.0
local nan = zero / zero
local numbers = { 0.0, -0.0, 1, -1.5, inf, -inf, nan, -nan, 2 ^ 53, 5e-324, 1.7976931348623157e308, math.pi }

local function bits(x) return string.format("%016x", string.unpack("<I8", string.pack("<d", x))) end

for i, a in ipairs(numbers) do
  local row = {}
  for _, b in ipairs(numbers) do
    for _, f in ipairs {
      function() return a + b end, function() return a - b end, function() return a * b end,
      function() return a / b end, function() return a // b end, function() return a % b end,
      function() return a ^ b end, function() return -(a - b) end, function() return math.fmod(a, b) end,
    } do
      local ok, value = pcall(f)
      row[#row + 1] = ok and (math.type(value) == "float" and bits(value) or tostring(value)) or "error"
    end
  end
  print(i, table.concat(row, " "))
end

for _, f in ipairs { math.sqrt, math.sin, math.log, math.exp, math.acos, math.abs, math.floor, math.tointeger } do
  local row = {}
  for _, a in ipairs(numbers) do
    local ok, value = pcall(f, a)
    row[#row + 1] = ok and (math.type(value) == "float" and bits(value) or tostring(value)) or "error"
  end
  print(table.concat(row, " "))
end

print(nan, -nan, inf, -inf, inf - inf, string.format("%a %g %f", nan, -nan, inf * 0))
print(string.pack("<f", nan):byte(1, 4))
print(string.pack("<f", inf - inf):byte(1, 4))
print(tostring(tonumber("nan")), tonumber("0x1p-1074"), tonumber("1e400"), #string.format("%.99f", 1 / 3))
print(pcall(function() local t = {}; t[nan] = 1 end))
local keys = { [2 ^ 53] = "large", [-0.0] = "zero" }
print(keys[2 ^ 53 | 0], keys[0], nan == nan, nan ~= nan, nan < 1, not (nan >= 1))
table.sort(numbers, function(a, b) return a < b or (a == a and b ~= b) end)
for _, x in ipairs(numbers) do print(bits(x), x) end
