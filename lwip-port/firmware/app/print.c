/* Text to the UART, and what becomes of a failed assertion. */
#include "board.h"
#include "firmware.h"

#define TEXT_MAX 256

static void write_text(const char *text)
{
  for (; *text != '\0'; text++) {
    if (*text == '\n') {
      board_putc('\r');
    }
    board_putc(*text);
  }
}

void console_printf(const char *format, ...)
{
  char text[TEXT_MAX];
  va_list arguments;
  va_start(arguments, format);
  format_text(text, sizeof text, format, arguments);
  va_end(arguments);
  write_text(text);
}

void firmware_assert_failed(const char *message, const char *file, int line)
{
  console_printf("ASSERT: %s (%s:%d)\n", message, file, line);
  board_exit(1);
}
