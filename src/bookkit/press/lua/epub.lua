-- The whole book as one EPUB 3: pandoc's own writer, with our markup inside and a contents that nests
-- chapters in parts.

local container = require "container"
local files = require "files"
local make_markup = require "markup"
local pictures = require "pictures"

local epub = {}

local function here(name) return pandoc.path.join { pandoc.path.directory(arg[0]), "..", "theme", "epub", name } end

local function heading(header)
  local number = header.attributes.number
  header.attributes.number = nil
  if number then
    header.content:insert(1, pandoc.Span({ pandoc.Str(number) }, { class = "num" }))
    header.content:insert(2, pandoc.Space())
  end
  return header
end

-- Only the light drawing goes along; its alternative text is its own.
local function image(picture)
  if picture.classes:includes("dark-content") then return {} end
  local plain = pandoc.Image({ pandoc.Str(pictures.alt(picture)) }, picture.src, "", pandoc.Attr("", { "plate" }))
  return plain
end

local function reference_list(div)
  if div.identifier ~= "refs" then return nil end
  return pandoc.Div(div.content:map(function(entry)
    return pandoc.Div(entry.content, pandoc.Attr(entry.identifier, { "csl-entry" }))
  end), pandoc.Attr("refs", { "refs" })), false
end

local function opening(chapter, markup)
  local out = pandoc.Blocks {}
  if chapter.dek and chapter.dek ~= "" then
    out:insert(markup.raw('<p class="dek">' .. markup.escape(chapter.dek) .. "</p>"))
  end
  return out
end

local function body(page, markup)
  local blocks = page.blocks
  local title = blocks:find_if(function(block) return block.t == "Header" and block.level == 1 end)
  blocks = blocks:walk { Image = image, Header = heading }
  blocks = blocks:walk { traverse = "topdown", Div = reference_list }:walk(markup.filter)
  if title then
    for index, block in ipairs(blocks) do
      if block.t == "Header" and block.level == 1 then
        for offset, line in ipairs(opening(page.chapter, markup)) do blocks:insert(index + offset, line) end
        break
      end
    end
  end
  return blocks
end

local function part_page(chapter, markup)
  local out = pandoc.Blocks {
    pandoc.Header(1, { pandoc.Str(chapter.title) }, pandoc.Attr("part-" .. chapter.number, { "part" })),
  }
  out:insert(2, markup.raw('<p class="part-number">Part ' .. markup.escape(chapter.number) .. "</p>"))
  local lines = pandoc.List(chapter.chapters or {}):map(function(other)
    local link = pandoc.Link({ pandoc.Str(other.title) }, "#" .. other.title_id)
    return { pandoc.Plain { pandoc.Str(other.number), pandoc.Space(), link } }
  end)
  if #lines > 0 then out:insert(pandoc.Div({ pandoc.BulletList(lines) }, { class = "part-contents" })) end
  return out
end

local function meta_of(job)
  local own = job.meta
  local title = { { type = "main", text = own.title } }
  if own.subtitle then title[2] = { type = "subtitle", text = own.subtitle } end
  return pandoc.Meta {
    title = title, pagetitle = own.title, ["toc-title"] = "Contents",
    author = own.author, description = own.description,
    lang = own.lang, date = own.date, identifier = own.identifier, ["cover-image"] = own["cover-image"],
    accessModes = { "textual", "visual", "auditory" },
    accessModeSufficient = { "textual" },
    accessibilityFeatures = {
      "alternativeText", "MathML", "transcript", "readingOrder", "structuralNavigation", "tableOfContents",
    },
    accessibilityHazards = { "none" },
    accessibilitySummary = "Pictures have text alternatives, formulas are MathML, clips have transcripts; " ..
      "headings and tables are marked up.",
  }
end

local function fonts_of(job)
  local names = pandoc.List { "SourceSerif4_400Regular", "SourceSerif4_400Regular_Italic", "SourceSerif4_600SemiBold",
    "SourceSans3_300Light", "SourceSans3_400Regular", "SourceSans3_600SemiBold", "IBMPlexMono_400Regular" }
  return names:map(function(name) return pandoc.path.join { job.extension, "fonts", name .. ".ttf" } end)
end

-- For each entry of the contents: how many of those after it stand inside it.
local function groups(chapters)
  local out, inside = pandoc.List {}, 0
  for _, chapter in ipairs(chapters) do
    if chapter.kind == "part" then
      out:insert(#chapter.chapters)
      inside = #chapter.chapters
    elseif inside > 0 then
      inside = inside - 1
    else
      out:insert(0)
    end
  end
  return out
end

function epub.write(job, prepare)
  local blocks, shared = pandoc.Blocks {}, make_markup { format = "epub" }
  for _, chapter in ipairs(job.chapters) do
    local markup = make_markup { format = "epub" }
    blocks:extend(chapter.kind == "part" and part_page(chapter, markup) or body(prepare(chapter), markup))
  end
  local options = pandoc.WriterOptions {
    html_math_method = "mathml", wrap_text = "none", highlight_method = "none", section_divs = true, split_level = 1,
    table_of_contents = true, toc_depth = 2, epub_fonts = fonts_of(job), epub_title_page = false,
    template = pandoc.template.compile(pandoc.template.default("epub3")), email_obfuscation = "none",
    variables = { css = { here "epub.css" } },
  }
  local bytes = pandoc.write(pandoc.Pandoc(blocks, meta_of(job)), "epub3", options)
  files.write(job.out, container.mend(bytes, {
    groups = groups(job.chapters), epoch = job.meta.epoch or 0,
    cover_alt = shared.escape(job.meta["cover-alt"] or "Cover"),
  }))
end

return epub
