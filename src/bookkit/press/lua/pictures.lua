-- The natural size of a picture, so that a page keeps its place while pictures load and a wide drawing gets
-- the wide place.

local files = require "files"

local pictures = {}

pictures.text_width = 592                         -- the text column in CSS pixels (37rem)
local wide_from = 700

local units = { pt = 4 / 3, px = 1, mm = 96 / 25.4, cm = 96 / 2.54, ["in"] = 96, [""] = 1 }

local function length(text)
  local number, unit = (text or ""):match("^([%d.]+)(%a*)$")
  return number and units[unit] and tonumber(number) * units[unit]
end

local function svg_size(text)
  local tag = text:match("<svg[^>]*>")
  if not tag then return nil end
  local width, height = length(tag:match('%swidth="([^"]+)"')), length(tag:match('%sheight="([^"]+)"'))
  if width and height then return width, height end
  local box_width, box_height = tag:match('viewBox="%S+%s+%S+%s+(%S+)%s+([^"%s]+)"')
  return tonumber(box_width), tonumber(box_height)
end

local function png_size(text)
  if text:sub(2, 4) ~= "PNG" then return nil end
  return string.unpack(">I4I4", text, 17)
end

local known = {}

-- Pictures change between jobs.
function pictures.forget() known = {} end

-- Width and height in CSS pixels; nil when the file is missing or of another kind.
function pictures.size(path)
  if known[path] == nil then
    local ok, text = pcall(files.read, path)
    local width, height
    if ok then
      if path:match("%.svg$") then width, height = svg_size(text) end
      if path:match("%.png$") then width, height = png_size(text) end
    end
    known[path] = width and { math.floor(width + 0.5), math.floor(height + 0.5) } or false
  end
  if known[path] then return known[path][1], known[path][2] end
  return nil
end

-- The form for phones that stands beside a drawing, x-narrow-light.svg for x-light.svg, or beside a cell's plot,
-- x-narrow.svg for x.svg; nil when there is none.
function pictures.narrow(path)
  local stem, tone = path:match("^(.*)(%-%l+)%.svg$")
  if tone ~= "-light" and tone ~= "-dark" then stem, tone = path:match("^(.*)%.svg$"), "" end
  local narrow = stem and ("%s-narrow%s.svg"):format(stem, tone)
  return narrow and pictures.size(narrow) and narrow or nil
end

function pictures.is_wide(float)
  if float.attributes.width == "wide" then return true end
  local wide = false
  float:walk { Image = function(image)
    local width = pictures.size(image.src)
    if width and width > wide_from and not image.attributes.width then wide = true end
  end }
  return wide
end

function pictures.alt(image)
  return image.attributes["fig-alt"] or image.attributes.alt or pandoc.utils.stringify(image.caption)
end

-- The width that the author asked for, in CSS pixels: "60%" of the text column, "300px", or nil.
function pictures.asked_width(image)
  local text = image.attributes.width
  if not text then return nil end
  local percent = text:match("^([%d.]+)%%$")
  if percent then return math.floor(pictures.text_width * tonumber(percent) / 100 + 0.5) end
  return length(text)
end

return pictures
