import { truncateToFit } from '../../text/truncate.ts';

/**
 * Shortens a text to one line of a terminal. Control characters of the text of a model never reach
 * the terminal.
 */
export function oneLine(text: string, width = 100): string {
  return truncateToFit(inCell(text).trim(), width);
}

/**
 * Prepares the text of a model for a terminal. Lines stay. Escape sequences and marks that reverse
 * the direction of words are removed.
 */
export function plainText(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    '',
  );
}

/**
 * Masks a field for people. In the address of a webhook, the values of parameters and
 * random-looking parts of the path may be keys of any shape. JSON contains the full address.
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

/** Prepares a text for a cell of a table. The result breaks no line and moves no cursor. */
export function inCell(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]+/g, ' ');
}
