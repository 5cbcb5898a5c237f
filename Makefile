# memtrace: build, test, install. `make help` lists the targets.

BUILD   ?= build
DESTDIR ?=
prefix  ?= /usr/local
CC      ?= cc
VERSION := 0.1.0

# WARNINGS=error makes them fatal, as CI does.
warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
            -Wvla -Wundef -Wwrite-strings $(if $(filter error,$(WARNINGS)),-Werror)
base     := -std=gnu11 -D_GNU_SOURCE -I. -g -O2 $(warnings) -MMD -MP \
            -DMT_VERSION='"$(VERSION)"'

# The library in the traced process: libc and the loader only, nothing exported but the map. No
# vector registers: they want an aligned stack, which not all callers of malloc have.
inside_flags := $(base) -fPIC -fvisibility=hidden -fno-builtin-malloc -fno-builtin-calloc \
                -fno-builtin-realloc -fno-builtin-free -ftls-model=initial-exec \
                -fno-omit-frame-pointer -fno-plt -fno-stack-protector \
                -mgeneral-regs-only \
                $(if $(CHECK_TRACEBACKS),-DMT_CHECK)

# SANITIZE=-fsanitize=... applies to everything outside.
packages      := libdw libelf libunwind-ptrace libunwind-generic zlib
package_libs  := $(shell pkg-config --libs $(packages) 2>/dev/null) -liberty -lm
outside_flags := $(base) $(shell pkg-config --cflags $(packages) 2>/dev/null) $(SANITIZE)

# CHECK_TRACEBACKS=1: a library that compares its tracebacks with libunwind's.
inside_sources  := $(wildcard preload/*.c preload/*.S tracer/record/*.c \
                     $(if $(CHECK_TRACEBACKS),$(addprefix tests/tracebacks/,compare.c \
                       oracle.c oracle-libgcc.c report.c)))
outside_sources := $(wildcard formats/*.c tracer/collect/*.c tracer/analyze/*.c cli/*.c)
library_sources := $(filter-out cli/main.c,$(outside_sources))

object           = $(patsubst %,$(BUILD)/$(1)/%.o,$(basename $(2)))
inside_objects  := $(call object,inside,$(inside_sources))
archive         := $(BUILD)/libmemtrace-outside.a
library         := $(BUILD)/libmemtrace.so
program         := $(BUILD)/memtrace
completions     := $(BUILD)/completion/memtrace.bash $(BUILD)/completion/memtrace.zsh \
                   $(BUILD)/completion/memtrace.fish

# V=1 shows whole command lines.
show = $(if $(V),,@echo '  $(1)  $@';)

.PHONY: all
all: $(program) $(library) $(completions)	## build everything into build/ (the default)

# Doors get their caller's frame pointer in a register; they need none of their own.
$(patsubst %,$(BUILD)/inside/preload/%.o,interpose python resize serve): inside_flags += -fomit-frame-pointer

$(BUILD)/inside/%.o: %.c Makefile | $(BUILD)/.packages
	@mkdir -p $(@D)
	$(call show,CC) $(CC) $(inside_flags) $(CFLAGS) -c $< -o $@

$(BUILD)/inside/%.o: %.S Makefile | $(BUILD)/.packages
	@mkdir -p $(@D)
	$(call show,CC) $(CC) $(inside_flags) $(CFLAGS) -c $< -o $@

$(BUILD)/outside/%.o: %.c Makefile | $(BUILD)/.packages
	@mkdir -p $(@D)
	$(call show,CC) $(CC) $(outside_flags) $(CFLAGS) -c $< -o $@

$(library): $(inside_objects) preload/memtrace.map
	$(call show,LD) $(CC) -shared -Wl,--version-script=preload/memtrace.map -Wl,-z,now -Wl,-Bsymbolic \
	    -Wl,--sort-section=name \
	    -Wl,-soname,libmemtrace.so -Wl,--no-undefined $(CFLAGS) $(LDFLAGS) \
	    $(inside_objects) -o $@

$(archive): $(call object,outside,$(library_sources))
	$(call show,AR) rm -f $@; $(AR) rcs $@ $^

$(program): $(BUILD)/outside/cli/main.o $(archive)
	$(call show,LD) $(CC) $(SANITIZE) $(CFLAGS) $(LDFLAGS) $^ $(package_libs) -o $@

$(BUILD)/completion/memtrace.%: $(program)
	@mkdir -p $(@D)
	$(call show,GEN) $(program) completion $* > $@.tmp && mv $@.tmp $@

# What is missing is named by its Debian package, before the compiler stumbles over it.
$(BUILD)/.packages:
	@mkdir -p $(@D)
	@CC="$(CC)" tests/packages && touch $@

# ---- tests -----------------------------------------------------------------------------

# A unit test links the outside archive; one that needs objects of the inside names them
# in its first line: `// inside: tracer/record/x.c preload/y.c`.
unit_programs     := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test-*.c))
property_programs := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/property/test-*.c \
                       tests/fault/test-*.c))
outside_programs  := $(patsubst %.c,$(BUILD)/%,$(filter %.c,$(shell grep -L '^// inside:' \
                       $(wildcard tests/unit/test-*.c tests/fault/test-*.c) /dev/null)))

inside_of = $(foreach source,$(shell sed -n '1s|^// inside: *||p' tests/$(1).c), \
              $(BUILD)/inside/$(basename $(source)).o)

$(BUILD)/tests/%: tests/%.c tests/tap.h $(archive) $(inside_objects)
	@mkdir -p $(@D)
	$(call show,LD) $(CC) $(outside_flags) $(CFLAGS) $< $(call inside_of,$*) $(archive) $(package_libs) \
	    -lpthread -o $@

export BUILD
run := tests/run

.PHONY: check setup lint unit property checked tracebacks check-tracebacks e2e golden \
        check-golden asan asan-tests clang fuzz format check-real bench quickstart
setup:		## install the Debian packages that the tests need (root or sudo)
	tests/setup check

check: setup	## do the set-up and run all tests; the last line counts them
	+tests/check

unit: $(unit_programs)	## one test program per module
	$(run) $@ $^

property: all $(property_programs)	## random work against a model, and failing system calls
	$(run) $@ $(property_programs) $(wildcard tests/property/*.py)

e2e: all	## the command line, black box
	$(run) $@ $(wildcard tests/e2e/*.bats)

checked: all	# the library that compares its tracebacks with libunwind's
	+$(MAKE) --no-print-directory BUILD=$(BUILD)/checked CHECK_TRACEBACKS=1 \
	    $(BUILD)/checked/libmemtrace.so

tracebacks: checked	## every traceback of stress programs is libunwind's
	$(run) $@ tests/tracebacks/run

check-tracebacks: checked	## the same, longer, and well-known programs: 10^7 comparisons
	tests/setup bench
	tests/tracebacks/run --full

check-golden: all	## exact outputs of commands over tests/traces
	$(run) golden $(wildcard tests/golden/*.bats)

golden: all	## write the exact outputs anew; review the diff
	GOLDEN=rewrite $(run) golden $(wildcard tests/golden/*.bats)

lint: all	## layers, headers, format, symbols, man pages
	$(run) $@ $(wildcard tests/lint/*.t)

format:		## rewrite all C files with clang-format 14
	clang-format -i $(shell git ls-files '*.c' '*.h')

sanitizers := -fsanitize=address,undefined -fno-sanitize-recover=undefined
asan:		## everything outside with AddressSanitizer and UBSan, and its tests
	+$(MAKE) BUILD=build/asan SANITIZE='$(sanitizers)' CFLAGS='-O1 $(CFLAGS)' asan-tests

asan-tests: $(outside_programs) all
	$(run) asan $(outside_programs) $(wildcard tests/e2e/*.bats)
	@rm -f $(program)	# one file named memtrace in the tree

clang:		## build with clang, warnings as errors
	+$(MAKE) BUILD=build/clang CC=clang WARNINGS=error all
	@rm -f build/clang/memtrace

fuzz:		## readers of untrusted bytes against any bytes, FUZZ_SECONDS (default 20)
	$(run) $@ $(wildcard tests/fuzz/*.t)

check-real: all	## well-known programs behave the same with and without us
	tests/setup real
	TEST_TIMEOUT=3600 $(run) real tests/real/check

bench: all $(patsubst %,$(BUILD)/tests/bench/many-%,tracebacks sites)	## wall time beside plain and heaptrack; tests/bench/README.md
	tests/bench/run $(BENCH)

quickstart:	## build, record two programs and show what was found
	tests/setup quickstart
	+$(MAKE) --no-print-directory all
	examples/quickstart

# ---- installation ----------------------------------------------------------------------

to := $(DESTDIR)$(prefix)
installed := bin/memtrace lib/libmemtrace.so lib/pkgconfig/memtrace.pc include/memtrace.h \
             share/bash-completion/completions/memtrace \
             share/zsh/site-functions/_memtrace \
             share/fish/vendor_completions.d/memtrace.fish \
             $(foreach page,$(notdir $(wildcard man/*.[0-9])), \
               share/man/man$(subst .,,$(suffix $(page)))/$(page))

.PHONY: install uninstall
install: all	## install below prefix (/usr/local), within DESTDIR
	install -D -m 755 $(program) $(to)/bin/memtrace
	install -D -m 644 $(library) $(to)/lib/libmemtrace.so
	install -D -m 644 preload/memtrace.h $(to)/include/memtrace.h
	install -d $(to)/lib/pkgconfig
	sed 's|@prefix@|$(prefix)|; s|@version@|$(VERSION)|' memtrace.pc.in \
	    > $(to)/lib/pkgconfig/memtrace.pc
	install -D -m 644 $(BUILD)/completion/memtrace.bash \
	    $(to)/share/bash-completion/completions/memtrace
	install -D -m 644 $(BUILD)/completion/memtrace.zsh \
	    $(to)/share/zsh/site-functions/_memtrace
	install -D -m 644 $(BUILD)/completion/memtrace.fish \
	    $(to)/share/fish/vendor_completions.d/memtrace.fish
	for page in $(wildcard man/*.[0-9]); do \
	    install -D -m 644 $$page $(to)/share/man/man$${page##*.}/$${page##*/} || exit; done

uninstall:	## remove what install installed
	rm -f $(addprefix $(to)/,$(installed))

.PHONY: clean help
clean:		## remove build/
	rm -rf $(BUILD)

help:		## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 14

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
