-- What pandoc's EPUB lacks, mended inside the container: chapters nested in parts, titles of files, a name
-- for the cover, the date of the commit.

local container = {}

-- Where each top-level `tag` element of `text` begins and ends: [{from, to}].
local function siblings(text, tag)
  local found, depth, start, place = pandoc.List {}, 0, nil, 1
  while true do
    local from, to, slash = text:find("<(/?)" .. tag .. "%f[%s>][^>]*>", place)
    if not from then return found end
    if slash == "" then
      if depth == 0 then start = from end
      depth = depth + 1
    else
      depth = depth - 1
      if depth == 0 then found:insert { start, to } end
    end
    place = to + 1
  end
end

-- Put the entries of a part's chapters inside the part's own. `groups` says for each top-level entry in turn
-- how many of the entries after it belong to it; `open` and `close` go around them.
local function nest(text, tag, groups, open, close)
  local entries = siblings(text, tag)
  local out, index, place = pandoc.List {}, 1, 1
  local function entry(i) return text:sub(entries[i][1], entries[i][2]) end
  for _, count in ipairs(groups) do
    if not entries[index] then break end
    out:insert(text:sub(place, entries[index][1] - 1))
    local own = entry(index)
    if count > 0 then
      local inner = pandoc.List {}
      for i = index + 1, index + count do inner:insert(entry(i)) end
      own = own:sub(1, -#("</" .. tag .. ">") - 1) .. open .. table.concat(inner) .. close .. "</" .. tag .. ">"
    end
    out:insert(own)
    index = index + count + 1
    place = entries[index - 1][2] + 1
  end
  out:insert(text:sub(place))
  return table.concat(out)
end

-- Apply `change` to the part of `text` between two patterns.
local function within(text, first, last, change)
  local _, from = text:find(first)
  local to = text:find(last, from, true)
  return text:sub(1, from) .. change(text:sub(from + 1, to - 1)) .. text:sub(to)
end

local function plain(html) return (html:gsub("<[^>]*>", ""):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")) end

-- pandoc takes .mpega for the ending of audio/mpeg.
local function sounds_named(text) return (text:gsub("(media/file%d+)%.mpega", "%1.mp3")) end

local function mend(name, text, book)
  text = sounds_named(text)
  if name:match("nav%.xhtml$") then
    text = within(text, '<nav epub:type="toc"[^>]*>.-<ol class="toc">', '</ol></nav>', function(list)
      return nest(list, "li", book.groups, '<ol class="toc">', "</ol>")
    end)
  elseif name:match("toc%.ncx$") then
    text = within(text, "<navMap>", "</navMap>", function(list)
      return nest(list, "navPoint", book.groups, "", "")
    end)
  elseif name:match("content%.opf$") then
    text = text:gsub('(<meta property="dcterms:modified">)[^<]*', "%1" .. os.date("!%Y-%m-%dT%H:%M:%SZ", book.epoch))
  elseif name:match("cover%.xhtml$") then
    text = text:gsub("<svg ", function() return '<svg role="img" aria-label="' .. book.cover_alt .. '" ' end, 1)
  end
  if name:match("%.xhtml$") then
    text = text:gsub("%s*<style>%s*</style>", "")
    local heading = text:match("<h1[^>]*>(.-)</h1>")
    local title = heading and "<title>" .. plain(heading) .. "</title>"
    if title then text = text:gsub("<title>ch%d+%.xhtml</title>", function() return title end) end
  end
  return text
end

-- The bytes of an EPUB, mended. `book` has groups, epoch (seconds) and cover_alt (escaped).
function container.mend(bytes, book)
  local archive = pandoc.zip.Archive(bytes)
  local entries = pandoc.List(archive.entries):map(function(entry)
    local path = entry.path
    if not (path:match("%.xhtml$") or path:match("%.ncx$") or path:match("%.opf$")) then
      local named = sounds_named(entry.path)
      return named == entry.path and entry or pandoc.zip.Entry(named, entry:contents())
    end
    return pandoc.zip.Entry(entry.path, mend(entry.path, entry:contents(), book))
  end)
  archive.entries = entries
  return archive:bytestring()
end

return container
