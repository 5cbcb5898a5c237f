# memtrace: build, test, install. `make help` lists the targets.

BUILD  ?= build
prefix ?= /usr/local
CC     ?= cc

VERSION := 0.1.0

warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
            -Wvla -Wundef -Wwrite-strings
base     := -std=gnu11 -D_GNU_SOURCE -I. -g -O2 $(warnings) -MMD -MP

# The library in the traced process: libc and the loader only, nothing exported but the map.
inside_flags := $(base) -fPIC -fvisibility=hidden -fno-builtin-malloc -fno-builtin-calloc \
                -fno-builtin-realloc -fno-builtin-free -ftls-model=initial-exec \
                -fno-omit-frame-pointer -fno-plt -fno-stack-protector \
                -DMT_VERSION='"$(VERSION)"'

packages      := libdw libelf libunwind-ptrace libunwind-generic zlib
package_flags := $(shell pkg-config --cflags $(packages) 2>/dev/null)
package_libs  := $(shell pkg-config --libs $(packages) 2>/dev/null) -liberty
outside_flags := $(base) $(package_flags) -DMT_VERSION='"$(VERSION)"'

inside_sources  := $(wildcard preload/*.c preload/*.S tracer/record/*.c)
outside_sources := $(wildcard formats/*.c tracer/collect/*.c tracer/analyze/*.c cli/*.c)
unit_sources    := $(wildcard tests/unit/test-*.c tests/property/test-*.c)

object          = $(patsubst %,$(BUILD)/$(1)/%.o,$(basename $(2)))
inside_objects  := $(call object,inside,$(inside_sources))
outside_objects := $(call object,outside,$(outside_sources))
archive         := $(BUILD)/libmemtrace-outside.a
library         := $(BUILD)/libmemtrace.so
program         := $(BUILD)/memtrace
unit_programs   := $(patsubst %.c,$(BUILD)/%,$(unit_sources))

.PHONY: all
all: $(program) $(library)

$(BUILD)/inside/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(inside_flags) $(CFLAGS) -c $< -o $@

$(BUILD)/inside/%.o: %.S Makefile
	@mkdir -p $(@D)
	$(CC) $(inside_flags) $(CFLAGS) -c $< -o $@

$(BUILD)/outside/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(outside_flags) $(CFLAGS) -c $< -o $@

$(library): $(inside_objects) preload/memtrace.map
	$(CC) -shared -Wl,--version-script=preload/memtrace.map -Wl,-z,now -Wl,-Bsymbolic \
	    -Wl,-soname,libmemtrace.so -Wl,--no-undefined $(CFLAGS) $(LDFLAGS) \
	    $(inside_objects) -o $@

$(archive): $(filter-out $(BUILD)/outside/cli/main.o,$(outside_objects))
	rm -f $@
	$(AR) rcs $@ $^

$(program): $(BUILD)/outside/cli/main.o $(archive)
	$(CC) $(CFLAGS) $(LDFLAGS) $^ $(package_libs) -o $@

# A unit test links the outside archive; one that names inside objects lists them in a
# first line `// inside: tracer/record/x.c preload/y.c`.
$(BUILD)/tests/%: tests/%.c $(archive) $(inside_objects)
	@mkdir -p $(@D)
	$(CC) $(outside_flags) $(CFLAGS) $< \
	    $(shell sed -n '1s|^// inside: *||p' tests/$*.c | tr ' ' '\n' | \
	        sed -n 's|\(.*\)\.[cS]$$|$(BUILD)/inside/\1.o|p') \
	    $(archive) $(package_libs) -lpthread -o $@

.PHONY: unit
unit: $(unit_programs)
	prove -e '' $(unit_programs)

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
