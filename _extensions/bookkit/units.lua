-- A number stays on the line of its unit: "20 ms" is written with a plain space and set with one that does
-- not break.

local units = {}
for unit in ("ms s min h µs ns Hz kHz MHz B kB MB GB KiB MiB GiB bit bits kbit/s Mbit/s Gbit/s B/s dB dBFS % points words streams"):gmatch("%S+") do
  units[unit] = true
end

local function is_unit(text)
  local unit = text:match("^([%%%aµ/]+)%p*$")
  return unit ~= nil and units[unit] ~= nil
end

local function joined(inlines)
  local out = pandoc.Inlines {}
  for i, inline in ipairs(inlines) do
    local before, after = inlines[i - 1], inlines[i + 1]
    local between = inline.t == "Space" and before and before.t == "Str" and after and after.t == "Str"
    local unit = between and before.text:match("%d$") and is_unit(after.text)
    out:insert(unit and pandoc.Str("\u{a0}") or inline)
  end
  return out
end

-- Lists of words cross slowly from pandoc to Lua, so only blocks whose text has a number with a unit are opened.
local function join(block)
  local text = pandoc.utils.stringify(block)
  for place in text:gmatch("%d ()") do
    if is_unit(text:match("^%S*", place)) then return block:walk { Inlines = joined } end
  end
end

return { Para = join, Plain = join, Header = join, DefinitionList = join }
