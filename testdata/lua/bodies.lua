-- Bodies that pull each other, for measuring: floats in fields of tables, and hardly anything else.
local function pull(count, steps)
  local bodies = {}
  for i = 1, count do bodies[i] = { x = i, y = i * 2, z = 0.5 * i, vx = 0, vy = 0, vz = 0, mass = 1 / i } end
  for step = 1, steps do
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
  local sum = 0
  for _, b in ipairs(bodies) do sum = sum + b.x + b.y + b.z end
  return sum
end
print(string.format("%.17g", pull(5, 8000)))
