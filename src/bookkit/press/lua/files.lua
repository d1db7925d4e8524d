-- Reading, writing and naming files. All paths inside a syntax tree are relative to the project's root.

local files = {}

function files.read(name)
  local file = assert(io.open(name, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

function files.write(name, text)
  local file = assert(io.open(name, "wb"))
  assert(file:write(text))
  assert(file:close())
end

-- JSON's null is no value in Lua: such fields are left out.
local function without_null(value)
  if value == pandoc.json.null then return nil end
  if type(value) ~= "table" then return value end
  for key, inner in pairs(value) do value[key] = without_null(inner) end
  return value
end

function files.read_json(name)
  return without_null(pandoc.json.decode(files.read(name), false))
end

function files.write_json(name, value)
  files.write(name, pandoc.json.encode(value))
end

-- `chapters/../figures/a.svg` -> `figures/a.svg`
function files.collapse(path)
  local parts = pandoc.List {}
  for part in path:gmatch("[^/]+") do
    if part == ".." and #parts > 0 and parts[#parts] ~= ".." then
      parts:remove()
    elseif part ~= "." then
      parts:insert(part)
    end
  end
  return table.concat(parts, "/")
end

-- Does the target name another host, a data URI, or a place on its own page?
function files.is_elsewhere(target)
  return target:match("^%a[%w+.-]*:") ~= nil or target:match("^#") ~= nil or target == ""
end

-- A target written in `source` as a path from the project's root, without a leading slash.
function files.from_root(target, source)
  if files.is_elsewhere(target) then return target end
  if target:match("^/") then return files.collapse(target) end
  local path, anchor = target:match("^([^#]*)(#?.*)$")
  return files.collapse(pandoc.path.join { pandoc.path.directory(source), path }) .. anchor
end

-- The way from page `from` to file `to`, both from the root of the site.
function files.relative(from, to)
  local folders = select(2, from:gsub("/", ""))
  local shared = from:match("^(.*/)") or ""
  if shared ~= "" and to:sub(1, #shared) == shared then return to:sub(#shared + 1) end
  return ("../"):rep(folders) .. to
end

-- Where a built file of the cache stands in the site; every other file keeps its place.
function files.site_path(path)
  local name = path:match("^%.cache/.*/([^/]+)$")
  return name and "figures/cells/" .. name or path
end

return files
