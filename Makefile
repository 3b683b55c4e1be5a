# toll: one file, no recursion. `make` builds build/toll; `make demo` and `make test` do all the set-up too. V=1 shows commands.
SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# all cores, but `make clean all` in that order
MAKEFLAGS += -j$(shell nproc)
ifneq ($(filter clean,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2);)

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Werror
CPPFLAGS := -I. -Iuser -I$(BUILD) -D_GNU_SOURCE -isystem /usr/include/postgresql
CFLAGS ?= -O2 -g
CFLAGS_ALL := -std=c11 $(WARN) $(CFLAGS) -fno-omit-frame-pointer -pthread
LDLIBS := -lbpf -lZydis -ldw -lelf -liberty -lz -lcurl -lcyaml -lyaml -ljansson -lhttp_parser -lmicrohttpd -lseccomp -lcap-ng -lpq -lssl -lcrypto -lncursesw -ltinfo -lm -pthread

ROOMS := base record scenario http provider gateway driver symbol probe timeline attribution leak report compare session commands
SRCS := $(wildcard $(addsuffix /*.c,$(addprefix user/,$(ROOMS))))
MAIN := $(wildcard user/main.c)
OBJS := $(SRCS:%.c=$(BUILD)/%.o)

BPF_SRCS := $(wildcard bpf/*.bpf.c)
BPF_OBJS := $(BPF_SRCS:%.c=$(BUILD)/%.o)
SKEL := $(BUILD)/toll.skel.h

# --- the program ---------------------------------------------------------------------------------------------------------------
.PHONY: all objects setup demo test check bench clean
all: $(BUILD)/toll

$(BUILD)/toll: $(OBJS) $(MAIN:%.c=$(BUILD)/%.o)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) $^ -o $@ $(LDLIBS)

objects: $(OBJS) $(MAIN:%.c=$(BUILD)/%.o)

$(BUILD)/%.o: %.c Makefile | $(BUILD)/.setup
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

# the report's style and script are part of the program (.incbin)
$(BUILD)/user/report/html_assets.o $(BUILD)/san/user/report/html_assets.o: $(wildcard user/report/assets/*)

# only probe/ includes the skeleton
$(patsubst %.c,$(BUILD)/%.o,$(wildcard user/probe/*.c)): | $(SKEL)

# --- BPF: one object per source, linked, turned into a skeleton -----------------------------------------------------------------
MULTIARCH = $(shell $(CC) -print-multiarch)
BPF_ARCH = $(if $(findstring aarch64,$(MULTIARCH)),arm64,x86)
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c Makefile | $(BUILD)/.setup
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) --target=bpf -D__TARGET_ARCH_$(BPF_ARCH) -O2 -g -Wall -Werror -I. -idirafter /usr/include/$(MULTIARCH) -idirafter /usr/$(MULTIARCH)/include \
		-MMD -MP -c $< -o $@

$(BUILD)/toll.bpf.o: $(BPF_OBJS)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(SKEL): $(BUILD)/toll.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name toll_bpf >$@

# --- set-up: packages, once a checkout (remade when the list changes); SETUP=build: only what building needs ----------------------
$(BUILD)/.setup: scripts/setup
	$(Q)mkdir -p $(BUILD)
	$(Q)scripts/setup $(SETUP)
	$(Q)touch $@
setup: $(BUILD)/.setup

# --- make install, make deb ----------------------------------------------------------------------------------------------------------
include scripts/install.mk

# --- tests: tests/<kind>/test_X.c links the rooms its first line names: "// rooms: base record" ------------------------------------
# Built with ASan + UBSan from sources (unit, model, replay): none of them may need root, BPF or network beyond loopback.
include scripts/tests.mk

clean:
	$(Q)rm -rf $(BUILD) out

-include $(OBJS:.o=.d) $(MAIN:%.c=$(BUILD)/%.d) $(BPF_OBJS:.o=.d)
