# Tests. A test program links the rooms that a "// rooms: base record" line among its first three names; "probe/proc" (below
# user/) or "tests/support/x" names one source instead of a room. Unit, model and replay tests are built with ASan + UBSan,
# each source once (build/san); tests/bpf is built plain, for it attaches to the real kernel as root; tests/fuzz with libFuzzer.
.PHONY: test-unit test-bpf test-fuzz test-e2e test-failures test-programs test-kernels check-compilers check-arch fuzz long-haul nightly

SAN_FLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SAN_CFLAGS := -std=c11 $(WARN) $(SAN_FLAGS) -pthread
FUZZ_FLAGS := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZ_CFLAGS := -std=c11 -Wall -Wextra -Werror $(FUZZ_FLAGS) -pthread
TEST_LDLIBS := -Wl,--as-needed $(LDLIBS) -luring -lcmocka

# the longest first
SAN_TESTS := $(wildcard tests/model/test_*.c tests/unit/test_*.c tests/replay/test_*.c)
BPF_TESTS := $(wildcard tests/bpf/test_*.c)
FUZZ_TESTS := $(wildcard tests/fuzz/fuzz_*.c)
# makers of what benches measure on: plain, as the program is
BENCH_TOOLS := $(wildcard tests/bench/*.c)
# the longest first
E2E_LONGEST := $(addprefix tests/e2e/test_,scenarios_quick.sh soak.sh failures.sh)
E2E_TESTS := $(E2E_LONGEST) $(filter-out $(E2E_LONGEST),$(wildcard tests/e2e/test_*.sh))
SAN_BINS := $(SAN_TESTS:%.c=$(BUILD)/%)
BPF_BINS := $(BPF_TESTS:%.c=$(BUILD)/%)
FUZZ_BINS := $(FUZZ_TESTS:%.c=$(BUILD)/%)
BENCH_BINS := $(BENCH_TOOLS:%.c=$(BUILD)/%)

test_words = $(shell sed -n '1,3s,^// rooms:,,p' $(1))
word_sources = $(or $(wildcard user/$(1:.c=).c),$(wildcard user/$(1)/*.c),$(1:.c=).c)
test_sources = $(1) $(foreach w,$(call test_words,$(1)),$(call word_sources,$(w)))

# $(1) test source, $(2) object directory
define test_program
$(BUILD)/$(1:%.c=%): $(patsubst %.c,$(2)/%.o,$(call test_sources,$(1)))
endef
$(foreach t,$(SAN_TESTS),$(eval $(call test_program,$(t),$(BUILD)/san)))
$(foreach t,$(BENCH_TOOLS),$(eval $(call test_program,$(t),$(BUILD))))
$(foreach t,$(BPF_TESTS),$(eval $(call test_program,$(t),$(BUILD))))
$(foreach t,$(FUZZ_TESTS),$(eval $(call test_program,$(t),$(BUILD)/fuzz)))

$(SAN_BINS):
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(SAN_CFLAGS) $^ -o $@ $(TEST_LDLIBS)
$(BPF_BINS) $(BENCH_BINS):
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $^ -o $@ $(TEST_LDLIBS)
$(FUZZ_BINS):
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer $^ -o $@ $(TEST_LDLIBS)

$(BUILD)/san/%.o: %.c Makefile scripts/tests.mk | $(BUILD)/.setup
	$(call say,CC-SAN,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(SAN_CFLAGS) -MMD -MP -c $< -o $@
$(BUILD)/fuzz/%.o: %.c Makefile scripts/tests.mk | $(BUILD)/.setup
	$(call say,CC-FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(FUZZ_CFLAGS) -MMD -MP -c $< -o $@

PROBE_SRCS := $(wildcard user/probe/*.c)
$(PROBE_SRCS:%.c=$(BUILD)/san/%.o) $(BPF_TESTS:%.c=$(BUILD)/%.o): | $(SKEL)
# kept between runs: the sources are shared by many tests
.SECONDARY:

test-programs: $(SAN_BINS) $(BPF_BINS) $(FUZZ_BINS) $(BENCH_BINS)
test-unit: $(SAN_BINS)
	$(Q)scripts/run-tests $(SAN_BINS)
test-bpf: $(BPF_BINS)
	$(Q)scripts/run-tests $(BPF_BINS)
test-fuzz: $(FUZZ_BINS)
	$(Q)scripts/run-tests $(FUZZ_BINS)
# FUZZ_SECONDS each, from tests/fuzz/corpus and from what earlier rounds found (build/fuzz-corpus); inputs that fail are kept in build/test-logs
fuzz: $(FUZZ_BINS)
	$(Q)mkdir -p $(BUILD)/test-logs $(FUZZ_BINS:$(BUILD)/tests/fuzz/fuzz_%=$(BUILD)/fuzz-corpus/%)
	$(Q)for f in $(FUZZ_BINS); do echo "$$f"; t=$${f##*/fuzz_}; $$f -max_total_time=$${FUZZ_SECONDS:-60} -max_len=8192 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix=$(BUILD)/test-logs/ $(BUILD)/fuzz-corpus/$$t tests/fuzz/corpus/$$t 2>&1 | \
		grep -E 'stat::number_of_executed|ERROR|SUMMARY|Test unit' ; [ $${PIPESTATUS[0]} -eq 0 ] || exit 1; done
test-e2e: $(BUILD)/toll $(BENCH_BINS)
	$(Q)scripts/run-tests $(E2E_TESTS)
# some four minutes, and as many for each of $KERNELS in machines of test_machine.sh
test-failures: $(BUILD)/toll
	$(Q)scripts/setup kernels || true
	$(Q)TEST_JOBS=1 TEST_TIMEOUT=3000 scripts/run-tests $(wildcard tests/failures/test_*.sh)
# an hour
long-haul: $(BUILD)/toll $(BUILD)/tests/bench/make_capture
	$(Q)scripts/long-haul
test: $(BUILD)/toll test-programs
	$(Q)scripts/run-tests $(SAN_BINS) $(FUZZ_BINS) $(BPF_BINS) $(E2E_TESTS)

# outside `make test`: other kernels in virtual machines ($KERNELS), other compilers, another architecture
test-kernels: $(BUILD)/toll
	$(Q)scripts/setup kernels || true
	$(Q)TEST_TIMEOUT=3000 scripts/run-tests tests/kernels/test_kernels.sh; status=$$?; cat $(BUILD)/kernels.md; exit $$status
check-compilers: $(BUILD)/toll
	$(Q)scripts/setup compilers || true
	$(Q)scripts/check-compilers
check-arch:
	$(Q)scripts/setup arch || true
	$(Q)scripts/check-arch

check: $(BUILD)/.setup
	$(Q)scripts/check
demo: $(BUILD)/toll
	$(Q)scripts/demo
bench: $(BUILD)/toll $(BENCH_BINS)
	$(Q)scripts/setup leak-tools || true
	$(Q)scripts/bench $(ROWS)
# every planted leak and trap live, three minutes each, five seeds: more than an hour and a half
nightly: $(BUILD)/toll
	$(Q)scripts/bench soaks

TEST_DEPS := $(foreach d,san fuzz .,$(wildcard $(addprefix $(BUILD)/$(d)/,$(addsuffix /*.d,$(addprefix user/,$(ROOMS)) tests/unit \
	tests/model tests/replay tests/bpf tests/fuzz tests/support))))
-include $(TEST_DEPS)
