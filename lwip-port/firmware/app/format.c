/* Formatting without the C library's printf, which would bring a heap and floating point along. */
#include "firmware.h"

#include <string.h>

struct output {
  char *to;
  size_t size, length;
};

static void put(struct output *out, char c)
{
  if (out->length + 1 < out->size) {
    out->to[out->length] = c;
  }
  out->length++;
}

static void put_padded(struct output *out, const char *text, size_t length, unsigned width, char pad)
{
  while (width > length) {
    put(out, pad);
    width--;
  }
  while (length-- != 0) {
    put(out, *text++);
  }
}

static void put_number(struct output *out, unsigned long value, unsigned base, int negative, unsigned width, char pad)
{
  char digits[sizeof value * 3 + 2];
  size_t at = sizeof digits;
  do {
    digits[--at] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  if (negative) {
    digits[--at] = '-';
  }
  put_padded(out, &digits[at], sizeof digits - at, width, pad);
}

size_t format_text(char *to, size_t size, const char *format, va_list arguments)
{
  struct output out = { to, size, 0 };
  for (; *format != '\0'; format++) {
    if (*format != '%') {
      put(&out, *format);
      continue;
    }
    char pad = ' ';
    unsigned width = 0;
    for (format++; *format >= '0' && *format <= '9'; format++) {
      if (*format == '0' && width == 0) {
        pad = '0';
      }
      width = width * 10 + (unsigned)(*format - '0');
    }
    /* long is 32 bits on these targets, and so are int and size_t: the length says nothing. */
    while (*format == 'l' || *format == 'h' || *format == 'z') {
      format++;
    }
    if (*format == 's') {
      const char *text = va_arg(arguments, const char *);
      put_padded(&out, text, strlen(text), width, ' ');
    } else if (*format == 'c') {
      put(&out, (char)va_arg(arguments, int));
    } else if (*format == 'd' || *format == 'i') {
      long value = va_arg(arguments, int);
      put_number(&out, value < 0 ? 0ul - (unsigned long)value : (unsigned long)value, 10, value < 0, width, pad);
    } else if (*format == 'u') {
      put_number(&out, va_arg(arguments, unsigned), 10, 0, width, pad);
    } else if (*format == 'x' || *format == 'X' || *format == 'p') {
      put_number(&out, va_arg(arguments, unsigned), 16, 0, width, pad);
    } else if (*format == '\0') {
      break;
    } else {
      put(&out, *format);
    }
  }
  if (size != 0) {
    to[out.length < size ? out.length : size - 1] = '\0';
  }
  return out.length;
}
