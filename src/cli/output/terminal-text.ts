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

/**
 * A field as it is shown to people: in the address of a webhook what stands behind a parameter, and a part of the path that looks
 * drawn by lot, may be the key to whatever is there. JSON has it whole.
 */
export function maskUrlKeys(field: string, text: string): string {
  if (field !== 'url') return text;
  return text
    .replace(/(?<=[?&;#][^=&;#?]*=)[^&;#]+/g, '***')
    .replace(
      /(?<=\/)(?!(?:[0-9a-f]{4,12}-){4})(?=[\w-]*\d)(?=[\w-]*[A-Za-z])([\w-]{4})[\w-]{16,}/gi,
      '$1***',
    );
}

/** A text as the cell of a table: it breaks no line and moves no cursor. */
export function inCell(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, ' ');
}
