# The commands of the book. `./just COMMAND` works everywhere; `just COMMAND` where just is installed.

set shell := ["bash", "-euo", "pipefail", "-c"]
set positional-arguments
set no-exit-message # each command says itself what is wrong

# what renders the book in build and build-all: press, or quarto where Quarto is installed
engine := "press"

[private]
default:
    @{{ quote(just_executable()) }} --list --unsorted

[private]
render-env:
    @./just --env requirements.txt

[private]
dev-env:
    @./just --env requirements-dev.txt

[private]
labs-env:
    @./just --env requirements-labs.txt

# Build one edition into _book: html, pdf or epub
build FORMAT NAME="ml-inference-apis": render-env
    @.venv/bin/bookkit build "$1" "$2" --engine {{ engine }}

# Build the HTML, PDF and EPUB editions into _book
build-all NAME="ml-inference-apis": render-env
    @.venv/bin/bookkit build all "$1" --engine {{ engine }}

# Serve the book and show each edit as it is saved
preview *OPTIONS: render-env
    @.venv/bin/bookkit preview "$@"

# Check the sources (--built: check the editions in _book)
validate *ARGUMENTS: dev-env
    @.venv/bin/bookkit validate "$@"

# Check the prose (lint md), the code (lint py) or both (lint)
lint *ARGUMENTS: dev-env
    @.venv/bin/bookkit lint "$@"

# Run every check, build the book and test it, in a browser too
test *PYTEST: dev-env
    @.venv/bin/bookkit lint
    @.venv/bin/bookkit validate
    @.venv/bin/bookkit build all
    @.venv/bin/bookkit validate --built
    @.venv/bin/python -m pytest "$@"

# Where the book stands (--json: as data)
status *OPTIONS: render-env
    @.venv/bin/bookkit status "$@"

# The next piece of work, and everything that its author needs (next 8: of chapter 8)
next *OPTIONS: render-env
    @.venv/bin/bookkit next "$@"

# status, next, complete PR, approve CHAPTER, check, update, snapshot, import FILE, due
tracker *ARGUMENTS: render-env
    @.venv/bin/bookkit tracker "$@"

# Run the definition of done, and say what only a person can
done: dev-env
    @.venv/bin/bookkit done

# Run the notebooks on the book's progress into _analysis
analyze *OPTIONS: render-env
    @.venv/bin/bookkit analyze "$@"

# Measure: run a lab and write its record (--list shows the labs)
lab *ARGUMENTS: labs-env
    @.venv/bin/python -m labs "$@"

# Time the press on generated books (bench press) or the simulators against SimPy and Ciw (bench servelab)
bench WHAT *OPTIONS:
    @case "$1" in \
      press) ./just --env requirements.txt && .venv/bin/bookkit bench "$@" ;; \
      servelab) ./just --env requirements-dev.txt && shift && .venv/bin/python -m servelab.bench "$@" ;; \
      *) echo "bench: there is no $1 to time; it is press or servelab" >&2; exit 2 ;; \
    esac

# Remove what was built: _book and the caches (the environment stays)
clean:
    rm -rf _book _analysis .cache build
