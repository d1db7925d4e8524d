-- A chapter as the body of a web page. No style attributes, no line anchors, each id once.

local files = require "files"
local make_markup = require "markup"
local pictures = require "pictures"

local html = {}

local function image_tag(image, chapter, escape)
  local class = image.classes:includes("light-content") and ' class="light"'
    or image.classes:includes("dark-content") and ' class="dark"' or ""
  local width, height = pictures.size(image.src)
  local asked = pictures.asked_width(image)
  if asked and width then width, height = math.floor(asked + 0.5), math.floor(height * asked / width + 0.5) end
  local size = width and (' width="%d" height="%d"'):format(width, height) or ""
  local function place(path) return escape(files.relative(chapter.page, files.site_path(path))) end
  local src = files.is_elsewhere(image.src) and escape(image.src) or place(image.src)
  local img = ('<img%s src="%s" alt="%s"%s loading="lazy">'):format(class, src, escape(pictures.alt(image)), size)
  local narrow = pictures.narrow(image.src)
  if not narrow then return img end
  local source = '<picture><source media="(max-width: 40rem)" srcset="%s" width="%d" height="%d">%s</picture>'
  local across, down = pictures.size(narrow)
  return source:format(place(narrow), across, down, img)
end

-- Footnotes are gathered and stand at the end of the page, each with the way back.
local function footnotes(markup)
  local notes = pandoc.List {}
  local filter = {
    Note = function(note)
      notes:insert(note.content)
      local n = #notes
      return markup.rawi(('<sup><a href="#fn%d" id="fnref%d" role="doc-noteref">%d</a></sup>'):format(n, n, n))
    end,
  }
  local function section()
    if #notes == 0 then return pandoc.Blocks {} end
    local items = pandoc.Blocks {}
    for n, content in ipairs(notes) do
      local link = '<a href="#fnref%d" role="doc-backlink" aria-label="Back to the text, note %d">Back</a>'
      local back = markup.rawi(link:format(n, n))
      local last = content[#content]
      if last and (last.t == "Para" or last.t == "Plain") then
        last.content:extend { pandoc.Space(), back }
      else
        content:insert(pandoc.Para { back })
      end
      items:extend(markup.element("li", content, "fn" .. n))
    end
    local list = markup.element('ol class="fns"', items)
    local title = #notes == 1 and "Footnote" or "Footnotes"
    list:insert(1, markup.raw('<h2 id="footnotes" class="label">' .. title .. "</h2>"))
    return markup.element('section class="end" aria-labelledby="footnotes"', list)
  end
  return filter, section
end

-- pandoc writes alignment as style attributes: here they are classes, and column widths are left to the page.
local function without_styles(body)
  return (body
    :gsub("<colgroup>.-</colgroup>%s*", "")
    :gsub('(<t[dh])([^>]-) style="text%-align: (%a+);?"', '%1%2 class="%3"')
    :gsub('(<[%w]+[^>]-) style="[^"]*"', "%1")
    :gsub('<ol type="1"', "<ol"))
end

-- The bibliography as a list; pandoc gives Divs.
local function reference_list(markup)
  return { Div = function(div)
    if div.identifier ~= "refs" then return nil end
    local items = pandoc.Blocks {}
    for _, entry in ipairs(div.content) do
      local blocks = entry.content:map(function(block)
        return block.t == "Para" and pandoc.Plain(block.content) or block
      end)
      items:extend(markup.element('li class="csl-entry"', blocks, entry.identifier))
    end
    return markup.element('ol class="refs"', items, "refs"), false
  end, traverse = "topdown" }
end

local function heading(header)
  if header.level == 1 then return {} end
  local number = header.attributes.number
  local content = header.content
  if number then content:insert(1, pandoc.Span({ pandoc.Str(number) }, { class = "num" })) end
  return pandoc.Header(header.level, content, pandoc.Attr(header.identifier))
end

local function description(blocks)
  for _, block in ipairs(blocks) do
    if block.t == "Para" then
      local text = pandoc.utils.stringify(block.content):gsub("%s+", " ")
      if #text <= 160 then return text end
      return text:sub(1, 160):gsub("%s+%S*$", "") .. " …"
    end
  end
  return ""
end

local function body(page, markup)
  local notes, section = footnotes(markup)
  local images = { Image = function(image) return markup.rawi(image_tag(image, page.chapter, markup.escape)) end }
  local blocks = page.blocks:walk { Header = heading }:walk(reference_list(markup))
  blocks = blocks:walk(markup.filter):walk(images):walk(notes)
  blocks:extend(section())
  local text = pandoc.write(pandoc.Pandoc(blocks), "html5", {
    html_math_method = "mathml", wrap_text = "none", highlight_method = "none", email_obfuscation = "none",
  })
  return without_styles(text)
end

-- The chapter's own heading: its words and its label; the page's template draws it.
local function title(page)
  local first = page.blocks:find_if(function(block) return block.t == "Header" and block.level == 1 end)
  if not first then return page.chapter.title or "", "" end
  return pandoc.utils.stringify(first.content), first.identifier
end

function html.write(job, prepare)
  for _, chapter in ipairs(job.chapters) do
    if chapter.ast then
      local page = prepare(chapter)
      local words, label = title(page)
      files.write_json(chapter.out, {
        title = words, label = label, description = description(page.blocks), toc = page.toc, images = page.images,
        audio = page.audio, body = body(page, make_markup { format = "html" }),
      })
    end
  end
end

return html
