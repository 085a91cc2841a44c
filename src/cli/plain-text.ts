/** At most one line of a terminal; control characters of a model's text never reach it. */
export function oneLine(text: string, width = 100): string {
  const flat = inCell(text).trim();
  return flat.length > width ? `${flat.slice(0, width - 1)}…` : flat;
}

/** A model's text for a terminal: lines stay, escape sequences and marks that turn words around do not. */
export function plainText(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    '',
  );
}

/** A text as the cell of a table: it breaks no line and moves no cursor. */
export function inCell(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, ' ');
}
