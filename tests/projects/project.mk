# Makefile of the outside project, as BUILDING has it for Make. CORE is the folder of lwip_tcp_rust, LWIPDIR that of lwIP's sources.
PORT = $(LWIPDIR)/../contrib/ports/unix/port/include
CFLAGS = -O1

include $(LWIPDIR)/Filelists.mk
LWIP_INCLUDE_DIRS = $(LWIPDIR)/include $(PORT) .
LWIP_CFLAGS = $(CFLAGS)
include $(CORE)/Filelists.mk

SOURCES = main.c $(COREFILES) $(CORE4FILES) $(CORE6FILES) $(LWIPDIR)/netif/ethernet.c
OBJECTS = $(addsuffix .o,$(basename $(notdir $(SOURCES))))
vpath %.c $(sort $(dir $(SOURCES)))

program: $(OBJECTS) $(LWIP_TCP_RUST_LIB)
	$(CC) -o $@ $(OBJECTS) $(LWIP_TCP_RUST_LIB)
%.o: %.c lwipopts.h | $(LWIP_TCP_RUST_LIB)
	$(CC) $(CFLAGS) $(addprefix -I,$(LWIP_INCLUDE_DIRS)) -I$(CORE)/include -c -o $@ $<
