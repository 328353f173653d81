/* SPDX-License-Identifier: BSD-2-Clause */
/* Text for people in lines that fit the terminal: help, lists, findings. */
#ifndef SPANFLOW_BASE_WRAP_H
#define SPANFLOW_BASE_WRAP_H

#include <stddef.h>
#include <stdio.h>

/* Columns of the terminal, else COLUMNS, else 80. 0: `fd` is no terminal. */
unsigned sf_terminal_columns(int fd);

/* Columns of lines on the stream: 80, or those of a narrower terminal, but never less than 20. */
unsigned sf_wrap_columns(FILE *stream);

/*
 * Writes words from column `column` on, wrapped at sf_wrap_columns(), each further line indented. A
 * newline in the text begins a line. Returns the column behind the last word.
 */
size_t sf_wrap(FILE *stream, const char *text, size_t column, size_t indent);

#endif
