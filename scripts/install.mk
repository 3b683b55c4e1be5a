# make install [DESTDIR=] [PREFIX=/usr/local], make uninstall, make deb (build/deb/*.deb for the Debian release that it is built on)
.PHONY: install uninstall deb man
PREFIX ?= /usr/local
INSTALLED := $(DESTDIR)$(PREFIX)
COMPLETIONS := bash-completion/completions/toll zsh/site-functions/_toll fish/vendor_completions.d/toll.fish

man: $(BUILD)/man/toll.1
$(BUILD)/man/toll.1: man/toll.1.in scripts/make-man $(BUILD)/toll
	$(call say,MAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)scripts/make-man $(BUILD)/toll <$< >$@

install: $(BUILD)/toll $(BUILD)/man/toll.1
	$(Q)install -D -m 755 $(BUILD)/toll $(INSTALLED)/bin/toll
	$(Q)install -D -m 644 $(BUILD)/man/toll.1 $(INSTALLED)/share/man/man1/toll.1
	$(Q)install -D -m 644 README.md $(INSTALLED)/share/doc/toll/README.md
	$(Q)find scenarios examples -name node_modules -prune -o -type f -print | while read -r f; do \
		install -D -m 644 "$$f" "$(INSTALLED)/share/toll/$$f"; done
	$(Q)for f in $(COMPLETIONS); do install -d "$(INSTALLED)/share/$${f%/*}"; done
	$(Q)$(BUILD)/toll completion bash >$(INSTALLED)/share/bash-completion/completions/toll
	$(Q)$(BUILD)/toll completion zsh >$(INSTALLED)/share/zsh/site-functions/_toll
	$(Q)$(BUILD)/toll completion fish >$(INSTALLED)/share/fish/vendor_completions.d/toll.fish
	$(call say,INSTALL,$(INSTALLED)/bin/toll)

uninstall:
	$(Q)rm -f $(INSTALLED)/bin/toll $(INSTALLED)/share/man/man1/toll.1 $(addprefix $(INSTALLED)/share/,$(COMPLETIONS))
	$(Q)rm -rf $(INSTALLED)/share/toll $(INSTALLED)/share/doc/toll

deb: $(BUILD)/toll
	$(Q)scripts/make-deb
