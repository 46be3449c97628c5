# lwIP with the Rust TCP core, for Make. To be included after lwIP's own src/Filelists.mk, with GNU make:
#
#   LWIPDIR = lwip/src
#   include $(LWIPDIR)/Filelists.mk
#   LWIP_INCLUDE_DIRS = $(LWIPDIR)/include port/include .
#   LWIP_CFLAGS = $(CFLAGS)
#   include lwip_tcp_rust/Filelists.mk
#
#   firmware.elf: $(OBJECTS) $(LWIP_TCP_RUST_LIB)
#   	$(CC) $(LDFLAGS) -o $@ $(OBJECTS) $(LWIP_TCP_RUST_LIB)
#
# COREFILES and LWIPNOAPPSFILES lose tcp.c, tcp_in.c and tcp_out.c, and $(LWIP_TCP_RUST_LIB) is the archive in their place,
# with a rule that builds it. Put it behind the objects, and between -Wl,--start-group and -Wl,--end-group if lwIP is an archive too.
#
# LWIP_USE_RUST_TCP   1 (default), or 0 for lwIP's own TCP: then the lists stay and LWIP_TCP_RUST_LIB is empty
# LWIP_INCLUDE_DIRS   folders, separated by spaces: that of lwipopts.h, that of the port's arch/cc.h; lwIP's own is added
# LWIP_CFLAGS         the defines and target flags that lwIP is compiled with; include folders are not needed in it
# LWIP_TCP_RUST_TARGET      Rust target triple, for example thumbv7em-none-eabihf, or a target's JSON file; empty: the host's
# LWIP_TCP_RUST_PROFILE     release (default: small), fast, dev
# LWIP_TCP_RUST_TARGET_DIR  where cargo builds and the archive lies; one per set of options
# CARGO, CARGOFLAGS         the cargo to call and more arguments for cargo build, for example -Zbuild-std=core

LWIP_TCP_RUST_ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
LWIP_USE_RUST_TCP ?= 1

ifneq ($(filter 1 ON on yes y,$(LWIP_USE_RUST_TCP)),)

ifeq ($(LWIPDIR),)
$(error lwip_tcp_rust: set LWIPDIR to the src folder of lwIP and include its Filelists.mk before this file)
endif
ifeq ($(LWIP_INCLUDE_DIRS),)
$(error lwip_tcp_rust: set LWIP_INCLUDE_DIRS to the folders of lwipopts.h and of arch/cc.h, for example "port/include .")
endif

LWIP_TCP_RUST_PROFILE ?= release
LWIP_TCP_RUST_TARGET_DIR ?= lwip_tcp_rust
CARGO ?= cargo

LWIP_TCP_RUST_REPLACES := tcp.c tcp_in.c tcp_out.c
COREFILES := $(filter-out $(addprefix $(LWIPDIR)/core/,$(LWIP_TCP_RUST_REPLACES)),$(COREFILES))
LWIPNOAPPSFILES := $(filter-out $(addprefix $(LWIPDIR)/core/,$(LWIP_TCP_RUST_REPLACES)),$(LWIPNOAPPSFILES))

LWIP_TCP_RUST_LIB := $(abspath $(LWIP_TCP_RUST_TARGET_DIR))/$(if $(LWIP_TCP_RUST_TARGET),$(patsubst %.json,%,$(notdir $(LWIP_TCP_RUST_TARGET)))/)$(if \
	$(filter dev,$(LWIP_TCP_RUST_PROFILE)),debug,$(LWIP_TCP_RUST_PROFILE))/liblwip_tcp_rust.a

lwip_tcp_rust_space := $(subst ,, )
lwip_tcp_rust_include_dirs = $(subst $(lwip_tcp_rust_space),:,$(strip $(abspath $(LWIP_INCLUDE_DIRS) $(LWIPDIR)/include)))
lwip_tcp_rust_quote = '$(subst ','\'',$(1))'

# cargo itself knows best what is old (Rust sources, lwipopts.h and all it includes, flags), and leaves the archive alone if
# nothing is. CC is for wrapper.c: TARGET_CC when cross-compiling, since the host's CC builds what runs during the build.
# The first target of the project that includes this stays its default goal.
lwip_tcp_rust_goal := $(.DEFAULT_GOAL)
.PHONY: lwip_tcp_rust_FORCE
lwip_tcp_rust_FORCE:
$(LWIP_TCP_RUST_LIB): lwip_tcp_rust_FORCE
	+cd $(call lwip_tcp_rust_quote,$(LWIP_TCP_RUST_ROOT)) && MAKEFLAGS= \
	LWIP_DIR=$(call lwip_tcp_rust_quote,$(abspath $(LWIPDIR)/..)) \
	LWIP_INCLUDE_DIRS=$(call lwip_tcp_rust_quote,$(lwip_tcp_rust_include_dirs)) \
	LWIP_CFLAGS=$(call lwip_tcp_rust_quote,$(LWIP_CFLAGS)) \
	$(if $(LWIP_TCP_RUST_TARGET),TARGET_CC,CC)=$(call lwip_tcp_rust_quote,$(CC)) \
	$(CARGO) build --lib --profile $(LWIP_TCP_RUST_PROFILE) $(if $(LWIP_TCP_RUST_TARGET),--target $(LWIP_TCP_RUST_TARGET) \
	$(if $(filter release,$(LWIP_TCP_RUST_PROFILE)),--config $(call lwip_tcp_rust_quote,$(LWIP_TCP_RUST_ROOT)/cargo/small.toml))) \
	--target-dir $(call lwip_tcp_rust_quote,$(abspath $(LWIP_TCP_RUST_TARGET_DIR))) $(CARGOFLAGS)
.DEFAULT_GOAL := $(lwip_tcp_rust_goal)

else
LWIP_TCP_RUST_LIB :=
endif
