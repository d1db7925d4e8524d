-- The press's pandoc half. Run as `pandoc lua press.lua`; reads names of job files, one a line, and answers each
-- with a line {"fault": null or what went wrong}. A job names one step:
--
--   parse   Markdown of each chapter -> its syntax tree (pandoc JSON, one canonical form for floats,
--           equations and paths) and a table of labels, references, images and unsupported constructs.
--   write   syntax trees + the numbers that the whole book has been given -> HTML bodies (JSON), Typst
--           fragments, or one EPUB.
--
-- The fields of a job are described in the functions that read them (reader.lua, writer.lua).

local here = pandoc.path.directory(arg[0])
package.path = pandoc.path.join { here, "?.lua" } .. ";" .. package.path

local files = require "files"

local steps = {
  parse = function(job) require("reader").parse(job) end,
  write = function(job)
    if not package.loaded.writer then  -- what the press shares with its extension is found there
      package.path = package.path .. ";" .. pandoc.path.join { job.extension, "?.lua" }
    end
    require("writer").write(job)
  end,
}

local function run(name)
  local job = files.read_json(name)
  local step = steps[job.step] or error("press.lua: unknown step " .. tostring(job.step))
  step(job)
end

for name in io.lines() do
  local done, fault = pcall(run, name)
  io.stdout:write(pandoc.json.encode { fault = done and pandoc.json.null or tostring(fault) }, "\n")
  io.stdout:flush()
end
